import type { Logger } from 'pino'
import type { Clock } from '../lib/clock.ts'
import type { Inspected } from '../lifeboat.ts'
import type { ServedCertificate } from '../operations/certificates.ts'
import type { Difference } from '../operations/differences.ts'
import { openRota } from './rota.ts'

/** What was found inside a stack, when it was looked into last. */
export type InspectedStack = {
  readonly at: string
  /** What somebody changed at a site, and neither a file nor an operation did. */
  readonly hand: readonly Difference[]
  readonly certificates: readonly ServedCertificate[]
}

export type Inspections = {
  note(stack: string): void
  forget(stack: string): void
  /** Something was done to it: the next look is soon. */
  soon(stack: string): void
  tick(): void
  settled(): Promise<void>
  of(stack: string): InspectedStack | undefined
  all(): Iterable<readonly [string, InspectedStack]>
  /** When the next look is due, where one is asked for. */
  next(stack: string): number | undefined
  /** Looks that failed in a row, and why. */
  failed(stack: string): { readonly failures: number; readonly why: string } | undefined
}

export type InspectionWork = {
  readonly clock: Clock
  readonly logger: Logger
  readonly every_ms: number
  /** Looks into a stack; undefined where there is nothing to look into. */
  readonly ask: (stack: string) => Promise<Inspected | undefined>
  /** Something is at work there that changes appliances. */
  readonly busy: (stack: string) => boolean
  /** Whether this controller does it; else the other one. */
  readonly here: (stack: string) => boolean
}

/** Between two looks of which the first found something: a machine that is paused for a point is none that was changed. */
const again_ms = 10_000
/** What was found is looked at more often, so that it is soon over. */
const found_ms = 5 * 60_000
const other_ms = 60_000
/** The first looks after a start, spread: each takes a command in every appliance. */
const spread_ms = 3_000

/** Compares what runs with what was compiled, all the time: `lifeboat diff` by itself. */
export function openInspections(work: InspectionWork): Inspections {
  const { clock, every_ms } = work
  const seen = new Map<string, InspectedStack>()
  const suspected = new Map<string, ReadonlySet<string>>()
  const failing = new Map<string, { readonly failures: number; readonly why: string }>()
  const noted = new Set<string>()
  const rota = openRota<string>(clock, async (stack) => {
    try {
      return await look(stack)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      failing.set(stack, { failures: (failing.get(stack)?.failures ?? 0) + 1, why })
      work.logger.warn({ stack, why }, 'could not be looked into')
      return Math.min(every_ms, other_ms)
    }
  })

  async function look(stack: string): Promise<number> {
    if (!work.here(stack)) {
      seen.delete(stack)
      return Math.min(every_ms, other_ms)
    }
    if (work.busy(stack)) return again_ms
    const found = await work.ask(stack)
    // What began meanwhile may have been seen half done.
    if (!noted.has(stack) || work.busy(stack)) return again_ms
    failing.delete(stack)
    if (found === undefined) {
      seen.delete(stack)
      return every_ms
    }
    const before = seen.get(stack)
    const unseen = before?.hand.filter((each) => !wasSeen(each, found)) ?? []
    const hand = found.compared.differences.filter(({ by }) => by === 'hand')
    const keys = suspected.get(stack)
    const known = new Set(before?.hand.map(keyOf))
    const sure = hand.filter((each) => known.has(keyOf(each)) || keys?.has(keyOf(each)) === true)
    suspected.set(stack, new Set(hand.map(keyOf)))
    // After a start: what is open from before is neither confirmed nor over yet.
    if (before === undefined && sure.length < hand.length) return again_ms
    const at = clock.now().toISOString()
    const unread = before?.certificates.filter((each) => !wasSeen({ ...each, object: each.appliance }, found)) ?? []
    seen.set(stack, { at, hand: [...sure, ...unseen], certificates: [...found.certificates, ...unread] })
    if (sure.length < hand.length) return again_ms
    return sure.length + unseen.length === 0 ? every_ms : Math.min(every_ms, found_ms)
  }

  return {
    note(stack) {
      if (noted.has(stack)) return
      rota.set(stack, stack, Math.min(every_ms, noted.size * spread_ms))
      noted.add(stack)
    },
    forget(stack) {
      noted.delete(stack)
      rota.drop(stack)
      for (const each of [seen, suspected, failing]) each.delete(stack)
    },
    soon: (stack) => rota.soon(stack, again_ms),
    tick: rota.tick,
    settled: rota.settled,
    of: (stack) => seen.get(stack),
    all: () => seen.entries(),
    next: rota.next,
    failed: (stack) => failing.get(stack),
  }
}

/** How the last look ended, for the list of schedules. */
export function inspectionWords(found: InspectedStack | undefined): string | undefined {
  if (found === undefined) return undefined
  return found.hand.length === 0 ? 'as compiled' : `changed by hand at ${found.hand.length} places`
}

const keyOf = ({ site, object, place }: Difference): string => `${site} ${object} ${place}`

/** Of what could not be looked at nothing is known: what was found there before stays found. */
function wasSeen({ site, object }: Pick<Difference, 'site' | 'object'>, { compared, seen }: Inspected): boolean {
  return seen.includes(site) && !compared.unseen.some((each) => each.startsWith(`${object} at ${site} `))
}
