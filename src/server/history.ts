import type { OperationEntry, OperationReport } from '../api/operations.ts'
import { fold } from '../execute/journal.ts'
import { type Lifeboat, type Request, report } from '../lifeboat.ts'
import type { Report } from '../report/report.ts'
import { eventsOf } from '../store/operation.ts'
import type { Database } from './database.ts'
import { entryOf, reportView } from './views.ts'

/**
 * Operations as rows, so that a thousand of them are read in a millisecond; the journals stay what an operation is resumed
 * from. What another process of this machine ran (the CLI) is taken in when it is seen.
 */
export type History = {
  /** Takes in what is new of one operation; `mine`: this controller began it. */
  record(operation: string, mine: boolean): OperationEntry
  list(query: {
    readonly stack?: string | undefined
    readonly limit: number
    readonly before?: string | undefined
    /** Also cycles that ended well; they come every few seconds. Default: yes. */
    readonly cycles?: boolean | undefined
  }): readonly OperationEntry[]
  report(operation: string): OperationReport | undefined
  /** What was asked for, where the operation is a part of the way there. */
  goal(operation: string): Request | undefined
  /** Undefined: reached, or given up. */
  setGoal(operation: string, goal: Request | undefined): void
  /** Parts that are done, of which this controller did not get to begin the next one. */
  halfway(): readonly { readonly entry: OperationEntry; readonly goal: Request }[]
  /** Forgets cycles that ended more than a day ago, and their journals: what a good one has to say is in its point. */
  prune(now: Date): void
  /** What this controller had begun and never saw the end of. */
  interrupted(): readonly OperationEntry[]
}

export function openHistory(
  lifeboat: Pick<Lifeboat, 'store'>,
  database: Database,
  running: (operation: string) => boolean,
): History {
  const put = database.prepare(
    `INSERT INTO operations (operation, stack, verb, decided_at, entry, mine) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET entry = excluded.entry, mine = max(mine, excluded.mine)`,
  )
  const page = database.prepare(
    'SELECT entry FROM operations WHERE (:stack IS NULL OR stack = :stack) AND operation < :before ORDER BY operation DESC LIMIT :limit',
  )
  // In the words of the index `operations_told`: among a million cycles the rest is found at once.
  const told = database.prepare(
    `SELECT entry FROM operations WHERE (verb <> 'replicate' OR json_extract(entry, '$.outcome') <> 'done')
     AND (:stack IS NULL OR stack = :stack) AND operation < :before ORDER BY operation DESC LIMIT :limit`,
  )
  const old = database.prepare(
    `SELECT operation FROM operations WHERE verb = 'replicate' AND decided_at < ? AND json_extract(entry, '$.outcome') IN ('done', 'undone')`,
  )
  const forget = database.prepare('DELETE FROM operations WHERE operation = ?')
  const goal = database.prepare('SELECT goal FROM operations WHERE operation = ?')
  const halfway = database.prepare('SELECT entry, goal FROM operations WHERE goal IS NOT NULL AND mine = 1')
  const setGoal = database.prepare('UPDATE operations SET goal = ? WHERE operation = ?')
  /** Those that need no second look. */
  const ended = new Set(
    (database.prepare('SELECT operation, entry FROM operations').all() as { operation: string; entry: string }[])
      .filter(({ entry }) => isFinal((JSON.parse(entry) as OperationEntry).outcome))
      .map(({ operation }) => operation),
  )

  const left = (database.prepare('SELECT entry FROM operations WHERE mine = 1').all() as { entry: string }[])
    .map(({ entry }) => JSON.parse(entry) as OperationEntry)
    .filter(({ outcome }) => outcome === 'running' || outcome === 'interrupted')

  function read(operation: string): { readonly found: Report; readonly view: OperationReport } | undefined {
    const events = eventsOf(lifeboat, operation)
    // A journal in which nothing was planned is none: its controller died at once.
    if (!events.some((event) => event.type === 'planned')) return undefined
    const found = report(lifeboat, operation)
    return { found, view: reportView(found, fold(events), running(operation)) }
  }

  function record(operation: string, mine: boolean): OperationEntry {
    const both = read(operation)
    if (both === undefined) throw new Error(`operation ${operation} has no plan in its journal`)
    const entry = entryOf(both.found, running(operation))
    put.run(operation, entry.stack, entry.verb, entry.decided_at, JSON.stringify(entry), Number(mine))
    if (isFinal(entry.outcome)) ended.add(operation)
    return entry
  }

  function takeIn(): void {
    for (const operation of lifeboat.store.list())
      if (!ended.has(operation) && read(operation) !== undefined) record(operation, false)
  }

  return {
    record,
    goal(operation) {
      const row = goal.get(operation) as { goal: string | null } | undefined
      return row?.goal == null ? undefined : (JSON.parse(row.goal) as Request)
    },
    setGoal: (operation, wanted) => void setGoal.run(wanted === undefined ? null : JSON.stringify(wanted), operation),
    halfway: () =>
      (halfway.all() as unknown as readonly { readonly entry: string; readonly goal: string }[])
        .map((row) => ({ entry: JSON.parse(row.entry) as OperationEntry, goal: JSON.parse(row.goal) as Request }))
        .filter(({ entry }) => entry.outcome === 'done'),
    interrupted: () =>
      left.filter(({ operation }) => lifeboat.store.list().includes(operation) && !ended.has(operation)),
    list({ stack, limit, before, cycles = true }) {
      takeIn()
      // `~` sorts after whatever an id may hold.
      const rows = (cycles ? page : told).all({ stack: stack ?? null, before: before ?? '~', limit }) as {
        entry: string
      }[]
      return rows.map(({ entry }) => JSON.parse(entry) as OperationEntry)
    },
    prune(now) {
      const day_ago = new Date(now.getTime() - 24 * 3_600_000).toISOString()
      for (const { operation } of old.all(day_ago) as unknown as readonly { operation: string }[]) {
        lifeboat.store.remove(operation)
        ended.delete(operation)
        forget.run(operation)
      }
    },
    report: (operation) => (lifeboat.store.list().includes(operation) ? read(operation)?.view : undefined),
  }
}

const isFinal = (outcome: OperationEntry['outcome']): boolean => outcome === 'done' || outcome === 'undone'
