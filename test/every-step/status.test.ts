import { expect, test } from 'vitest'
import { EngineError } from '../../src/engine/error.ts'
import { plan, type Request, run, status } from '../../src/lifeboat.ts'
import { type Status, statusText } from '../../src/report/status.ts'
import { type Rig, stackFile } from './rig.ts'
import { after } from './scenes.ts'

const deploy: Request = { verb: 'deploy', file: stackFile, site: 'east', remove: [] }
const failover: Request = { verb: 'failover', stack: 'shop', to: undefined, point: undefined, down: ['east'] }
const replicate: Request = { verb: 'replicate', stack: 'shop' }

test('roles, epochs, the age of the newest complete point against the target, and a standby that could launch', async () => {
  const on = await after(deploy, replicate)
  await on.world.clock.advance(12_000)
  const seen = await statusOf(on)
  expect(seen.sites.map(({ site, role, epoch, points }) => ({ site, role, epoch, points }))).toEqual([
    { site: 'east', role: 'active', epoch: 1, points: 0 },
    { site: 'west', role: 'standby', epoch: 1, points: 1 },
  ])
  expect(at(seen, 'west')?.not_ready).toEqual([])
  expect(at(seen, 'east')?.instances.every(({ power, in_sync }) => power === 'running' && in_sync === true)).toBe(true)
  expect(seen.point_age_ms).toBeGreaterThan(12_000)
  expect(statusText(seen)).toContain('target 10.0 s, missed')
})

test('a site that is silent has an unknown role, which is not "down"', async () => {
  const on = await after(deploy, replicate)
  on.world.powerCut('east')
  const seen = await statusOf(on)
  expect(at(seen, 'east')).toMatchObject({ answers: false, role: 'unknown', epoch: undefined })
  expect(statusText(seen)).toMatch(/east: unknown \(.*no connection/)
})

test('what a launch at the standby would lack is told before it is needed', async () => {
  const on = await after(deploy, replicate)
  const west = on.world.site('west')
  west.images.delete('shop-web')
  west.outside = false
  west.servicesNetwork = false
  west.leaveFree(1_000_000)
  const told = at(await statusOf(on), 'west')?.not_ready.join('\n') ?? ''
  for (const lack of [
    'image "shop-web" is not at west',
    'the outside bridge "outside" is not at west',
    'the services bridge "services" is not at west',
    'pool default at west is nearly full: 1.0 MB of',
  ])
    expect(told).toContain(lack)
})

test('a pool that is nearly full where the stack runs is told by status and by every cycle', async () => {
  const on = await after(deploy, replicate)
  expect((await statusOf(on)).warnings).toEqual([])
  on.world.site('east').leaveFree(1_000_000)
  const told = expect.stringMatching(/^pool default at east is nearly full: 1\.0 MB of .* left/)
  expect((await statusOf(on)).warnings).toEqual([told])
  const planned = await plan(on.controller(), replicate, on.world.clock.now())
  expect('plan' in planned && planned.plan.findings.map((each) => each.what)).toEqual([told])
})

test('before the first cycle the standby has nothing to launch from', async () => {
  const seen = await statusOf(await after(deploy))
  expect(seen.point_age_ms).toBeUndefined()
  expect(at(seen, 'west')).toMatchObject({ role: undefined, points: 0 })
})

test('without a standby it is told why nothing is proven', async () => {
  const on = await after(deploy)
  expect((await statusOf(on)).proof).toBe('unproven: west is not yet standby (lifeboat replicate shop)')
  on.world.isolate('west')
  expect((await statusOf(on)).proof).toMatch(/^unproven: no site that answers is standby, and west does not answer: /)
  const lost = await after(deploy, replicate)
  lost.world.isolate('east')
  const planned = await plan(lost.controller(), failover, lost.world.clock.now())
  if ('refused' in planned) throw new Error(JSON.stringify(planned.refused))
  await run(lost.controller(), planned.plan, () => {})
  lost.world.rejoin('east')
  const guarded = await plan(lost.controller(), { verb: 'guard', stack: 'shop' }, lost.world.clock.now())
  if ('refused' in guarded) throw new Error(JSON.stringify(guarded.refused))
  await run(lost.controller(), guarded.plan, () => {})
  expect((await statusOf(lost)).proof).toBe('unproven: east is stale and no standby (lifeboat reprotect shop)')
})

test('a second failover of a stack that is up there says since when, and makes no new RTO', async () => {
  const on = await after(deploy, replicate)
  on.world.powerCut('east')
  const first = await plan(on.controller(), failover, on.world.clock.now())
  if ('refused' in first) throw new Error(JSON.stringify(first.refused))
  expect((await run(on.controller(), first.plan, () => {})).report.numbers.rto_ms).toBeGreaterThan(0)
  const before = await on.state()
  await on.world.clock.advance(60_000)
  const second = await plan(on.controller(), failover, on.world.clock.now())
  if ('refused' in second) throw new Error(JSON.stringify(second.refused))
  expect(second.plan.summary).toBe(
    `shop is already active at west since ${first.plan.made_at}, under epoch 2: nothing to do but to look again`,
  )
  const ran = await run(on.controller(), second.plan, () => {})
  expect(ran.outcome).toBe('done')
  expect(ran.report.numbers).toMatchObject({ rto_ms: undefined, point: undefined, point_age_ms: undefined })
  expect(await on.state()).toBe(before)
})

test('a client that a site does not let in is told so, and never that the site does not answer', async () => {
  const on = await after(deploy, replicate)
  const controller = on.controller()
  const closed = (names: readonly string[]) => ({
    ...controller,
    engines: new Map(
      [...controller.engines].map(([name, engine]) => [
        name,
        names.includes(name)
          ? {
              ...engine,
              observe: () => Promise.reject(new EngineError('unauthorized', name, 'observe shop', 'not authorized')),
            }
          : engine,
      ]),
    ),
  })
  const neither = await status(closed(['east', 'west']), 'shop', on.world.clock.now())
  if (!('refused' in neither)) throw new Error('not refused')
  expect(neither.refused.map((each) => each.what)).toEqual(
    ['east', 'west'].map((name) => `${name} answers, but not to this client: not authorized`),
  )
  expect(neither.refused[0]?.hint).toContain('incus config trust add-certificate')
  for (const request of [replicate, { verb: 'move', stack: 'shop', to: 'west' } as const, failover]) {
    const planned = await plan(closed(['east']), request, on.world.clock.now())
    const told = 'refused' in planned ? planned.refused : planned.plan.findings
    expect(told.some((each) => each.what.includes('east answers, but not to this client'))).toBe(true)
    expect(told.some((each) => each.what.includes('does not answer'))).toBe(false)
  }
})

async function statusOf(on: Rig): Promise<Status> {
  const seen = await status(on.controller(), 'shop', on.world.clock.now())
  if ('refused' in seen) throw new Error(seen.refused.map((each) => each.what).join('; '))
  return seen
}

const at = (seen: Status, site: string) => seen.sites.find((each) => each.site === site)
