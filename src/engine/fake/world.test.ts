import { expect, test } from 'vitest'
import type { InstanceObject } from '../../state/objects.ts'
import type { Engine } from '../contract.ts'
import { EngineError } from '../error.ts'
import { Crash } from './faults.ts'
import { type FakeWorld, fakeWorld } from './world.ts'

const area = { kind: 'stack', stack: 'shop' } as const
const replicaArea = { kind: 'replica', stack: 'shop' } as const
const db: InstanceObject = {
  type: 'instance',
  area,
  name: 'db1',
  role: 'machine',
  image: 'shop-db',
  nics: [],
  digest: 'sha256:db',
}
const replica: InstanceObject = { ...db, area: replicaArea }

async function withDatabase(world: FakeWorld): Promise<{ east: Engine; west: Engine }> {
  const east = world.engine('east')
  const west = world.engine('west')
  await east.ensureArea(area)
  await east.ensureInstance(db)
  await east.power(db, 'start', 10)
  await west.ensureArea(replicaArea)
  world.site('east').write(db, '/data', 'one')
  await east.checkpoint([db], 'p1', 'together')
  return { east, west }
}

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'ok',
    (error: unknown) => (error instanceof EngineError ? error.code : (error as Error).name),
  )

test('a power cut stops what ran, nothing starts by itself, disks and claims stay', async () => {
  const world = fakeWorld()
  const { east } = await withDatabase(world)
  world.powerCut('east')
  expect(await codeOf(east.observe('shop'))).toBe('unreachable')
  world.powerOn('east')
  const [observed] = (await east.observe('shop')).areas
  expect(observed?.instances[0]).toMatchObject({ power: 'stopped', snapshots: ['p1'] })
  expect(world.site('east').read(db, '/data')).toBe('one')
})

test('a power cut in the middle of a call leaves no effect of what came after it', async () => {
  const world = fakeWorld()
  const { east } = await withDatabase(world)
  const call = codeOf(east.ensureInstance({ ...db, name: 'db2' }))
  await world.clock.sleep(50)
  world.powerCut('east')
  expect(await call).toBe('unreachable')
  expect(world.site('east').find({ area, name: 'db2' })).toBeUndefined()
})

test('an isolated site goes on running, does not answer, and is as it was when it is back', async () => {
  const world = fakeWorld()
  const { east, west } = await withDatabase(world)
  world.isolate('east')
  expect(await codeOf(east.observe('shop'))).toBe('unreachable')
  expect(await codeOf(west.observe('shop'))).toBe('ok')
  expect(world.site('east').get(db).power).toBe('running')
  world.rejoin('east')
  expect((await east.observe('shop')).areas[0]?.instances[0]?.power).toBe('running')
})

test('a cut WAN stalls a transfer until its limit, and the replica is back at its previous snapshots', async () => {
  const world = fakeWorld()
  const { east, west } = await withDatabase(world)
  await west.receive({ source: east, from: db, to: replica, snapshot: 'p1', stall_s: 5 })
  world.site('east').write(db, '/data', 'x'.repeat(300_000_000))
  await east.checkpoint([db], 'p2', 'together')
  const began_ms = world.clock.elapsed_ms()
  const call = codeOf(west.receive({ source: east, from: db, to: replica, snapshot: 'p2', stall_s: 5 }))
  await world.clock.sleep(1_000)
  // As measured: listed although it has not arrived.
  expect((await west.observe('shop')).areas[0]?.instances[0]?.snapshots).toEqual(['p1', 'p2'])
  world.cut('east', 'west')
  expect(await call).toBe('timed-out')
  expect(world.clock.elapsed_ms() - began_ms).toBeGreaterThan(5_000)
  expect((await west.observe('shop')).areas[0]?.instances[0]?.snapshots).toEqual(['p1'])
  world.heal('east', 'west')
  expect(await codeOf(west.receive({ source: east, from: db, to: replica, snapshot: 'p2', stall_s: 5 }))).toBe('ok')
})

test('power lost at the receiver leaves a snapshot that is listed and cannot be cloned; the next transfer repairs it', async () => {
  const world = fakeWorld()
  const { east, west } = await withDatabase(world)
  const transfer = { source: east, from: db, to: replica, snapshot: 'p1', stall_s: 5 }
  const call = codeOf(west.receive(transfer))
  await world.clock.sleep(500)
  world.powerCut('west')
  expect(await call).toBe('unreachable')
  world.powerOn('west')
  await west.ensureArea(area)
  const clone = () => codeOf(west.clone({ ...replica, snapshot: 'p1' }, db))
  expect(await clone()).toBe('rejected')
  await west.receive(transfer)
  expect(await clone()).toBe('ok')
  expect(world.site('west').read(db, '/data')).toBe('one')
  expect(world.site('west').contentVersion(db)).toBe(1)
})

test.each([
  ['fail-before', 'rejected', false],
  ['fail-after', 'rejected', true],
  ['lose-answer', 'unreachable', true],
  ['hang', 'timed-out', false],
] as const)('fault %s: the caller sees %s, effect %s', async (kind, code, effect) => {
  const world = fakeWorld()
  const { east } = await withDatabase(world)
  world.faults.at({ call: 'clone', nth: 2, site: 'east' }, kind)
  const copy = (name: string) => codeOf(east.clone({ ...db, snapshot: 'p1' }, { ...db, name }))
  expect(await copy('one')).toBe('ok')
  expect(world.faults.pending()).toHaveLength(1)
  expect(await copy('two')).toBe(code)
  expect(world.site('east').find({ area, name: 'two' }) !== undefined).toBe(effect)
  expect(world.faults.pending()).toHaveLength(0)
  expect(await copy('three')).toBe('ok')
  expect(world.calls.filter((call) => call.call === 'clone').map((call) => [call.object, call.outcome])).toEqual([
    ['stack:shop/db1@p1 -> stack:shop/one', 'ok'],
    ['stack:shop/db1@p1 -> stack:shop/two', code],
    ['stack:shop/db1@p1 -> stack:shop/three', 'ok'],
  ])
})

test.each([
  ['before', false],
  ['after', true],
] as const)(
  'a crash %s the effect kills every handle of the controller; a new one finds the world as it is',
  async (when, effect) => {
    const world = fakeWorld()
    const { east, west } = await withDatabase(world)
    world.faults.at({ call: 'power', object: 'db1 stop' }, 'crash', { when })
    await expect(east.power(db, 'stop', 10)).rejects.toBeInstanceOf(Crash)
    await expect(west.observe('shop')).rejects.toBeInstanceOf(Crash)
    const again = world.engine('east')
    expect((await again.observe('shop')).areas[0]?.instances[0]?.power).toBe(effect ? 'stopped' : 'running')
  },
)

test('a full pool is no-space', async () => {
  const world = fakeWorld()
  const { east, west } = await withDatabase(world)
  world.site('east').leaveFree(10)
  expect(await codeOf(east.clone({ ...db, snapshot: 'p1' }, { ...db, name: 'copy' }))).toBe('no-space')
  world.site('west').leaveFree(1_000_000)
  expect(await codeOf(west.receive({ source: east, from: db, to: replica, snapshot: 'p1', stall_s: 5 }))).toBe(
    'no-space',
  )
  expect(world.site('west').find(replica)).toBeUndefined()
})

test('a leg has its lease some time after the start, and none while it is cut', async () => {
  const world = fakeWorld()
  const east = world.engine('east')
  const fw: InstanceObject = {
    ...db,
    name: 'fw',
    nics: [{ interface: 'outside', mac: '02:00:00:00:00:01', network: 'outside' }],
  }
  await east.ensureArea(area)
  await east.ensureInstance(fw)
  await east.power(fw, 'start', 10)
  expect(await east.leaseOf(fw, 'outside')).toBeUndefined()
  await world.clock.sleep(1_000)
  const lease = await east.leaseOf(fw, 'outside')
  expect(lease).toMatch(/^198\.51\.100\./)
  await east.cutLegs(fw, true)
  expect(await east.leaseOf(fw, 'outside')).toBeUndefined()
  await east.cutLegs(fw, false)
  expect(await east.leaseOf(fw, 'outside')).toBe(lease)
})

test('readiness: the machine behind a probe is found by its reservation, and can be scripted', async () => {
  const world = fakeWorld()
  const { east } = await withDatabase(world)
  const web: InstanceObject = {
    ...db,
    name: 'web1',
    nics: [{ interface: 'eth0', mac: '02:00:00:00:00:09', network: 'segment', segment: 'web' }],
  }
  await east.ensureNetwork({ type: 'network', area, segment: 'web' })
  await east.ensureInstance(web)
  await east.put(db, [
    { path: '/etc/dnsmasq.conf', content: 'dhcp-host=02:00:00:00:00:09,10.10.2.10,web1\n', mode: 0o644 },
  ])
  const probe = () => east.exec(db, ['/usr/local/bin/lifeboat-ready', '20', 'http://10.10.2.10:80/healthz'], 30)
  world.site('east').guest('web1', { ready_after_ms: 7_000 })
  const began_ms = world.clock.elapsed_ms()
  await east.power(web, 'start', 10)
  expect((await probe()).exit).toBe(0)
  expect(world.clock.elapsed_ms() - began_ms).toBeGreaterThan(7_000)
  world.site('east').guest('web1', { ready_after_ms: 'never' })
  expect(await probe()).toMatchObject({ exit: 1, stderr: 'http://10.10.2.10:80/healthz connection refused\n' })
})

test('commands can be scripted, newest handler first', async () => {
  const world = fakeWorld()
  const { east } = await withDatabase(world)
  world.site('east').onExec(({ argv }) => (argv[0] === 'pg' ? { exit: 0, stdout: 'primary', stderr: '' } : undefined))
  world.site('east').onExec(({ ref }) => (ref.name === 'db9' ? { exit: 9, stdout: '', stderr: '' } : undefined))
  expect(await east.exec(db, ['pg'], 5)).toMatchObject({ stdout: 'primary' })
  expect(await east.exec(db, ['no-such-program'], 5)).toMatchObject({ exit: 127 })
})

test('equal seeds give equal runs, other seeds other times', async () => {
  const run = async (seed: number) => {
    const world = fakeWorld({ seed })
    await withDatabase(world)
    return JSON.stringify(world.calls)
  }
  expect(await run(7)).toBe(await run(7))
  expect(await run(7)).not.toBe(await run(8))
})
