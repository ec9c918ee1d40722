import { expect, test } from 'vitest'
import { plan, type Request, run } from '../../src/lifeboat.ts'
import type { Point } from '../../src/state/objects.ts'
import { type Rig, stackFile } from './rig.ts'
import { after } from './scenes.ts'

const deploy: Request = { verb: 'deploy', file: stackFile, site: 'east', remove: [] }
const replicate: Request = { verb: 'replicate', stack: 'shop' }
const move: Request = { verb: 'move', stack: 'shop', to: 'west' }

test('the points of a site that became active go as newer ones come, but for the one that was launched', async () => {
  const on = await after(deploy, replicate, replicate, replicate, move)
  const before = points(on, 'west')
  expect(before.length).toBeGreaterThan(3)
  const launched = claimOf(on, 'west')?.launched
  expect(before[0]?.name).toBe(launched)

  for (let cycle = 0; cycle < 3; cycle++) {
    await done(on, replicate)
    const listed = points(on, 'west').flatMap(({ name }) => [`db1-${name}`, `db2-${name}`])
    expect([...clones(on, 'west')].sort()).toEqual(listed.sort())
  }
  expect(points(on, 'west').map((each) => each.name)).toEqual([launched])
  expect(points(on, 'east')).toHaveLength(keep)
})

/** `protect.keep` of the stack file. */
const keep = 2

async function done(on: Rig, request: Request): Promise<void> {
  const planned = await plan(on.controller(), request, on.world.clock.now())
  if ('refused' in planned) throw new Error(planned.refused[0]?.what)
  const ran = await run(on.controller(), planned.plan, () => {})
  expect(ran.outcome).toBe('done')
  expect(ran.report.failures).toEqual([])
  await on.world.clock.advance(10_000)
}

const claimOf = (on: Rig, site: string) => on.world.site(site).claims.get('shop')?.claim
const points = (on: Rig, site: string): readonly Point[] => claimOf(on, site)?.points ?? []
const clones = (on: Rig, site: string): readonly string[] =>
  [...(on.world.site(site).area({ kind: 'keep', stack: 'shop' })?.instances.keys() ?? [])].filter((name) =>
    /-p\d{8}-/.test(name),
  )
