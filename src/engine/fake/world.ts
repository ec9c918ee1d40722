import { type VirtualClock, virtualClock } from '../../lib/clock.ts'
import type { Engine } from '../contract.ts'
import type { EngineCall } from '../describe.ts'
import type { EngineErrorCode } from '../error.ts'
import { fakeEngine } from './engine.ts'
import { type FaultKind, type FaultSchedule, faultSchedule } from './faults.ts'
import { FakeSite } from './site.ts'

export type FakeOptions = {
  readonly clock?: VirtualClock
  /** Varies how long calls take, and so their interleaving; equal seeds give equal runs. */
  readonly seed?: number
  /** Default: east and west. */
  readonly sites?: readonly string[]
  /** Aliases at every site. Default: the images of the reference stack. */
  readonly images?: readonly string[]
  readonly wan_bytes_per_s?: number
}

/** Sites in memory, the links between them and to the controller, and a schedule of faults. */
export interface FakeWorld {
  readonly clock: VirtualClock
  /** A handle for the controller that lives now; it is dead after a crash. */
  engine(site: string): Engine
  site(name: string): FakeSite
  readonly siteNames: readonly string[]
  /** Cuts the link between two sites, or between `controller` and a site. */
  cut(one: string, other: string): void
  heal(one: string, other: string): void
  /** Cuts a site off from all others and from the controller; it goes on running. */
  isolate(site: string): void
  rejoin(site: string): void
  powerCut(site: string): void
  /** The site answers again. Nothing starts by itself. */
  powerOn(site: string): void
  readonly faults: FaultSchedule
  /** Every call that was made, in order. */
  readonly calls: readonly FakeCall[]
  /** Kills the controller now: its handles throw `Crash`. */
  crash(): void
  /** Another world that is as this one is now, with a clock and faults of its own. Nothing may be going on. */
  copy(): FakeWorld
}

export type FakeCall = {
  readonly n: number
  readonly at_ms: number
  readonly site: string
  readonly call: EngineCall
  readonly object: string
  outcome: 'open' | 'ok' | EngineErrorCode | 'crash' | 'aborted'
  took_ms: number
  readonly fault: FaultKind | undefined
}

/** A complete engine in memory, as many sites as wanted, on a virtual clock: no root, no time, equal runs. */
export function fakeWorld(options: FakeOptions = {}): FakeWorld {
  const clock = options.clock ?? virtualClock()
  const random = generator(options.seed ?? 1)
  const names = options.sites ?? ['east', 'west']
  const sites = new Map(names.map((name, index) => [name, new FakeSite(name, index, clock)]))
  for (const site of sites.values()) for (const alias of options.images ?? IMAGES) site.addImage(alias)
  const cuts = new Set<string>()
  const faults = faultSchedule()
  const calls: FakeCall[] = []
  let controller = { alive: true }

  const link = (one: string, other: string) => [one, other].sort().join(' ')
  const everywhere = () => ['controller', ...names]
  const site = (name: string): FakeSite => {
    const found = sites.get(name)
    if (found === undefined) throw new Error(`the fake world has no site ${name}; it has ${names.join(', ')}`)
    return found
  }
  const crash = () => {
    controller.alive = false
    controller = { alive: true }
  }

  return {
    clock,
    siteNames: names,
    site,
    engine: (name) =>
      fakeEngine({
        site: site(name),
        siteOf: site,
        clock,
        controller,
        crash,
        faults,
        calls,
        linked: (one, other) => !cuts.has(link(one, other)),
        wan_bytes_per_s: options.wan_bytes_per_s ?? 100_000_000,
        jitter: () => 0.8 + 0.4 * random(),
      }),
    cut: (one, other) => void cuts.add(link(one, other)),
    heal: (one, other) => void cuts.delete(link(one, other)),
    isolate: (name) => everywhere().forEach((other) => void (other !== name && cuts.add(link(name, other)))),
    rejoin: (name) => everywhere().forEach((other) => void cuts.delete(link(name, other))),
    powerCut: (name) => site(name).losePower(),
    powerOn: (name) => {
      site(name).powered = true
    },
    faults,
    calls,
    crash,
    copy() {
      const other = fakeWorld({ ...options, clock: virtualClock(clock.now()) })
      for (const [name, each] of sites) other.site(name).takeOver(each)
      for (const pair of cuts) other.cut(...(pair.split(' ') as [string, string]))
      return other
    },
  }
}

const IMAGES = ['lifeboat-appliance', 'shop-web', 'shop-app', 'shop-db']

/** mulberry32: small, and equal everywhere. */
function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
