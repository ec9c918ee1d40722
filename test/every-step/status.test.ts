import { expect, test } from 'vitest'
import { type Request, status } from '../../src/lifeboat.ts'
import { type Status, statusText } from '../../src/report/status.ts'
import { type Rig, stackFile } from './rig.ts'
import { after } from './scenes.ts'

const deploy: Request = { verb: 'deploy', file: stackFile, site: 'east', remove: [] }
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
  west.clock_ahead_ms = 3_600_000
  west.leaveFree(1_000_000)
  const told = at(await statusOf(on), 'west')?.not_ready.join('\n') ?? ''
  for (const lack of [
    'image "shop-web" is not at west',
    'the outside bridge "outside" is not at west',
    'the services bridge "services" is not at west',
    'the clock of west is 3600 s off',
    'pool default at west is nearly full: 1.0 MB of',
  ])
    expect(told).toContain(lack)
})

test('before the first cycle the standby has nothing to launch from', async () => {
  const seen = await statusOf(await after(deploy))
  expect(seen.point_age_ms).toBeUndefined()
  expect(at(seen, 'west')).toMatchObject({ role: undefined, points: 0 })
})

async function statusOf(on: Rig): Promise<Status> {
  const seen = await status(on.controller(), 'shop', on.world.clock.now())
  if ('refused' in seen) throw new Error(seen.refused.map((each) => each.what).join('; '))
  return seen
}

const at = (seen: Status, site: string) => seen.sites.find((each) => each.site === site)
