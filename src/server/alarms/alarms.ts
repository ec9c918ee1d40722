import { randomBytes } from 'node:crypto'
import type { Alarm } from '../../api/watch.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Database } from '../database.ts'
import type { Condition } from './conditions.ts'

export type AlarmEvent = { readonly event: 'open' | 'repeat' | 'resolved'; readonly alarm: Alarm }

export type Alarms = {
  open(): readonly Alarm[]
  /** Open ones of a stack. */
  of(stack: string): readonly Alarm[]
  /** Open ones first, worst first, then those resolved in the last week. */
  list(): readonly Alarm[]
  /**
   * Opens, repeats and resolves; each is told once. What is `undecided` stays open: after a restart most things have yet to
   * be looked at again.
   */
  judge(conditions: readonly Condition[], undecided?: (alarm: Alarm) => boolean): void
}

const week_ms = 7 * 24 * 3_600_000

/** Alarms outlive the controller: what was open before a restart is not opened again. */
export function openAlarms(
  database: Database,
  clock: Clock,
  repeat_ms: number,
  tell: (event: AlarmEvent) => void,
): Alarms {
  const insert = database.prepare('INSERT INTO alarms (id, key, alarm, opened_at) VALUES (?, ?, ?, ?)')
  const update = database.prepare('UPDATE alarms SET alarm = ?, repeated_at = ?, resolved_at = ? WHERE id = ?')
  const expire = database.prepare('DELETE FROM alarms WHERE resolved_at < ?')
  const resolved = database.prepare(
    'SELECT alarm FROM alarms WHERE resolved_at IS NOT NULL ORDER BY resolved_at DESC LIMIT 500',
  )
  const open = new Map<string, Alarm>()
  for (const row of database
    .prepare('SELECT key, alarm FROM alarms WHERE resolved_at IS NULL')
    .all() as unknown as Row[])
    open.set(row.key, JSON.parse(row.alarm) as Alarm)
  /** Since when a condition has been so that is no alarm yet. */
  const since = new Map<string, number>()
  let worstFirst: readonly Alarm[] | undefined
  let byStack: ReadonlyMap<string, readonly Alarm[]> | undefined

  const write = (alarm: Alarm) =>
    void update.run(JSON.stringify(alarm), alarm.repeated_at ?? null, alarm.resolved_at ?? null, alarm.id)

  return {
    open: () => {
      worstFirst ??= [...open.values()].sort(
        (a, b) =>
          Number(b.severity === 'critical') - Number(a.severity === 'critical') ||
          b.opened_at.localeCompare(a.opened_at),
      )
      return worstFirst
    },
    of(stack) {
      byStack ??= Map.groupBy(open.values(), (alarm) => alarm.stack ?? '')
      return byStack.get(stack) ?? []
    },
    list() {
      const past = (resolved.all() as unknown as Pick<Row, 'alarm'>[]).map(({ alarm }) => JSON.parse(alarm) as Alarm)
      return [...this.open(), ...past]
    },
    judge(conditions, undecided = () => false) {
      const now = clock.now()
      const at = now.toISOString()
      const current = new Set<string>()
      for (const { hold_ms = 0, about = '', ...condition } of conditions) {
        const key = [condition.kind, condition.stack ?? '', condition.site ?? '', about].join(' ')
        if (current.has(key)) continue
        current.add(key)
        const known = open.get(key)
        if (known === undefined) {
          const began_ms = since.get(key) ?? now.getTime()
          since.set(key, began_ms)
          if (now.getTime() - began_ms < hold_ms) continue
          const alarm: Alarm = { ...condition, id: randomBytes(6).toString('hex'), opened_at: at }
          open.set(key, alarm)
          insert.run(alarm.id, key, JSON.stringify(alarm), at)
          byStack = undefined
          tell({ event: 'open', alarm })
          continue
        }
        // Worse is news; what only counts on, such as an age, is told with the next repeat.
        const worse = condition.severity === 'critical' && known.severity === 'warning'
        const due = now.getTime() - Date.parse(known.repeated_at ?? known.opened_at) >= repeat_ms
        const alarm: Alarm = { ...known, ...condition, ...(worse || due ? { repeated_at: at } : {}) }
        open.set(key, alarm)
        if (!worse && !due) continue
        write(alarm)
        tell({ event: 'repeat', alarm })
      }
      for (const key of since.keys()) if (!current.has(key)) since.delete(key)
      for (const [key, known] of open) {
        if (current.has(key) || undecided(known)) continue
        const alarm: Alarm = { ...known, resolved_at: at }
        open.delete(key)
        write(alarm)
        byStack = undefined
        tell({ event: 'resolved', alarm })
      }
      worstFirst = undefined
      byStack = undefined
      expire.run(new Date(now.getTime() - week_ms).toISOString())
    },
  }
}

type Row = { readonly key: string; readonly alarm: string }
