import { z } from 'zod'
import { Finding, PointName, Role, SiteName, StackName, Time, Verb } from './words.ts'

export const Proof = z.object({
  state: z
    .enum(['proven', 'changed', 'failed', 'never', 'unknown'])
    .describe('`changed`: something differs from what was drilled; `unknown`: no standby that answers.'),
  words: z.string().describe('As `lifeboat status` says it.'),
  drill: z.string().optional(),
  ended_at: Time.optional(),
})

/** One stack at a glance: a row of the overview. */
export const StackSummary = z.object({
  stack: StackName,
  at: Time.describe('When it was looked at.'),
  active: SiteName.optional().describe('Absent where no site that answers is active.'),
  standby: SiteName.optional(),
  epoch: z.int().optional(),
  sites: z.array(
    z.object({
      site: SiteName,
      answers: z.boolean(),
      role: z
        .enum(['active', 'standby', 'stale', 'unknown'])
        .optional()
        .describe('Absent where the site has no claim.'),
    }),
  ),
  rpo_ms: z.number().optional().describe('The target; absent where the stack is not protected.'),
  newest_point_at: Time.optional().describe('When the newest complete point of the standby was taken.'),
  protection: z
    .enum(['met', 'missed', 'none', 'unknown'])
    .describe('The age of the newest complete point against the target; `none`: no standby is asked for.'),
  proof: Proof,
  ready: z.boolean().describe('A launch at the standby would find what it needs.'),
  alarms: z.int().describe('Open alarms of this stack.'),
  worst: z.enum(['warning', 'critical']).optional().describe('Of the open alarms.'),
  operation: z.object({ operation: z.string(), verb: Verb }).optional().describe('Running now.'),
  clients: z
    .enum(['answers', 'silent', 'unknown'])
    .optional()
    .describe("What the stack's checks get at the clients' places; absent where nothing is asked."),
  spark: z
    .array(z.number().nullable())
    .describe('Greatest age of the newest point in seconds, by half hour, the last day, oldest first; null: not seen.'),
})
export type StackSummary = z.infer<typeof StackSummary>

export const InstanceStatus = z.object({
  name: z.string(),
  power: z.enum(['running', 'stopped', 'paused', 'broken']),
  in_sync: z.boolean().optional().describe('Made from what the stack file says now.'),
})

export const StackAtSite = z.object({
  site: SiteName,
  answers: z.boolean(),
  silence: z.string().optional().describe('Why there is no answer.'),
  role: z.enum(['active', 'standby', 'stale', 'unknown']).optional(),
  epoch: z.int().optional(),
  decided: z.string().optional().describe('Why it has this role, who decided, and when.'),
  instances: z.array(InstanceStatus),
  points: z.int(),
  newest_point: z.string().optional(),
  rescues: z.array(z.object({ epoch: z.int(), machines: z.array(z.string()), at: Time })),
  pool_free_bytes: z.number().optional(),
  not_ready: z.array(z.string()),
})

export const VerbOffer = z.object({
  verb: Verb,
  role: Role.describe('The least role that may ask for it.'),
  allowed: z.boolean(),
  why_not: z.string().optional(),
})

/** A stack as it was seen a moment ago. */
export const StackDetail = StackSummary.extend({
  places: z.array(StackAtSite),
  home: SiteName.optional().describe('The site that the stack file does not name as standby.'),
  definition: z.object({ file: z.string(), digest: z.string() }).optional(),
  ingress: z.array(z.string()),
  checks: z.array(z.string()),
  services: z.array(z.object({ name: z.string(), drill: z.string() })),
  protect: z.object({ standby: SiteName, rpo_ms: z.number(), keep: z.string(), consistency: z.string() }).optional(),
  next: z.object({ replicate: Time.optional(), drill: Time.optional() }).describe('What the schedules do next.'),
  verbs: z.array(VerbOffer).describe('What you may ask for now, and why not.'),
  findings: z.array(Finding),
})
export type StackDetail = z.infer<typeof StackDetail>

export const Point = z.object({
  name: PointName,
  taken_at: Time,
  complete_at: Time,
  pause_ms: z.number(),
  sent_bytes: z.number(),
  incremental: z.boolean(),
  machines: z.array(z.string()),
})

export const PointsQuery = z.object({
  space: z.stringbool().default(false).describe('Also what each point takes in the pool, where the engine can tell.'),
})

export const PointsAt = z.object({
  site: SiteName,
  silence: z.string().optional(),
  pool: z.object({ name: z.string(), free_bytes: z.number(), total_bytes: z.number() }).optional(),
  points: z.array(Point).describe('Newest first.'),
  space: z
    .object({
      points: z.record(z.string(), z.number().optional()).describe('Bytes that nothing else shares, by point.'),
      replica_bytes: z.number().optional(),
    })
    .optional()
    .describe('Where it was asked for; absent members: the engine cannot tell.'),
})

export const RescueQuery = z.object({
  epoch: z.coerce
    .number()
    .int()
    .min(1)
    .optional()
    .describe('Of several copies the one of this epoch; else the newest.'),
})

/** What only a copy that was set aside holds, by the stack's own `records` command. */
export const RescueDifference = z.object({
  stack: StackName,
  site: SiteName,
  epoch: z.int(),
  project: z.string().describe('Where the clone runs, isolated.'),
  machines: z.array(z.string()),
  active: z.string(),
  held: z.int().describe('Records in the copy.'),
  only_here: z.array(z.string()).optional().describe('Absent where the stack file names no `protect.records`.'),
})

export const StackFileView = z.object({
  file: z.string().describe('Where it was deployed from.'),
  digest: z.string(),
  text: z.string(),
  held: z
    .array(z.object({ site: SiteName, digest: z.string().optional(), same: z.boolean() }))
    .describe('What each site would launch.'),
  differs: z.array(z.string()).describe('Instances that are not made from this file, as `SITE/INSTANCE`.'),
})

/** A drill that was seen, newest first: those of this controller, and the proof that the standby holds. */
export const ProofEntry = z.object({
  operation: z.string().optional(),
  drill: z.string(),
  site: SiteName.optional(),
  verdict: z.enum(['passed', 'failed', 'open']),
  at: Time,
  point: z.string().optional(),
  words: z.string(),
})
