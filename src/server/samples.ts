import type { Database } from './database.ts'

const slot_ms = 30 * 60_000
const slots = 48

/** Greatest age of the newest point by half hour, for the line of the last day. */
export type Samples = {
  note(stack: string, age_ms: number, now: Date): void
  /** Seconds by half hour, oldest first; null where nothing was seen. */
  spark(stack: string, now: Date): readonly (number | null)[]
}

export function openSamples(database: Database): Samples {
  const upsert = database.prepare(
    'INSERT INTO samples (stack, slot, age_s) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET age_s = max(age_s, excluded.age_s)',
  )
  const expire = database.prepare('DELETE FROM samples WHERE slot < ?')
  const known = new Map<string, Map<number, number>>()
  for (const row of database.prepare('SELECT stack, slot, age_s FROM samples').all() as unknown as Row[])
    of(row.stack).set(row.slot, row.age_s)
  let expired = 0

  function of(stack: string): Map<number, number> {
    const found = known.get(stack) ?? new Map<number, number>()
    known.set(stack, found)
    return found
  }

  return {
    note(stack, age_ms, now) {
      const slot = Math.floor(now.getTime() / slot_ms)
      const mine = of(stack)
      const age_s = Math.round(age_ms / 1000)
      if ((mine.get(slot) ?? -1) < age_s) {
        mine.set(slot, age_s)
        upsert.run(stack, slot, age_s)
      }
      for (const old of mine.keys()) if (old <= slot - slots) mine.delete(old)
      if (expired === slot) return
      expired = slot
      expire.run(slot - slots)
    },
    spark(stack, now) {
      const slot = Math.floor(now.getTime() / slot_ms)
      const mine = known.get(stack)
      return Array.from({ length: slots }, (_, index) => mine?.get(slot - slots + 1 + index) ?? null)
    },
  }
}

type Row = { readonly stack: string; readonly slot: number; readonly age_s: number }
