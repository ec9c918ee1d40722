import type { ServiceSight } from '../api/ingress.ts'
import type { Clock } from '../lib/clock.ts'
import type { Watched } from '../operations/situation.ts'
import { openRota } from './rota.ts'

export type Services = {
  /** A stack that has a standby. */
  note(stack: string): void
  forget(stack: string): void
  tick(): void
  settled(): Promise<void>
  of(stack: string): ServiceSight | undefined
  /** Whether it was asked since it is noted; also where it is not. */
  asked(stack: string): boolean
  all(): Iterable<readonly [string, ServiceSight]>
}

type WatchedAt = { readonly site: string; readonly watched: Watched }

/** Asks the watches at the standbys, all the time, which central services would be there for a launch. */
export function openServices(
  clock: Clock,
  ask: (stack: string) => Promise<WatchedAt | undefined>,
  pause_ms: number,
): Services {
  const seen = new Map<string, ServiceSight>()
  const wanted = new Set<string>()
  const asked = new Set<string>()
  const rota = openRota<string>(clock, async (stack) => {
    const found = await ask(stack)
    asked.add(stack)
    if (found === undefined || !wanted.has(stack)) seen.delete(stack)
    else {
      const { site, watched } = found
      seen.set(stack, { site, at: clock.now().toISOString(), silent: [...watched.silent], words: watched.words })
    }
    return pause_ms
  })
  return {
    note(stack) {
      wanted.add(stack)
      rota.set(stack, stack)
    },
    forget(stack) {
      wanted.delete(stack)
      asked.delete(stack)
      rota.drop(stack)
      seen.delete(stack)
    },
    tick: rota.tick,
    settled: rota.settled,
    of: (stack) => seen.get(stack),
    asked: (stack) => asked.has(stack) || !wanted.has(stack),
    all: () => seen.entries(),
  }
}
