import type { Logger } from 'pino'
import type { z } from 'zod'
import type { StackDetail } from '../api/stacks.ts'
import type { Peer, Schedule } from '../api/watch.ts'
import type { Clock } from '../lib/clock.ts'
import { formatDuration } from '../lib/duration.ts'
import type { Ran, Request } from '../lifeboat.ts'
import { considered, drillAt, needsGuard, ownerOf, replicateAt, type Task } from './due.ts'
import { ApiProblem } from './problem.ts'
import type { Seen } from './seen.ts'

const tick_ms = 100
/** After something else was found at work on the stack. */
const busy_ms = 500
/** Between two looks at whether the guard is needed, where it found nothing to do. */
const guard_ms = 30_000
/** While the other controller is at work on the stack. */
const held_off_ms = 2000
const most_drills = 1
/** Failures in a row. */
const too_often = 3

export type Schedules = {
  next(stack: string): StackDetail['next']
  list(): readonly Schedule[]
  /** Tasks that failed so often in a row that somebody should know. */
  failing(): readonly Task[]
  /** Whether a task came to an end since the start, and is not in the middle of failing. */
  ran(stack: string, task: string): boolean
  start(): void
  stop(): Promise<void>
}

export type Work = {
  readonly clock: Clock
  readonly site: string
  readonly logger: Logger
  readonly seen: () => ReadonlyMap<string, Seen>
  readonly peers: () => ReadonlyMap<string, z.infer<typeof Peer>>
  /** What the other controller is at with the stack, asked now. */
  readonly elsewhere: (task: Task, ask: boolean) => Promise<string | undefined>
  /** Whether something runs for the stack already. */
  readonly busy: (stack: string) => boolean
  /** Runs it to its end. */
  readonly run: (request: Request) => Promise<Ran | undefined>
  /** Cycles at once. */
  readonly replications: number
  /** Before the other controller is taken for gone: long enough for its restart, short against what is at stake. */
  readonly takeover_ms: number
  /** What transfers of a stack may take of the line then; undefined: no limit. */
  readonly limit_bps?: (seen: Seen, at: Date) => number | undefined
  /** How late something begins; for the numbers. */
  readonly late?: (task: Task['task'], late_ms: number) => void
}

/** Starts what is due, most overdue first, a few at once. */
export function openSchedules(work: Work): Schedules {
  const { clock, site, logger } = work
  const tasks = new Map<string, Task>()
  const running = new Map<string, Promise<void>>()
  const over = new AbortController()

  const keyOf = (stack: string, task: Task['task']) => `${task} ${stack}`
  function taskOf(stack: string, task: Task['task']): Task {
    const key = keyOf(stack, task)
    const known = tasks.get(key)
    if (known !== undefined) return known
    const none = { last_at: undefined, last: undefined, next_at: undefined }
    const made: Task = { stack, task, cycles: [], failures: 0, ...none }
    tasks.set(key, made)
    return made
  }
  /** The earliest time at which anything of a stack is due, as long as nothing else was seen and nothing of it ran. */
  const quiet = new Map<string, { readonly seen: Seen; readonly until_ms: number }>()
  const put = (task: Task) => {
    tasks.set(keyOf(task.stack, task.task), task)
    quiet.delete(task.stack)
  }

  /** As long as nothing else was seen and nothing ran, a time that was found holds: a tick over a thousand stacks is cheap. */
  const found = new Map<string, { readonly seen: Seen; readonly task: Task; readonly at: number | undefined }>()
  function dueAt(seen: Seen, task: Task, now: Date): number | undefined {
    if (task.task === 'drill') return drillDue(seen, task, now)
    const key = keyOf(seen.stack, task.task)
    const known = found.get(key)
    if (known !== undefined && known.seen === seen && known.task === task) return known.at
    const at = freshAt(seen, task, now)
    found.set(key, { seen, task, at })
    return at
  }

  /** What was put off is due no more where there is no reason left. */
  function nextAt(seen: Seen, task: Task, now: Date): number | undefined {
    const due = dueAt(seen, task, now)
    return due === undefined ? undefined : (task.next_at ?? due)
  }

  function freshAt(seen: Seen, task: Task, now: Date): number | undefined {
    switch (task.task) {
      case 'replicate':
        return replicateAt(seen, task, now.getTime(), limitUntilNext(seen, now))
      case 'drill':
        return undefined
      case 'guard':
        return needsGuard(seen) ? (task.last_at === undefined ? now.getTime() : task.last_at + guard_ms) : undefined
    }
  }

  /** A window of less may begin before the next cycle does. */
  function limitUntilNext(seen: Seen, now: Date): number | undefined {
    const limits = [now, new Date(now.getTime() + (seen.rpo_ms ?? 0))].flatMap((at) => work.limit_bps?.(seen, at) ?? [])
    return limits.length === 0 ? undefined : Math.min(...limits)
  }

  /** Reading a schedule costs more than a tick may: its next time holds until it is over or somebody has drilled. */
  const drills = new Map<string, { readonly basis: string; readonly at: number | undefined }>()
  function drillDue(seen: Seen, task: Task, now: Date): number | undefined {
    if (seen.drill === undefined) return undefined
    const basis = JSON.stringify([
      seen.drill,
      task.last_at,
      seen.proof?.started_at,
      seen.standby,
      seen.newest_point_at === undefined,
    ])
    const known = drills.get(seen.stack)
    if (known?.basis === basis && (known.at ?? Number.POSITIVE_INFINITY) > now.getTime() - seen.drill.within_ms)
      return known.at
    const at = drillAt(seen, task, now)
    drills.set(seen.stack, { basis, at })
    return at
  }

  function tick(): void {
    const now = clock.now()
    const peers = work.peers()
    const due: { readonly task: Task; readonly at: number }[] = []
    for (const seen of work.seen().values()) {
      const known = quiet.get(seen.stack)
      if (known?.seen === seen && known.until_ms > now.getTime()) continue
      let until_ms = Number.POSITIVE_INFINITY
      for (const kind of ['guard', 'replicate', 'drill'] as const) {
        const task = taskOf(seen.stack, kind)
        const at = nextAt(seen, task, now)
        until_ms = Math.min(until_ms, at ?? until_ms)
        if (at === undefined || at > now.getTime() || running.has(keyOf(seen.stack, kind))) continue
        // The guard looks for itself at what it sees: both may.
        if (kind !== 'guard' && !ownerOf(seen, site, peers, now, work.takeover_ms).here) continue
        if (work.busy(seen.stack)) continue
        due.push({ task, at })
      }
      quiet.set(seen.stack, { seen, until_ms })
    }
    due.sort((a, b) => a.at - b.at)
    for (const { task, at } of due) {
      if (count('replicate') >= work.replications && task.task === 'replicate') continue
      if (count('drill') >= most_drills && task.task === 'drill') continue
      if (work.busy(task.stack) || onStack(task.stack)) continue
      // What was due before the start is late by no fault of the schedule.
      work.late?.(task.task, now.getTime() - Math.max(at, started_ms))
      const key = keyOf(task.stack, task.task)
      running.set(
        key,
        begin(task).finally(() => running.delete(key)),
      )
    }
  }

  const count = (kind: Task['task']) => [...running.keys()].filter((key) => key.startsWith(`${kind} `)).length
  const onStack = (stack: string) => [...running.keys()].some((key) => key.endsWith(` ${stack}`))

  async function begin(task: Task): Promise<void> {
    const began_ms = clock.now().getTime()
    try {
      // Two sites that are active wait for nobody. A cycle of many goes by what the other controller has told by itself.
      const waits = task.task !== 'guard' || work.seen().get(task.stack)?.two_active !== true
      const steady = task.task === 'replicate' && task.failures === 0 && task.cycles.length > 0
      const why = waits ? await work.elsewhere(task, !steady) : undefined
      if (why !== undefined) {
        put({ ...task, last: why, next_at: clock.now().getTime() + held_off_ms })
        return
      }
      const ran = await work.run(requestOf(task))
      const bad = ran === undefined || ran.outcome === 'done' ? undefined : whyOf(ran)
      const cycle = ran === undefined ? undefined : cycleOf(ran, began_ms)
      put({
        ...task,
        cycles: cycle === undefined ? task.cycles : [...task.cycles, cycle].slice(-considered),
        failures: bad === undefined ? 0 : task.failures + 1,
        last_at: task.task === 'drill' ? began_ms : clock.now().getTime(),
        last: bad ?? 'done',
        next_at: undefined,
      })
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error)
      if (error instanceof ApiProblem && error.code === 'conflict') {
        put({ ...task, next_at: clock.now().getTime() + busy_ms })
        return
      }
      logger.warn({ stack: task.stack, task: task.task, why: what }, 'task failed')
      put({ ...task, failures: task.failures + 1, last_at: clock.now().getTime(), last: what, next_at: undefined })
    }
  }

  let going: Promise<void> | undefined
  let started_ms = 0
  const go = async () => {
    while (!over.signal.aborted) {
      tick()
      await clock.sleep(tick_ms, over.signal).catch(() => {})
    }
  }

  const listed = (): readonly (readonly [Seen, Task, number | undefined])[] =>
    [...work.seen().values()].flatMap((seen) =>
      (['replicate', 'drill', 'guard'] as const).flatMap((kind) => {
        const task = taskOf(seen.stack, kind)
        const at = nextAt(seen, task, clock.now())
        return at === undefined && kind !== 'guard' ? [] : [[seen, task, at] as const]
      }),
    )

  return {
    start() {
      started_ms = clock.now().getTime()
      going ??= go()
    },
    next(stack) {
      const seen = work.seen().get(stack)
      if (seen === undefined) return {}
      const at = (kind: 'replicate' | 'drill') => {
        const due = dueAt(seen, taskOf(stack, kind), clock.now())
        return due === undefined ? undefined : new Date(Math.max(due, clock.now().getTime())).toISOString()
      }
      return { replicate: at('replicate'), drill: at('drill') }
    },
    list: () =>
      listed().map(([seen, task, at]): Schedule => {
        const owner =
          task.task === 'guard'
            ? { here: true, why: 'whoever sees it' }
            : ownerOf(seen, site, work.peers(), clock.now(), work.takeover_ms)
        return {
          stack: seen.stack,
          task: task.task,
          every: everyOf(seen, task.task),
          next_at: at === undefined ? undefined : new Date(Math.max(at, clock.now().getTime())).toISOString(),
          last_at: task.last_at === undefined ? undefined : new Date(task.last_at).toISOString(),
          last: task.last,
          failures: task.failures,
          here: owner.here,
          why: owner.why,
        }
      }),
    ran(stack, kind) {
      const task = tasks.get(`${kind} ${stack}`)
      return task?.last !== undefined && (task.failures === 0 || task.failures >= too_often)
    },
    failing: () => [...tasks.values()].filter((task) => task.failures >= too_often && work.seen().has(task.stack)),
    async stop() {
      over.abort(new Error('the controller ends'))
      await going
    },
  }
}

function whyOf({ report, outcome, operation }: Ran): string {
  const why = report.failures.find((each) => !each.optional) ?? report.failures[0]
  return why === undefined ? `${operation} ended ${outcome}` : `${why.step}: ${why.what}`
}

function requestOf({ task, stack }: Task): Request {
  return task === 'drill'
    ? { verb: 'drill', stack, point: undefined, keep: false, remove: false }
    : { verb: task, stack }
}

function everyOf(seen: Seen, task: Task['task']): string {
  if (task === 'replicate') return formatDuration(seen.rpo_ms ?? 0)
  return task === 'drill' ? (seen.drill?.every ?? '') : 'when roles do not go together'
}

/** Times of a cycle that made a point; undefined for anything else. */
function cycleOf({ report }: Ran, began_ms: number): Task['cycles'][number] | undefined {
  if (report.verb !== 'replicate' || report.outcome !== 'done') return undefined
  const decided = Date.parse(report.decided_at)
  const taken = report.steps.find((step) => step.id === 'checkpoint')?.from_ms
  if (taken === undefined || report.ended_at === undefined) return undefined
  return {
    began_ms,
    taken_ms: decided + taken,
    complete_ms: Date.parse(report.ended_at),
    incremental: report.numbers.incremental ?? false,
    ...(report.numbers.sent_bytes === undefined ? {} : { sent_bytes: report.numbers.sent_bytes }),
  }
}
