import { expect, test } from 'vitest'
import { plan, type Request, resume, run } from '../../src/lifeboat.ts'
import type { Area } from '../../src/state/objects.ts'
import { type Rig, stackFile } from './rig.ts'
import { after } from './scenes.ts'

/** An engine that dies while it makes an instance lists it afterwards, without its data. */
const deploy: Request = { verb: 'deploy', file: stackFile, site: 'east', remove: [] }
const replicate: Request = { verb: 'replicate', stack: 'shop' }
const failover: Request = { verb: 'failover', stack: 'shop', to: undefined, point: undefined, down: ['east'] }
const area = (kind: 'stack' | 'keep' | 'replica'): Area => ({ kind, stack: 'shop' })

test.each(['resumed', 'by another controller'])('a launch that left one half made, %s, makes it again', async (how) => {
  const on = await after(deploy, replicate)
  on.world.powerCut('east')
  on.world.faults.at({ site: 'west', call: 'clone', object: 'stack:shop/db1' }, 'fail-after')
  const first = await done(on, failover, 'stuck')
  halve(on, 'west', area('stack'), 'db1')
  if (how === 'resumed') expect((await resume(on.controller(), first, () => {})).outcome).toBe('done')
  else await done(on, failover)
  expect(dataOf(on, 'west', area('stack'), 'db1')).toBe(true)
})

test('a first deploy that left a machine half made makes it again', async () => {
  const on = await after()
  on.world.faults.at({ site: 'east', call: 'power', object: 'stack:shop/db2' }, 'crash')
  await expect(done(on, deploy)).rejects.toThrow()
  halve(on, 'east', area('stack'), 'db2')
  await done({ ...on, controller: () => on.controller(new Map()) }, deploy)
  expect(dataOf(on, 'east', area('stack'), 'db2')).toBe(true)
})

test('what is prepared at the standby is made again by the next cycle, and nothing is cloned of it before', async () => {
  const on = await after(deploy, replicate)
  const prepared = [...(on.world.site('west').area(area('replica'))?.instances.keys() ?? [])]
  const web = prepared.find((name) => name.startsWith('web1-')) ?? ''
  const fw = prepared.find((name) => name.startsWith('fw-')) ?? ''
  halve(on, 'west', area('replica'), web)
  halve(on, 'west', area('replica'), fw)
  const planned = await plan(on.controller(), failover, on.world.clock.now())
  expect('refused' in planned && planned.refused[0]?.what).toContain('fw is not prepared at west')
  await done(on, replicate)
  for (const name of [web, fw]) expect(dataOf(on, 'west', area('replica'), name)).toBe(true)
  await done(on, failover)
})

test('a point of which a clone is half made is not launched', async () => {
  const on = await after(deploy, replicate)
  const point = on.world.site('west').claims.get('shop')?.claim.points[0]?.name ?? ''
  halve(on, 'west', area('keep'), `db1-${point}`)
  const planned = await plan(on.controller(), failover, on.world.clock.now())
  expect('refused' in planned && planned.refused[0]?.what).toContain(`lacks db1-${point}`)
})

function halve(on: Rig, site: string, where: Area, name: string): void {
  const found = on.world.site(site).area(where)?.instances.get(name)
  if (found === undefined) throw new Error(`${site} has no ${name}`)
  found.half_made = true
}

function dataOf(on: Rig, site: string, where: Area, name: string): boolean {
  return on.world.site(site).area(where)?.instances.get(name)?.half_made === false
}

async function done(on: Rig, request: Request, outcome = 'done'): Promise<string> {
  const controller = on.controller()
  const planned = await plan(controller, request, on.world.clock.now())
  if ('refused' in planned) throw new Error(planned.refused.map((each) => each.what).join('; '))
  const ran = await run(controller, planned.plan, () => {})
  expect(ran.report.failures.filter(() => outcome === 'done')).toEqual([])
  expect(ran.outcome).toBe(outcome)
  return ran.operation
}
