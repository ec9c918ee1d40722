import { expect, test } from 'vitest'
import { Crash } from '../src/engine/fake/faults.ts'
import { plan, type Request, resume, run } from '../src/lifeboat.ts'
import { type Rig, stackFile } from './every-step/rig.ts'
import { after } from './every-step/scenes.ts'

/** What a person can be sure of on the way across and back; every call broken is for the every-step matrix. */
const deploy = { verb: 'deploy', file: stackFile, site: 'east', remove: [] } as const satisfies Request
const replicate: Request = { verb: 'replicate', stack: 'shop' }
const failover: Request = { verb: 'failover', stack: 'shop', to: undefined, point: undefined, down: ['east'] }
const move: Request = { verb: 'move', stack: 'shop', to: 'west' }
const guard: Request = { verb: 'guard', stack: 'shop' }
const db1 = { area: { kind: 'stack', stack: 'shop' }, name: 'db1' } as const

async function go(on: Rig, ...requests: readonly Request[]) {
  for (const request of requests) {
    const controller = on.controller(new Map())
    const planned = await plan(controller, request, on.world.clock.now())
    if ('refused' in planned) return planned.refused
    const ran = await run(controller, planned.plan, () => {})
    expect(ran.report.failures).toEqual([])
    expect(ran.outcome).toBe('done')
  }
  return undefined
}

test('a write that was accepted a moment before the move is there after it', async () => {
  const on = await after(deploy, replicate)
  on.world.site('east').write(db1, '/orders', 'the last one')
  expect(await go(on, move)).toBeUndefined()
  expect(on.world.site('west').read(db1, '/orders')).toBe('the last one')
})

test('clients are cut off before a machine stops, and the last point is taken when all have', async () => {
  const on = await after(deploy, replicate)
  const from = on.world.calls.length
  await go(on, move)
  const calls = on.world.calls.slice(from).map((each) => `${each.site} ${each.call} ${each.object}`)
  const first = (text: RegExp) => calls.findIndex((each) => text.test(each))
  const last = (text: RegExp) => calls.findLastIndex((each) => text.test(each))
  expect(first(/^east cutLegs .*fw/)).toBeLessThan(first(/^east power .* stop/))
  expect(last(/^east power .*(app|web)\d stop/)).toBeLessThan(first(/^east power .*db\d stop/))
  expect(last(/^east power .*db\d stop/)).toBeLessThan(last(/^east checkpoint/))
  expect(last(/^east power .*(stop|kill)/)).toBeLessThan(first(/^west power .* start/))
})

test('two active sites under one epoch are an alarm, and nothing is touched', async () => {
  const on = await after(deploy, replicate)
  const west = on.world.site('west').claims
  const claimed = west.get('shop')
  if (claimed !== undefined) west.set('shop', { ...claimed, claim: { ...claimed.claim, role: 'active' } })
  const state = await on.state()
  expect(await go(on, guard)).toMatchObject([{ needs: 'person', what: expect.stringContaining('ALARM') }])
  expect(await on.state()).toBe(state)
})

test('a site that went on running unseen is cut off first, then stale, then stopped; what it wrote is kept for rescue', async () => {
  const on = await after(deploy, replicate)
  on.world.isolate('east')
  await go(on, failover)
  on.world.site('east').write(db1, '/orders', 'nowhere else')
  on.world.rejoin('east')
  const from = on.world.calls.length
  await go(on, guard)
  const changes = on.world.calls.slice(from).flatMap((each) => (each.site === 'east' ? [each.call] : []))
  expect(changes.indexOf('cutLegs')).toBeGreaterThan(0)
  expect(changes.lastIndexOf('cutLegs')).toBeLessThan(changes.indexOf('swapClaim'))
  expect(changes.indexOf('swapClaim')).toBeLessThan(changes.indexOf('power'))

  await go(
    on,
    { verb: 'failback', stack: 'shop' },
    { verb: 'failback', stack: 'shop' },
    { verb: 'failback', stack: 'shop' },
  )
  const east = on.world.site('east')
  expect(east.claims.get('shop')?.claim).toMatchObject({ role: 'active', epoch: 3 })
  expect(east.read(db1, '/orders')).toBeUndefined()
  const kept = { area: { kind: 'keep', stack: 'shop' }, name: 'db1-rescue-1' } as const
  expect(east.read(kept, '/orders')).toBe('nowhere else')

  await go(on, { verb: 'move', stack: 'shop', to: 'west' }, replicate, replicate, replicate)
  expect(east.read(kept, '/orders')).toBe('nowhere else')

  const look = { verb: 'rescue', stack: 'shop', epoch: undefined, consent: undefined } as const
  await go(on, { ...look, do: 'look' })
  const bubble = { area: { kind: 'bubble', stack: 'shop', drill: 'rescue-1' }, name: 'db1' } as const
  expect(east.get(bubble).power).toBe('running')
  expect(east.read(bubble, '/orders')).toBe('nowhere else')
  await go(on, { ...look, do: 'stop' })
  expect(east.find(bubble)).toBeUndefined()
  expect(await go(on, { ...look, do: 'discard' })).toMatchObject([{ needs: 'person' }])
  expect(east.find(kept)).toBeDefined()
  await go(on, { ...look, do: 'discard', consent: 'shop' })
  expect(east.find(kept)).toBeUndefined()
  expect(east.claims.get('shop')?.claim.rescues).toEqual([])
})

test('the guard lets go on what was left paused, and leaves alone what a cycle pauses for a moment', async () => {
  const on = await after(deploy, replicate)
  on.world.site('east').get(db1).power = 'paused'
  await go(on, guard)
  expect(on.world.site('east').get(db1).power).toBe('running')

  const planned = plan(on.controller(), guard, on.world.clock.now())
  const cycle = go(on, replicate)
  const found = await planned
  await cycle
  expect('plan' in found && found.plan.steps).toEqual([])
})

test('a controller that dies in the middle of handing over leaves nothing that starts; deploy takes it back', async () => {
  const on = await after(deploy, replicate)
  on.world.faults.at({ call: 'checkpoint', nth: 2, site: 'east' }, 'crash')
  await expect(go(on, move)).rejects.toThrow(Crash)
  expect(on.world.site('east').claims.get('shop')?.claim.role).toBe('stale')
  await go(on, guard)
  expect(await go(on, replicate)).toBeDefined()
  expect(await go(on, deploy)).toBeUndefined()
  expect(on.world.site('east').claims.get('shop')?.claim).toMatchObject({ role: 'active', epoch: 1 })
  expect(await go(on, replicate, move)).toBeUndefined()
})

test('what a move that never came to be has made at the standby is in no way of a failover', async () => {
  const on = await after(deploy, replicate)
  on.world.faults.at({ call: 'cutLegs', site: 'east' }, 'crash')
  await expect(go(on, move)).rejects.toThrow(Crash)
  on.world.powerCut('east')
  expect(await go(on, failover)).toBeUndefined()
})

test('an old journal that is taken up after somebody else took over starts nothing', async () => {
  const on = await after(deploy, replicate)
  on.world.site('east').get(db1).power = 'stopped'
  on.world.faults.at({ call: 'power', object: 'db1 start' }, 'crash')
  const controller = on.controller()
  const planned = await plan(controller, deploy, on.world.clock.now())
  if ('refused' in planned) throw new Error(planned.refused[0]?.what)
  await expect(run(controller, planned.plan, () => {})).rejects.toThrow(Crash)
  const [operation = ''] = [...on.journals.keys()]
  await go(on, failover)
  const ran = await resume(on.controller(), operation, () => {})
  expect(ran.outcome).not.toBe('done')
  expect(on.world.site('east').get(db1).power).toBe('stopped')
})
