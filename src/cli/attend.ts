import process from 'node:process'
import { pastNoReturn, type Watcher } from '../execute/execute.ts'
import { fold, type JournalEvent } from '../execute/journal.ts'
import type { Plan } from '../plan/plan.ts'

/** What signals do to an operation, for as long as it runs. */
export type Attention = {
  /** Aborted by the first SIGINT or SIGTERM: the operation ends as after a failure. */
  readonly stop: AbortSignal
  /** Has to see every event: whether there is a way back decides what a signal leads to. */
  readonly watch: Watcher
  release(): void
}

/**
 * A process that is killed leaves an operation to `resume`; one that is asked to end takes back what it can. The terminal
 * that is gone asks for nothing: nobody must need a connection that stays up for a stack to be moved. Where nobody can
 * want an end without the person who began it, as in a drill, `ends_at_hangup` says so.
 */
export function attend(
  plan: Plan,
  options: {
    readonly before?: readonly JournalEvent[]
    readonly unwinding?: boolean
    readonly ends_at_hangup?: boolean
  },
): Attention {
  const stop = new AbortController()
  const events: JournalEvent[] = [...(options.before ?? [])]
  const asked = (signal: NodeJS.Signals) => {
    const what = `${plan.verb} ${plan.stack}`
    if (stop.signal.aborted || options.unwinding === true) {
      console.error(
        `${signal}: ${what} is ending, which cannot be cancelled; if it hangs, kill -9 ${process.pid} and lifeboat resume`,
      )
      return
    }
    console.error(
      pastNoReturn(plan, fold(events))
        ? `${signal}: ${what} is past its point of no return: it ends when the steps at work have ended, and lifeboat resume goes on`
        : `${signal}: ${what} ends when the steps at work have ended, and everything is taken back, which cannot be cancelled`,
    )
    stop.abort(`interrupted by ${signal}`)
  }
  const ignored = () => {}
  const on_hangup = options.ends_at_hangup === true ? asked : ignored
  process.on('SIGINT', asked).on('SIGTERM', asked).on('SIGHUP', on_hangup)
  return {
    stop: stop.signal,
    watch: (event) => {
      if (event.type !== 'progress') events.push(event)
    },
    release: () => {
      process.off('SIGINT', asked).off('SIGTERM', asked).off('SIGHUP', on_hangup)
    },
  }
}

/** Both are told. */
export const both =
  (one: Watcher, other: Watcher): Watcher =>
  (event) => {
    one(event)
    other(event)
  }
