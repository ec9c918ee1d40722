import { expect, test } from 'vitest'
import type { Found } from '../../src/execute/journal.ts'
import { perform } from '../../src/execute/perform.ts'
import type { World } from '../../src/execute/world.ts'
import { plan } from '../../src/lifeboat.ts'
import { ordered } from '../../src/plan/order.ts'
import type { Action, Plan, Step } from '../../src/plan/plan.ts'
import type { Rig } from './rig.ts'
import { lasting, type Scene, scenes } from './scenes.ts'

/** A controller that died may have left any step done, half done or not begun: performing it again is the same as once. */
test.each(scenes)('$name: every step twice ends where every step once does', async (scene) => {
  const once = await walked(scene, 1)
  const twice = await walked(scene, 2)
  expect(await twice.on.state()).toBe(await once.on.state())
})

test.each(scenes)('$name: every step up to the point of no return, taken back twice', async (scene) => {
  const on = await scene.prepare()
  const start = await on.state()
  const planned = await planOf(on, scene)
  if (!planned.undoable) return
  const steps = ordered(planned.steps)
  const last = steps.findIndex((each) => each.point_of_no_return)
  const walk = walker(on)
  const done = last < 0 ? steps : steps.slice(0, last)
  for (const step of done) await walk(step, step.action, false)
  for (const step of [...done].reverse())
    for (const action of step.undo) for (let time = 1; time <= 2; time++) await unlessGone(walk(step, action, true))
  expect(lasting(scene, await on.state())).toBe(lasting(scene, start))
})

async function walked(scene: Scene, times: number): Promise<{ readonly on: Rig }> {
  const on = await scene.prepare()
  const walk = walker(on)
  for (const step of ordered((await planOf(on, scene)).steps))
    for (let time = 1; time <= times; time++) await walk(step, step.action, time > 1)
  return { on }
}

async function planOf(on: Rig, scene: Scene): Promise<Plan> {
  const planned = await plan(on.controller(), scene.request, on.world.clock.now())
  if ('refused' in planned) throw new Error(planned.refused.map((each) => each.what).join('; '))
  return planned.plan
}

function walker(on: Rig): (step: Step, action: Action, again: boolean) => Promise<void> {
  const { engines, outside, clock } = on.controller()
  const found = new Map<string, Found>()
  const world: World = {
    clock,
    outside,
    engine: (site) => {
      const engine = engines.get(site)
      if (engine === undefined) throw new Error(`no engine for ${site}`)
      return engine
    },
    secrets: async (wanted) => wanted.map(({ path }) => ({ path, content: 'a secret' })),
  }
  return async (step, action, again) => {
    // A client asks while other steps go on beside it; here one comes after the other.
    if (action.do === 'felt') return
    const result = await perform(action, {
      world,
      site: step.site,
      signal: new AbortController().signal,
      found: (id) => found.get(id) ?? {},
      again,
      progress: () => {},
    })
    if (action === step.action) found.set(step.id, result)
  }
}

/** What is gone already needs no removal; unwinding says so too. */
async function unlessGone(work: Promise<void>): Promise<void> {
  await work.catch((error: unknown) => {
    if ((error as { code?: unknown }).code !== 'not-found') throw error
  })
}
