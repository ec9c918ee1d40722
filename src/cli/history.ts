import { Command } from 'commander'
import { formatDuration } from '../lib/duration.ts'
import { report } from '../lifeboat.ts'
import type { Report } from '../report/report.ts'
import { eventsOf } from '../store/operation.ts'
import type { Store } from '../store/store.ts'
import { printJson, table } from './common.ts'
import { openState } from './open.ts'

export function historyCommand(): Command {
  return new Command('history')
    .description('operations that were run from here, oldest first; report tells more of each')
    .argument('[stack]', 'only those of this stack')
    .option('--json', 'as JSON')
    .action((stack: string | undefined, options: { json?: boolean }, command: Command) => {
      const entries = historyOf(openState(command)).filter((each) => stack === undefined || each.stack === stack)
      if (options.json === true) printJson(entries)
      else if (entries.length === 0)
        console.log(`no operation ${stack === undefined ? '' : `on ${stack} `}was run from here`)
      else process.stdout.write(historyText(entries))
    })
}

export type HistoryEntry = Pick<Report, 'operation' | 'verb' | 'stack' | 'outcome' | 'by' | 'decided_at'> & {
  readonly took_ms: number | undefined
  readonly rto_ms: number | undefined
  /** Of a move: from the first client cut off to the first good answer. */
  readonly outage_ms: number | undefined
  /** The point that the operation made or launched. */
  readonly point: string | undefined
  /** Steps that failed, whether the operation went on or not. */
  readonly failed: number
}

/** All operations of a store, oldest first. */
export function historyOf(store: Store): readonly HistoryEntry[] {
  return planned(store).map((id) => entryOf(report({ store }, id)))
}

/** A journal in which nothing was planned is none: its controller died at once. */
export function planned(store: Store): readonly string[] {
  return store.list().filter((id) => eventsOf({ store }, id).some((event) => event.type === 'planned'))
}

export function historyText(entries: readonly HistoryEntry[]): string {
  return table(
    ['WHEN (UTC)', 'VERB', 'STACK', 'OUTCOME', 'TOOK', 'RTO/OUTAGE', 'POINT', 'OPERATION'],
    entries.map((each) => [
      each.decided_at.slice(0, 19).replace('T', ' '),
      each.verb,
      each.stack,
      `${each.outcome === 'running' ? 'not ended' : each.outcome}${each.failed === 0 ? '' : `, ${each.failed} failed`}`,
      duration(each.took_ms),
      duration(each.rto_ms ?? each.outage_ms),
      each.point ?? '-',
      each.operation,
    ]),
  )
}

function entryOf({
  operation,
  verb,
  stack,
  outcome,
  by,
  decided_at,
  numbers,
  failures,
  summary,
}: Report): HistoryEntry {
  // A cycle has no point before it ends; its plan has the name.
  const made = verb === 'replicate' && outcome === 'done' ? /\bp\d{8}-\d{6}-\d{3}\b/.exec(summary)?.[0] : undefined
  return {
    operation,
    verb,
    stack,
    outcome,
    by,
    decided_at,
    took_ms: numbers.took_ms,
    rto_ms: numbers.rto_ms,
    outage_ms: numbers.outage_ms,
    point: numbers.point?.name ?? made,
    failed: failures.length,
  }
}

const duration = (ms: number | undefined): string => (ms === undefined ? '-' : formatDuration(ms))
