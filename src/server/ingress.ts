import type { IngressSight } from '../api/ingress.ts'
import type { Glance, Outside } from '../execute/world.ts'
import type { Clock } from '../lib/clock.ts'
import type { Ask } from '../operations/ingress.ts'
import type { Database } from './database.ts'
import { openRota } from './rota.ts'
import type { Seen } from './seen.ts'

const slot_ms = 30 * 60_000
const week_slots = 7 * 48
const within_s = 5
/** After a bad answer: a second one says whether it was the first of many. */
const again_ms = 10_000

/** One bad answer may be the moment in which a stack moves. */
export const in_a_row = 2

/** One check at one place, as it was seen last. */
export type Asked = {
  readonly stack: string
  readonly ask: Ask
  readonly state: IngressSight['state']
  readonly at: string
  readonly since: string
  /** In a row. */
  readonly failures: number
  readonly glance: Glance | undefined
  /** Why nothing can be seen from the place. */
  readonly blind: string | undefined
}

export type Ingress = {
  /** The checks of a stack that was looked at. */
  note(seen: Seen): void
  forget(stack: string): void
  tick(): void
  settled(): Promise<void>
  of(stack: string): readonly IngressSight[]
  all(): Iterable<Asked>
  /** Whether its checks, or all, were asked often enough to say how it is. */
  asked(stack: string | undefined): boolean
  /** The worst that was seen of a stack; undefined where nothing is asked. */
  stateOf(stack: string): IngressSight['state'] | undefined
}

/**
 * Asks the stacks' checks at the clients' places all the time: what a report sees once at the end of an operation, and what
 * tells of an outage that no operation made. By half hour it is kept for a week.
 */
export function openIngress(
  database: Database,
  clock: Clock,
  glance: Outside['glance'],
  pause_ms: number,
  changed: (stack: string) => void,
): Ingress {
  const put = database.prepare(
    `INSERT INTO ingress (stack, ask, slot, tries, good, slowest_ms) VALUES (?, ?, ?, 1, ?, ?) ON CONFLICT DO UPDATE
     SET tries = tries + 1, good = good + excluded.good, slowest_ms = max(slowest_ms, excluded.slowest_ms)`,
  )
  const rows = database.prepare('SELECT * FROM ingress WHERE stack = ? ORDER BY slot')
  const expire = database.prepare('DELETE FROM ingress WHERE slot < ?')
  const asks = new Map<string, ReadonlyMap<string, Ask>>()
  const seen = new Map<string, Asked>()
  let expired = 0
  const rota = openRota<{ readonly stack: string; readonly ask: Ask }>(clock, look)

  async function look({ stack, ask }: { readonly stack: string; readonly ask: Ask }): Promise<number> {
    const found = await glance(ask.place, ask.check, within_s).catch((error: unknown) => {
      if (error instanceof Error && error.name === 'OutsideError') return error.message
      throw error
    })
    const now = clock.now()
    const key = `${stack} ${keyOf(ask)}`
    // It may have been dropped meanwhile.
    if (asks.get(stack)?.has(keyOf(ask)) !== true) return pause_ms
    const blind = typeof found === 'string' ? found : undefined
    const seen_now = typeof found === 'string' ? undefined : found
    const state = seen_now === undefined ? 'unknown' : seen_now.good ? 'answers' : 'silent'
    const before = seen.get(key)
    const since = before?.state === state ? before.since : now.toISOString()
    const failures = state === 'answers' ? 0 : (before?.failures ?? 0) + 1
    seen.set(key, { stack, ask, state, at: now.toISOString(), since, failures, glance: seen_now, blind })
    if (seen_now !== undefined) keep(stack, ask, seen_now, now)
    if (before?.state !== state) changed(stack)
    return state === 'answers' ? pause_ms : Math.min(again_ms, pause_ms)
  }

  function keep(stack: string, ask: Ask, { good, total_ms }: Glance, now: Date): void {
    const slot = Math.floor(now.getTime() / slot_ms)
    put.run(stack, keyOf(ask), slot, Number(good), Math.round(total_ms))
    if (expired === slot) return
    expired = slot
    expire.run(slot - week_slots)
  }

  return {
    note(stack) {
      // Where nobody is active, or no site answers, what was asked before goes on: that is when it matters.
      if (stack.active === undefined && asks.has(stack.stack)) return
      const wanted = new Map(stack.asks.map((ask) => [keyOf(ask), ask]))
      for (const [key, ask] of asks.get(stack.stack) ?? []) if (!wanted.has(key)) drop(stack.stack, ask)
      asks.set(stack.stack, wanted)
      for (const [key, ask] of wanted) rota.set(`${stack.stack} ${key}`, { stack: stack.stack, ask })
    },
    forget(stack) {
      for (const ask of asks.get(stack)?.values() ?? []) drop(stack, ask)
      asks.delete(stack)
    },
    tick: rota.tick,
    settled: rota.settled,
    of(stack) {
      const slots = rows.all(stack) as unknown as readonly Row[]
      return [...(asks.get(stack) ?? [])].map(([key, ask]) => {
        const week = slots
          .filter((row) => row.ask === key)
          .map(({ slot, tries, good, slowest_ms }) => ({
            from: new Date(slot * slot_ms).toISOString(),
            tries,
            good,
            slowest_ms,
          }))
        return { ...sightOf(ask, seen.get(`${stack} ${key}`)), week }
      })
    },
    all: () => seen.values(),
    asked(stack) {
      const stacks = stack === undefined ? [...asks.keys()] : [stack]
      return stacks.every((each) =>
        [...(asks.get(each)?.keys() ?? [])].every((key) => {
          const found = seen.get(`${each} ${key}`)
          return found !== undefined && (found.state === 'answers' || found.failures >= in_a_row)
        }),
      )
    },
    stateOf(stack) {
      const states = [...(asks.get(stack)?.keys() ?? [])].map((key) => seen.get(`${stack} ${key}`)?.state ?? 'unknown')
      return (['silent', 'unknown', 'answers'] as const).find((state) => states.includes(state))
    },
  }

  function drop(stack: string, ask: Ask): void {
    rota.drop(`${stack} ${keyOf(ask)}`)
    seen.delete(`${stack} ${keyOf(ask)}`)
  }
}

const keyOf = ({ place, words, check }: Ask): string => `${place} ${check.family ?? ''} ${words}`

function sightOf({ place, words, check }: Ask, asked: Asked | undefined): Omit<IngressSight, 'week'> {
  const about = { check: words, place, family: check.family }
  if (asked === undefined) return { ...about, state: 'unknown', why: 'not asked yet' }
  const { state, at, since, glance, blind } = asked
  return {
    ...about,
    state,
    at,
    since,
    address: glance?.address,
    took_ms: glance?.total_ms,
    why: blind ?? glance?.why,
  }
}

type Row = {
  readonly ask: string
  readonly slot: number
  readonly tries: number
  readonly good: number
  readonly slowest_ms: number
}
