import { z } from 'zod'
import { Finding, OperationId, PointName, SiteName, StackName, Time, Verb } from './words.ts'

const on = { stack: StackName }
/** The stack's name once more: what ends something is not asked for by a slip. */
const confirm = z.string().max(63).optional().describe("The stack's name once more.")
const down = z.array(SiteName).max(8).default([]).describe('Silent sites that are down by your word.')

/** What is asked for, one shape per verb; as the CLI takes it. */
export const OperationRequest = z.discriminatedUnion('verb', [
  z.strictObject({
    verb: z.literal('deploy'),
    file: z.string().min(1).max(200).describe('A stack file below the stacks folder of the controller.'),
    site: SiteName.optional(),
    remove: z.array(z.string().max(63)).max(1000).default([]).describe('Instances that may go.'),
    overwrite: z.array(z.string().max(63)).max(1000).default([]).describe('Instances whose changes by hand may go.'),
  }),
  z.strictObject({ verb: z.literal('replicate'), ...on }),
  z
    .strictObject({
      verb: z.literal('drill'),
      ...on,
      point: PointName.optional(),
      keep: z.boolean().default(false).describe('Leave the bubble up.'),
      remove: z.boolean().default(false).describe('Only remove a bubble that was kept.'),
      gone: z.string().max(64).optional().describe('With `remove`: by your word whoever runs this drill is gone.'),
      promote: z
        .boolean()
        .default(false)
        .describe('Make the kept drill the stack: a failover with the data of the bubble, and asked for like one.'),
      down,
      confirm,
    })
    .refine(({ keep, remove, promote }) => [keep, remove, promote].filter(Boolean).length < 2, {
      error: 'keep, remove and promote exclude each other',
    })
    .refine(({ gone, remove }) => gone === undefined || remove, { path: ['gone'], error: 'goes with remove' })
    .refine(({ down, promote }) => down.length === 0 || promote, { path: ['down'], error: 'goes with promote' }),
  z.strictObject({
    verb: z.literal('failover'),
    ...on,
    to: SiteName.optional(),
    point: PointName.optional(),
    down,
    confirm,
  }),
  z.strictObject({ verb: z.literal('move'), ...on, to: SiteName.optional(), confirm }),
  z.strictObject({ verb: z.literal('failback'), ...on, confirm }),
  z.strictObject({ verb: z.literal('guard'), ...on }),
  z.strictObject({ verb: z.literal('reprotect'), ...on }),
  z.strictObject({
    verb: z.literal('rescue'),
    ...on,
    do: z.enum(['look', 'stop', 'discard']),
    epoch: z.int().min(1).optional(),
    confirm,
  }),
  z.strictObject({ verb: z.literal('destroy'), ...on, site: SiteName.optional(), confirm }),
])
export type OperationRequest = z.infer<typeof OperationRequest>

/** A kept drill that is promoted is a failover, whatever it is called. */
export const failsOver = (request: { readonly verb: string; readonly promote?: boolean | undefined }): boolean =>
  request.verb === 'failover' || (request.verb === 'drill' && request.promote === true)

export const TouchPoint = z.object({ kind: z.string(), what: z.string() })

const PlanStep = z.object({
  id: z.string(),
  phase: z.string(),
  site: z.string(),
  after: z.array(z.string()).describe('Ids of the steps that have to be done before.'),
  reason: z.string(),
  undoable: z.boolean(),
  point_of_no_return: z.boolean(),
  optional: z.boolean().describe('May fail without stopping the operation.'),
})

/** What an operation would do. */
export const PlanView = z.object({
  verb: Verb,
  stack: StackName,
  made_at: Time,
  summary: z.string(),
  steps: z.array(PlanStep),
  touches: z.array(TouchPoint).describe('Outside the stack, what the operation has to change.'),
  not_tested: z.array(z.string()),
  point: z.object({ name: z.string(), taken_at: Time }).optional().describe('What is launched.'),
  undoable: z.boolean(),
  findings: z.array(Finding),
  estimate: z
    .object({
      took_ms: z.number().optional(),
      outage_ms: z.number().optional(),
      loss_window_ms: z.number().optional().describe('Age of the launched point; 0 for a move.'),
      from: z.string().describe('What the estimate rests on.'),
    })
    .describe('Absent members are not known.'),
})
export type PlanView = z.infer<typeof PlanView>

const Failure = z.object({
  step: z.string(),
  optional: z.boolean(),
  what: z.string(),
  code: z.string().optional(),
  site: z.string().optional(),
})

const StepReport = z.object({
  id: z.string(),
  phase: z.string(),
  site: z.string(),
  reason: z.string(),
  state: z.enum(['done', 'failed', 'undone', 'running', 'not run']),
  from_ms: z.number().optional().describe('From the decision.'),
  took_ms: z.number().optional(),
})

export const Outcome = z.enum(['done', 'undone', 'stuck', 'running', 'interrupted'])

/** An operation as it was observed. `interrupted`: its controller is gone; resume or abort it. */
export const OperationReport = z.object({
  operation: OperationId,
  verb: Verb,
  stack: StackName,
  summary: z.string(),
  by: z.string(),
  decided_at: Time,
  ended_at: Time.optional(),
  outcome: Outcome,
  phases: z.array(z.object({ phase: z.string(), from_ms: z.number(), to_ms: z.number() })),
  steps: z.array(StepReport),
  numbers: z.object({
    rto_ms: z.number().optional(),
    outage_ms: z.number().optional(),
    point_age_ms: z.number().optional(),
    point: z.object({ name: z.string(), taken_at: Time }).optional(),
    pause_ms: z.number().optional(),
    sent_bytes: z.number().optional(),
    limit: z.string().optional().describe('What became of the limit of bandwidth.'),
    incremental: z.boolean().optional(),
    took_ms: z.number().optional(),
    loss: z
      .object({
        acknowledged: z.number(),
        present: z.number(),
        lost: z.number(),
        lost_before_point: z.number(),
        oldest_lost_at: Time.optional(),
      })
      .optional(),
    loss_unknown: z.string().optional().describe('Why the loss could not be counted.'),
    address: z.string().optional(),
  }),
  drill: z
    .object({
      drill: z.string(),
      site: z.string(),
      verdict: z.enum(['passed', 'failed', 'open']),
      kept: z.boolean(),
      rows: z.array(z.object({ name: z.string(), value: z.string() })).describe('What was seen, for a reader.'),
    })
    .optional(),
  touches: z.array(TouchPoint),
  physical_devices_touched: z.literal(0),
  physical_otherwise: z
    .object({ touches: z.int(), devices: z.int() })
    .optional()
    .describe('What the same would touch with VLANs and contexts on physical gear.'),
  not_tested: z.array(z.string()),
  findings: z.array(Finding),
  failures: z.array(Failure),
  left: z.array(z.string()).describe('What could not be taken back.'),
  resumable: z.boolean(),
  abortable: z.boolean(),
})
export type OperationReport = z.infer<typeof OperationReport>

/** A line of the history. */
export const OperationEntry = z.object({
  operation: OperationId,
  verb: Verb,
  stack: StackName,
  outcome: Outcome,
  by: z.string(),
  decided_at: Time,
  took_ms: z.number().optional(),
  rto_ms: z.number().optional(),
  outage_ms: z.number().optional(),
  point: z.string().optional().describe('The point that it made or launched.'),
  failed: z.int().describe('Steps that failed, whether the operation went on or not.'),
})
export type OperationEntry = z.infer<typeof OperationEntry>

export const LogLine = z.object({ at: Time, step: z.string().optional(), text: z.string() })

/** Writes that clients were told were accepted, as `--acknowledged` of the CLI has them line by line. */
export const Acknowledged = z.strictObject({
  acknowledged: z
    .array(
      z.strictObject({
        ref: z.string().min(1).max(200).describe('As the `protect.records` command lists it.'),
        acked_at: z.iso.datetime({ offset: true }).nullable().describe('Null: the client was told nothing.'),
      }),
    )
    .min(1)
    .max(50_000),
})

export const Started = z.object({
  operation: OperationId.optional().describe(
    'Absent where nothing was to be done, or where a second person is awaited.',
  ),
  approval: z.string().optional().describe('Id of the approval that a second person has to give.'),
  summary: z.string(),
})
export type Started = z.infer<typeof Started>
