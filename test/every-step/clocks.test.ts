import { expect, test } from 'vitest'
import { plan, type Request, run, status } from '../../src/lifeboat.ts'
import type { Plan } from '../../src/plan/plan.ts'
import { type Rig, stackFile } from './rig.ts'
import { after } from './scenes.ts'

const deploy: Request = { verb: 'deploy', file: stackFile, site: 'east', remove: [] }
const replicate: Request = { verb: 'replicate', stack: 'shop' }
const failover: Request = { verb: 'failover', stack: 'shop', to: undefined, point: undefined, down: ['east'] }
const move: Request = { verb: 'move', stack: 'shop', to: 'west' }
const hour_ms = 3_600_000

test('clocks that agree are not spoken of', async () => {
  const on = await after(deploy, replicate)
  expect(await warningsOf(on)).toEqual([])
  for (const request of [replicate, failover, move]) expect(await told(on, request)).toEqual([])
})

test.each([
  ['west', hour_ms, 'clocks apart: west is 3600 s (1 h) ahead of east'],
  ['west', -hour_ms, 'clocks apart: east is 3600 s (1 h) ahead of west'],
  ['east', 15_000, 'clocks apart: east is 15.0 s ahead of west'],
] as const)('the clock of %s is %d ms ahead: status and every verb say so', async (site, ahead_ms, words) => {
  const on = await after(deploy, replicate)
  on.world.site(site).clock_ahead_ms = ahead_ms
  const warnings = await warningsOf(on)
  expect(warnings).toEqual([expect.stringContaining(words)])
  expect(warnings[0]).toContain(`set the clock of ${site}: this machine agrees with the other`)
  for (const request of [deploy, replicate, failover, move]) expect(await told(on, request)).toEqual([words])
})

test('both sites agree and this machine does not', async () => {
  const on = await after(deploy, replicate)
  for (const site of on.world.siteNames) on.world.site(site).clock_ahead_ms = hour_ms
  expect(await told(on, replicate)).toEqual(['clocks apart: east and west are 3600 s (1 h) ahead of this machine'])
})

test('a site that is alone is compared with this machine', async () => {
  const on = await after(deploy, replicate)
  on.world.powerCut('east')
  on.world.site('west').clock_ahead_ms = -hour_ms
  expect(await told(on, failover)).toEqual(['clocks apart: west is 3600 s (1 h) behind this machine'])
})

test('a point that somebody took with a clock an hour ahead is not taken for the newest, and outlives no newer one', async () => {
  const on = await after(deploy)
  on.world.site('east').clock_ahead_ms = hour_ms
  await doneBy(on, replicate)
  const early = (await pointsOf(on))[0]
  expect(await told(on, replicate)).toEqual([expect.stringContaining('east is 3600 s (1 h) ahead of west')])
  on.world.site('east').clock_ahead_ms = 0
  expect(await told(on, replicate)).toEqual([
    expect.stringMatching(/the newest point of west was taken 3[56]\d\d s \(.*\) from now, by this machine's clock/),
  ])
  await on.world.clock.advance(1000)
  await doneBy(on, replicate)
  const newest = (await pointsOf(on))[0]
  expect(newest?.taken_at.localeCompare(early?.taken_at ?? '')).toBe(-1)
  expect((await planned(on, failover)).point?.name).toBe(newest?.name)
  expect(await told(on, failover)).toEqual([])
})

async function planned(on: Rig, request: Request): Promise<Plan> {
  const found = await plan(on.controller(), request, on.world.clock.now())
  if ('refused' in found) throw new Error(found.refused.map((each) => each.what).join('; '))
  return found.plan
}

async function told(on: Rig, request: Request): Promise<readonly string[]> {
  const { findings } = await planned(on, request)
  return findings.filter((each) => each.level === 'warning' && each.what.includes('clock')).map((each) => each.what)
}

async function doneBy(on: Rig, request: Request): Promise<void> {
  expect((await run(on.controller(), await planned(on, request), () => {})).outcome).toBe('done')
}

async function pointsOf(on: Rig) {
  return (await on.world.engine('west').readClaim('shop'))?.claim.points ?? []
}

async function warningsOf(on: Rig): Promise<readonly string[]> {
  const seen = await status(on.controller(), 'shop', on.world.clock.now())
  if ('refused' in seen) throw new Error(seen.refused.map((each) => each.what).join('; '))
  return seen.warnings
}
