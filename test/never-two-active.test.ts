import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Engine } from '../src/engine/contract.ts'
import { Crash } from '../src/engine/fake/faults.ts'
import { fold } from '../src/execute/journal.ts'
import { type Lifeboat, plan, type Request, resume, run, unwindOperation } from '../src/lifeboat.ts'
import { goodBubble } from './every-step/drill-guests.ts'
import { type Journals, type Rig, stackFile } from './every-step/rig.ts'
import { after } from './every-step/scenes.ts'

/**
 * Two people work on one stack from two machines that know nothing of each other, over links that come and go, with sites
 * that lose power and controllers that die in the middle and are taken up again. Whatever they do, in whatever order:
 *
 * - no two sites ever hold an active claim of the same epoch;
 * - nothing of the stack is ever started at a site whose claim is not active at that instant;
 * - once the guard has seen all sites, nobody but the active site of the newest epoch can be reached by a client.
 */
const deploy = { verb: 'deploy', file: stackFile, site: undefined, remove: [] } as const satisfies Request
const replicate: Request = { verb: 'replicate', stack: 'shop' }
const guard: Request = { verb: 'guard', stack: 'shop' }
/** A person who says of every silent site that it is down, right or wrong. */
const failover: Request = { verb: 'failover', stack: 'shop', to: undefined, point: undefined, down: ['east', 'west'] }

const requests: readonly Request[] = [
  deploy,
  replicate,
  guard,
  failover,
  { verb: 'move', stack: 'shop', to: 'west' },
  { verb: 'move', stack: 'shop', to: 'east' },
  { verb: 'reprotect', stack: 'shop' },
  { verb: 'failback', stack: 'shop' },
]

const drill = { verb: 'drill', stack: 'shop', point: undefined, keep: false, remove: false } as const satisfies Request
const keep: Request = { ...drill, keep: true }
/** A kept drill that is to be the stack; the person also accepts that a newer point is passed over. */
const promote: Request = { ...drill, promote: true, down: ['east', 'west'] }

const site = fc.constantFrom('east', 'west')
const who = fc.constantFrom(0, 1)
const eventOf = (wanted: readonly Request[]) =>
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant('run' as const), who, request: fc.constantFrom(...wanted) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('resume' as const, 'abort' as const), who }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('isolate' as const, 'power-cut' as const), site }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('rejoin' as const, 'power-on' as const), site }) },
    { weight: 1, arbitrary: fc.constant({ do: 'cut' as const }) },
    { weight: 1, arbitrary: fc.constant({ do: 'crash' as const }) },
  )
/** Each event, and the milliseconds until the next: many come while an operation is under way. */
const scriptOf = (wanted: readonly Request[]) =>
  fc.array(fc.tuple(eventOf(wanted), fc.constantFrom(30, 300, 900, 2500, 9000, 60_000)), {
    minLength: 3,
    maxLength: 12,
  })
const script = scriptOf(requests)

const seed = Number(process.env.LIFEBOAT_SEED ?? 20_131_122)
const runs = Number(process.env.LIFEBOAT_RUNS ?? 60)

test('never two active, whatever two people, two sites and their links do', async () => {
  await fc.assert(
    fc.asyncProperty(script, (events) => holds(events)),
    { seed, numRuns: runs },
  )
})

test('nor where a drill is kept, promoted, removed and drilled again by both', async () => {
  let promoted = 0
  await fc.assert(
    fc.asyncProperty(
      scriptOf([promote, promote, failover, keep, drill, { ...drill, remove: true }, ...requests]),
      (events) => {
        const kept = [{ do: 'run', who: 0, request: keep }, 60_000] as const
        return holds([[...kept], ...events], undefined, () => promoted++)
      },
    ),
    { seed, numRuns: runs / 2 },
  )
  expect(promoted).toBeGreaterThan(0)
})

const bugs: readonly (readonly [string, (engine: Engine) => Engine])[] = [
  ['an epoch that does not count', (engine) => ({ ...engine, swapClaim: withOldEpoch(engine) })],
  ['a fence that fences nothing', (engine) => ({ ...engine, cutLegs: async () => {}, power: withoutStops(engine) })],
]

test.each(bugs)('%s is found out', async (_, planted) => {
  const found = await fc.check(
    fc.asyncProperty(script, (events) => holds(events, planted)),
    { seed, numRuns: 100, endOnFailure: true },
  )
  expect(found.failed).toBe(true)
})

type Script = typeof script extends fc.Arbitrary<infer T> ? T : never

async function holds(
  events: Script,
  planted: (engine: Engine) => Engine = (engine) => engine,
  promoted: () => void = () => {},
): Promise<void> {
  const on = await after({ ...deploy, site: 'east' }, replicate)
  const { world } = on
  for (const name of world.siteNames) world.site(name).onExec(goodBubble)
  const broken: string[] = []
  watchClaims(on, broken)
  const journals: readonly Journals[] = [new Map(), new Map()]
  const controller = (index: number) => watchStarts(on, on.controller(journals[index] as Journals), broken, planted)
  const working: Promise<void>[] = []
  for (const [each, pause_ms] of events) {
    switch (each.do) {
      case 'run':
        working.push(work(controller(each.who), each.request))
        break
      case 'resume':
      case 'abort':
        working.push(takeUp(controller(each.who), journals[each.who] as Journals, each.do))
        break
      case 'isolate':
        world.isolate(each.site)
        break
      case 'power-cut':
        world.powerCut(each.site)
        break
      case 'rejoin':
        world.rejoin(each.site)
        break
      case 'power-on':
        world.powerOn(each.site)
        break
      case 'cut':
        world.cut('east', 'west')
        break
      case 'crash':
        world.crash()
    }
    await world.clock.advance(pause_ms)
  }
  await Promise.all(working)
  for (const name of world.siteNames) {
    world.rejoin(name)
    world.powerOn(name)
  }
  await work(controller(0), guard)
  expect([...new Set(broken)]).toEqual([])
  const claims = world.siteNames.flatMap((name) => world.site(name).claims.get('shop')?.claim ?? [])
  if (claims.some((claim) => claim.points.some((point) => point.drill !== undefined))) promoted()
  expect(reachable(on).filter((name) => name !== newestActive(on))).toEqual([])
}

async function work(lifeboat: Lifeboat, request: Request): Promise<void> {
  await unlessKilled(async () => {
    const planned = await plan(lifeboat, request, lifeboat.clock.now())
    if ('plan' in planned && planned.plan.steps.length > 0) await run(lifeboat, planned.plan, () => {})
  })
}

async function takeUp(lifeboat: Lifeboat, journals: Journals, how: 'resume' | 'abort'): Promise<void> {
  const open = [...journals].find(([, events]) => {
    const { ended } = fold(events)
    return ended === undefined || ended.outcome === 'stuck'
  })
  if (open === undefined) return
  await unlessKilled(async () => {
    if (how === 'resume') await resume(lifeboat, open[0], () => {})
    else await unwindOperation(lifeboat, open[0], () => {})
  })
}

async function unlessKilled(job: () => Promise<void>): Promise<void> {
  try {
    await job()
  } catch (error) {
    if (!(error instanceof Crash)) throw error
  }
}

/** Looks at all claims whenever one of them changes. */
function watchClaims(on: Rig, broken: string[]): void {
  for (const name of on.world.siteNames) {
    const { claims } = on.world.site(name)
    const set = claims.set.bind(claims)
    claims.set = (stack, claimed) => {
      set(stack, claimed)
      const active = on.world.siteNames.flatMap((each) => {
        const claim = on.world.site(each).claims.get('shop')?.claim
        return claim?.role === 'active' ? [claim.epoch] : []
      })
      if (new Set(active).size < active.length) broken.push(`two sites active under epoch ${active[0]}`)
      return claims
    }
  }
}

/** Looks at the claim of the site at the instant at which something is asked to start there. */
function watchStarts(on: Rig, lifeboat: Lifeboat, broken: string[], planted: (engine: Engine) => Engine): Lifeboat {
  const engines = [...lifeboat.engines].map(([name, engine]) => {
    const faulty = planted(engine)
    const watched: Engine = {
      ...faulty,
      power: (ref, verb, within_s) => {
        const claim = on.world.site(name).claims.get('shop')?.claim
        if (verb === 'start' && ref.area.kind === 'stack' && claim?.role !== 'active')
          broken.push(`${ref.name} started at ${name}, which is ${claim?.role ?? 'nothing'}`)
        return faulty.power(ref, verb, within_s)
      },
    }
    return [name, watched] as const
  })
  return { ...lifeboat, engines: new Map(engines) }
}

function reachable(on: Rig): readonly string[] {
  return on.world.siteNames.filter((name) =>
    [...(on.world.site(name).area({ kind: 'stack', stack: 'shop' })?.instances.values() ?? [])].some(
      (each) => each.power === 'running' && !each.legsCut && each.object.nics.some((nic) => nic.network !== 'segment'),
    ),
  )
}

function newestActive(on: Rig): string | undefined {
  const claims = on.world.siteNames.flatMap((name) => {
    const claim = on.world.site(name).claims.get('shop')?.claim
    return claim === undefined ? [] : [{ name, claim }]
  })
  const newest = Math.max(...claims.map(({ claim }) => claim.epoch))
  return claims.find(({ claim }) => claim.epoch === newest && claim.role === 'active')?.name
}

function withOldEpoch(engine: Engine): Engine['swapClaim'] {
  return (stack, expect, next) => engine.swapClaim(stack, expect, { ...next, epoch: 1 })
}

function withoutStops(engine: Engine): Engine['power'] {
  return async (ref, verb, within_s) => {
    if (verb !== 'stop' && verb !== 'kill') await engine.power(ref, verb, within_s)
  }
}
