import type { Database } from './database.ts'

const slot_ms = 30 * 60_000
const day_slots = 48
/** Fewer than these half hours say nothing about a trend. */
const enough = 6

/** Free bytes of the pools by half hour, and the day on which they will be gone if it goes on like that. */
export function openPools(database: Database) {
  const put = database.prepare('INSERT OR REPLACE INTO pools (site, slot, free_bytes) VALUES (?, ?, ?)')
  const expire = database.prepare('DELETE FROM pools WHERE slot < ?')
  const rows = database.prepare('SELECT slot, free_bytes FROM pools WHERE site = ? ORDER BY slot')
  const written = new Map<string, number>()
  return {
    note(site: string, free_bytes: number, now: Date): void {
      const slot = Math.floor(now.getTime() / slot_ms)
      if (written.get(site) === slot) return
      written.set(site, slot)
      put.run(site, slot, Math.round(free_bytes))
      expire.run(slot - day_slots)
    },
    fullOn(site: string, now: Date): Date | undefined {
      const seen = rows.all(site) as unknown as readonly { slot: number; free_bytes: number }[]
      return fullOn(seen, now)
    },
  }
}

/** By the line of least squares; undefined where the pool does not fill. */
export function fullOn(
  seen: readonly { readonly slot: number; readonly free_bytes: number }[],
  now: Date,
): Date | undefined {
  const last = seen.at(-1)
  if (last === undefined || seen.length < enough) return undefined
  const mean = (values: readonly number[]) => values.reduce((sum, each) => sum + each, 0) / values.length
  const slot = mean(seen.map((each) => each.slot))
  const free = mean(seen.map((each) => each.free_bytes))
  const over = seen.reduce((sum, each) => sum + (each.slot - slot) * (each.free_bytes - free), 0)
  const under = seen.reduce((sum, each) => sum + (each.slot - slot) ** 2, 0)
  const bytes_per_slot = over / under
  if (!(bytes_per_slot < 0)) return undefined
  const slots = last.free_bytes / -bytes_per_slot
  // Further away than a year is no forecast.
  return slots > 365 * day_slots ? undefined : new Date(now.getTime() + slots * slot_ms)
}
