import { describe, expect, it } from 'vitest'
import type { EngineCall } from '../../src/engine/describe.ts'
import { Crash } from '../../src/engine/fake/faults.ts'
import { fold } from '../../src/execute/journal.ts'
import { plan, type Request, resume, run, unwindOperation } from '../../src/lifeboat.ts'
import type { Rig } from './rig.ts'
import { lasting, type Scene } from './scenes.ts'

/** These look, before there is a plan. */
const planning: ReadonlySet<EngineCall> = new Set(['observe', 'survey', 'stacks', 'capacity'])

const goals = new Map<string, string>()

/**
 * Breaks every call that an operation makes, in every way in which it can break, and asserts the end: done as if nothing
 * had happened, or everything taken back, or stuck and then resumed. The places come from a run without faults, so a new
 * step cannot be forgotten.
 */
export async function breakEveryCall(scene: Scene): Promise<void> {
  const places = await placesOf(scene)

  describe(`${scene.name}: ${places.length} calls`, () => {
    it('makes calls that can break', () => {
      expect(places.length).toBeGreaterThan(5)
    })

    describe.each(['fail-before', 'fail-after', 'lose-answer', 'hang'] as const)('%s', (kind) => {
      it.each(places)('$site $call $nth', async (place) => {
        const before = await prepared(scene)
        const goal = await goalOf(scene)
        const start = await before.state()
        before.world.faults.at(place, kind)
        const outcome = await attempt(before, scene.request)
        expect(before.world.faults.pending(), 'the fault struck').toEqual([])
        await settle(before, scene, outcome, start, goal)
      })
    })

    const pausing = places.filter(({ call }) => call === 'checkpoint')
    const crashes = (['before', 'inside', 'after'] as const)
      .map((when) => ({ when, reached: when === 'inside' ? pausing : places }))
      .filter(({ reached }) => reached.length > 0)
    describe.each(crashes)('crash $when its effect', ({ when, reached }) => {
      it.each(reached)('$site $call $nth, then resume', async (place) => {
        const { broken, goal } = await crashed(scene, place, when)
        const operation = unfinished(broken)
        if (operation === undefined) return startOver(broken, scene, goal)
        const ran = await resume(broken.controller(), operation, () => {})
        expect(ran.outcome).toBe('done')
        expect(await broken.state()).toBe(goal)
      })

      it.each(reached)('$site $call $nth, then abort', async (place) => {
        const { broken, start, goal } = await crashed(scene, place, when)
        const operation = unfinished(broken)
        if (operation === undefined) return startOver(broken, scene, goal)
        const ran = await unwindOperation(broken.controller(), operation, () => {})
        if ('refused' in ran) {
          expect(ran.refused[0]?.hint).toContain('resume')
          expect((await resume(broken.controller(), operation, () => {})).outcome).toBe('done')
          expect(await broken.state()).toBe(goal)
        } else {
          expect(ran.report.left).toEqual([])
          expect(ran.outcome).toBe('undone')
          expect(lasting(scene, await broken.state())).toBe(lasting(scene, start))
        }
      })

      it.each(reached)('$site $call $nth, then start over from another controller', async (place) => {
        const { broken, goal } = await crashed(scene, place, when)
        await startOver(broken, scene, goal)
      })
    })
  })
}

type Place = { readonly site: string; readonly call: EngineCall; readonly nth: number }

const worlds = new Map<string, Promise<Rig>>()

/** The world that a scene starts from is made once. */
async function prepared(scene: Scene): Promise<Rig> {
  const world = worlds.get(scene.name) ?? scene.prepare()
  worlds.set(scene.name, world)
  return (await world).copy()
}

async function placesOf(scene: Scene): Promise<readonly Place[]> {
  const reference = await prepared(scene)
  const from = reference.world.calls.length
  expect(await attempt(reference, scene.request)).toBe('done')
  const counts = new Map<string, number>()
  return reference.world.calls.slice(from).flatMap(({ site, call }) => {
    if (call === 'close' || planning.has(call)) return []
    const key = `${site} ${call}`
    const nth = (counts.get(key) ?? 0) + 1
    counts.set(key, nth)
    return [{ site, call, nth }]
  })
}

async function goalOf(scene: Scene): Promise<string> {
  const known = goals.get(scene.name)
  if (known !== undefined) return known
  const reference = await prepared(scene)
  expect(await attempt(reference, scene.request)).toBe('done')
  const goal = await reference.state()
  goals.set(scene.name, goal)
  return goal
}

async function attempt(on: Rig, request: Request): Promise<'done' | 'undone' | 'stuck'> {
  const controller = on.controller()
  const planned = await plan(controller, request, on.world.clock.now())
  if ('refused' in planned) throw new Error(planned.refused.map((each) => each.what).join('; '))
  return (await run(controller, planned.plan, () => {})).outcome
}

async function settle(
  on: Rig,
  scene: Scene,
  outcome: 'done' | 'undone' | 'stuck',
  start: string,
  goal: string,
): Promise<void> {
  const operation = [...on.journals.keys()].at(-1) ?? ''
  if (outcome === 'undone') expect(lasting(scene, await on.state())).toBe(lasting(scene, start))
  const missed = fold(on.journals.get(operation) ?? []).failed.size
  // What may fail has failed, and is told: the next run makes up for it.
  if (outcome === 'done' && missed > 0) expect(await attempt(on, scene.request)).toBe('done')
  if (outcome === 'done') expect(await on.state()).toBe(goal)
  if (outcome === 'stuck') {
    expect((await resume(on.controller(), operation, () => {})).outcome).toBe('done')
    expect(await on.state()).toBe(goal)
  }
}

async function crashed(scene: Scene, place: Place, when: 'before' | 'inside' | 'after') {
  const goal = await goalOf(scene)
  const broken = await prepared(scene)
  const start = await broken.state()
  broken.world.faults.at(place, 'crash', { when })
  await expect(attempt(broken, scene.request)).rejects.toThrow(Crash)
  return { broken, start, goal }
}

function unfinished(on: Rig): string | undefined {
  const last = [...on.journals].at(-1)
  return last !== undefined && fold(last[1]).ended === undefined ? last[0] : undefined
}

/** Nothing is left of the controller that died, its journals included: the same verb again, from what the sites show. */
async function startOver(on: Rig, scene: Scene, goal: string): Promise<void> {
  const another = on.controller(new Map())
  const planned = await plan(another, scene.request, on.world.clock.now())
  if ('refused' in planned) {
    expect(scene.ended?.test(planned.refused[0]?.what ?? ''), planned.refused[0]?.what).toBe(true)
    expect(await on.state()).toBe(goal)
    return
  }
  const ran = await run(another, planned.plan, () => {})
  expect(ran.outcome).toBe('done')
  expect(await on.state()).toBe(goal)
}
