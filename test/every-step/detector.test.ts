import { expect, test } from 'vitest'
import { plan, run } from '../../src/lifeboat.ts'
import { ordered } from '../../src/plan/order.ts'
import type { Plan, Step } from '../../src/plan/plan.ts'
import { step } from '../../src/plan/step.ts'
import type { Rig } from './rig.ts'
import { lasting, type Scene, scenes } from './scenes.ts'

/**
 * A drill of the detector: the matrix is worth something only if it sees a bug. So the undo of one step after the other is
 * taken out of the plan; the operation fails at its last step before the point of no return; the end state must show it.
 */
const drilled = scenes.filter(({ name }) => ['first deploy', 'failover, site fenced', 'later cycle'].includes(name))

for (const scene of drilled) {
  const sound = await planned(scene)
  const undone = before(sound).filter((each) => each.undo.length > 0)

  test(`${scene.name}: all of it taken back leaves nothing`, async () => {
    const { end, start } = await failedLate(scene, (each) => each)
    expect(end).toBe(start)
  })

  test.each(undone.map(({ id }) => id))(
    `${scene.name}: without the undo of "%s" something is left, and seen`,
    async (id) => {
      const { end, start } = await failedLate(scene, (each) => ({
        ...each,
        steps: each.steps.map((one) => (one.id === id ? { ...one, undo: [] } : one)),
      }))
      expect(end).not.toBe(start)
    },
  )
}

async function planned(scene: Scene): Promise<Plan> {
  return planIn(await scene.prepare(), scene)
}

async function planIn(on: Rig, scene: Scene): Promise<Plan> {
  const found = await plan(on.controller(), scene.request, on.world.clock.now())
  if ('refused' in found) throw new Error(found.refused.map((each) => each.what).join('; '))
  return found.plan
}

/** The point of no return, or else the last step. */
function turnOf({ steps }: Plan): Step | undefined {
  return steps.find((each) => each.point_of_no_return) ?? steps.at(-1)
}

/** Everything that is done when that step begins. */
function before(whole: Plan): readonly Step[] {
  const wanted = new Set(turnOf(whole)?.after)
  for (const each of [...ordered(whole.steps)].reverse())
    if (wanted.has(each.id)) for (const id of each.after) wanted.add(id)
  return whole.steps.filter(({ id }) => wanted.has(id))
}

/** Runs with a step that fails right before the last one that can be taken back, so that all before it has to be. */
async function failedLate(scene: Scene, bend: (plan: Plan) => Plan) {
  const on = await scene.prepare()
  const start = await on.state()
  const whole = await planIn(on, scene)
  const turn = turnOf(whole)
  const nobody = { area: { kind: 'stack', stack: 'shop' }, name: 'nobody' } as const
  const action = { do: 'power', instance: nobody, verb: 'kill', within_s: 1 } as const
  const fails = step('verify', 'east', 'fails', action, 'there is nobody', { after: [turn?.after] })
  const steps = whole.steps.map((each) => (each === turn ? { ...each, after: ['fails'] } : each))
  const { outcome } = await run(on.controller(), bend({ ...whole, steps: [...steps, fails] }), () => {})
  expect(outcome).not.toBe('done')
  return { start: lasting(scene, start), end: lasting(scene, await on.state()) }
}
