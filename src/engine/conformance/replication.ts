import { expect, test } from 'vitest'
import type { InstanceObject } from '../../state/objects.ts'
import type { Received } from '../contract.ts'
import { dataInClone, machine, refused, running, seen, segment, type Workbench, write } from './workbench.ts'

/** Points: taken together, sent, cloned into the keep, out of reach of what comes later. */
export function replication(use: () => Workbench): void {
  test('a checkpoint has all instances under one name and leaves nobody paused', async () => {
    const bench = use()
    const { east } = bench
    const machines = [await running(bench, east, 'db1', 'one'), await running(bench, east, 'db2', 'one')]
    for (const [point, consistency] of [
      ['p1', 'together'],
      ['p2', 'each'],
    ] as const) {
      const { taken_at, pause_ms } = await east.checkpoint(machines, point, consistency)
      expect(Date.parse(taken_at)).not.toBeNaN()
      expect(pause_ms).toBeGreaterThanOrEqual(0)
    }
    for (const each of machines) {
      expect(await seen(east, each)).toMatchObject({ power: 'running', snapshots: ['p1', 'p2'] })
    }
  })

  test('a checkpoint that fails leaves nobody paused: name taken, instance missing', async () => {
    const bench = use()
    const { east, area } = bench
    const db = await running(bench, east, 'db1')
    await east.checkpoint([db], 'p1', 'together')
    await refused(east, east.checkpoint([db], 'p1', 'together'), 'conflict')
    expect((await seen(east, db))?.power).toBe('running')
    await refused(east, east.checkpoint([db, { area, name: 'ghost' }], 'p2', 'together'), 'not-found')
    expect((await seen(east, db))?.power).toBe('running')
  })

  test('a checkpoint of stopped instances is one, and they stay stopped', async () => {
    const bench = use()
    const { east } = bench
    const db = await running(bench, east, 'db1')
    await east.power(db, 'kill', 5)
    await east.checkpoint([db], 'p1', 'together')
    expect(await seen(east, db)).toMatchObject({ power: 'stopped', snapshots: ['p1'] })
  })

  test('a snapshot is removed, and once more', async () => {
    const bench = use()
    const { east } = bench
    const db = await running(bench, east, 'db1')
    await east.checkpoint([db], 'p1', 'each')
    await east.removeSnapshot(db, 'p1')
    await east.removeSnapshot(db, 'p1')
    expect((await seen(east, db))?.snapshots).toEqual([])
  })

  test('a replica is seeded, then brought up to date by increments; the same again sends nothing', async () => {
    const bench = use()
    const { east, west } = bench
    const { db, replica } = await source(bench)
    await east.checkpoint([db], 'p1', 'together')
    const seed = await receive(bench, db, replica, 'p1')
    expect(seed.incremental).toBe(false)
    expect(seed.bytes).toBeGreaterThan(0)
    await write(east, db, 'two')
    await east.checkpoint([db], 'p2', 'together')
    const next = await receive(bench, db, replica, 'p2')
    expect(next.incremental).toBe(true)
    expect(next.bytes).toBeLessThan(seed.bytes)
    await receive(bench, db, replica, 'p2')
    expect(await seen(west, replica)).toMatchObject({ object: replica, power: 'stopped', snapshots: ['p1', 'p2'] })
    expect((await seen(west, replica))?.started_at).toBeUndefined()
    expect((await seen(east, db))?.power).toBe('running')
    expect(await dataInClone(bench, west, { ...replica, snapshot: 'p1' })).toBe('one')
    expect(await dataInClone(bench, west, { ...replica, snapshot: 'p2' })).toBe('two')
  })

  test('a clone in the keep survives a later receive that removed its snapshot from the replica', async () => {
    const bench = use()
    const { east, west } = bench
    const { db, replica } = await source(bench)
    await east.checkpoint([db], 'p1', 'together')
    await receive(bench, db, replica, 'p1')
    const kept = machine(bench, bench.keep, 'db1-p1')
    await west.ensureArea(bench.keep)
    await west.clone({ ...replica, snapshot: 'p1' }, kept)
    await write(east, db, 'two')
    await east.checkpoint([db], 'p2', 'together')
    await receive(bench, db, replica, 'p2')
    await east.removeSnapshot(db, 'p1')
    await write(east, db, 'three')
    await east.checkpoint([db], 'p3', 'together')
    await receive(bench, db, replica, 'p3')
    expect((await seen(west, replica))?.snapshots).toEqual(['p2', 'p3'])
    expect(await dataInClone(bench, west, kept)).toBe('one')
  })

  test('replicas and kept points are never started', async () => {
    const bench = use()
    const { west } = bench
    for (const area of [bench.replica, bench.keep]) {
      const copy = machine(bench, area, 'db1')
      await west.ensureArea(area)
      await west.ensureInstance(copy)
      await refused(west, west.power(copy, 'start', 5), 'rejected')
      expect(await seen(west, copy)).toMatchObject({ power: 'stopped', started_at: undefined })
    }
  })

  test('a replica carries the legs of its machine without their networks being there', async () => {
    const bench = use()
    const { east, west, area } = bench
    const nics = [
      { interface: 'eth0', mac: '02:00:5e:00:00:03', network: 'segment', segment: 'data' },
    ] satisfies InstanceObject['nics']
    const db = machine(bench, area, 'db1', { nics })
    const replica = machine(bench, bench.replica, 'db1', { nics })
    await east.ensureArea(area)
    await east.ensureNetwork(segment(area, 'data'))
    await east.ensureInstance(db)
    await east.checkpoint([db], 'p1', 'together')
    await west.ensureArea(bench.replica)
    await receive(bench, db, replica, 'p1')
    expect((await seen(west, replica))?.object).toEqual(replica)
    await west.ensureArea(area)
    await west.ensureNetwork(segment(area, 'data'))
    await west.clone({ ...replica, snapshot: 'p1' }, db)
    expect((await seen(west, db))?.object).toEqual(db)
    await west.power(db, 'start', 20)
    expect((await seen(west, db))?.power).toBe('running')
  })

  test('a snapshot or a source that is not there is not-found, and no replica appears', async () => {
    const bench = use()
    const { east, west, area } = bench
    const { db, replica } = await source(bench)
    await refused(west, receive(bench, db, replica, 'p9'), 'not-found')
    await refused(west, receive(bench, machine(bench, area, 'ghost'), replica, 'p1'), 'not-found')
    expect(await seen(west, replica)).toBeUndefined()
    expect((await seen(east, db))?.power).toBe('running')
  })

  test('a replica of another instance is never overwritten: conflict', async () => {
    const bench = use()
    const { east, west } = bench
    const { db, replica } = await source(bench)
    await east.checkpoint([db], 'p1', 'together')
    await receive(bench, db, replica, 'p1')
    await east.power(db, 'kill', 5)
    await east.removeInstance(db)
    const other = await running(bench, east, 'db1', 'other')
    await east.checkpoint([other], 'p2', 'together')
    await refused(west, receive(bench, other, replica, 'p2'), 'conflict')
    expect((await seen(west, replica))?.snapshots).toEqual(['p1'])
    expect(await dataInClone(bench, west, { ...replica, snapshot: 'p1' })).toBe('one')
  })

  for (const victim of ['east', 'west'] as const) {
    test(`the engine at ${victim} is killed during a transfer: kept points launch, the next transfer repairs`, async (context) => {
      const bench = use()
      const { east, west } = bench
      if (bench.testEngineKilled === undefined) return context.skip('this engine offers no way to kill it')
      const { db, replica } = await source(bench)
      await east.checkpoint([db], 'p1', 'together')
      await receive(bench, db, replica, 'p1')
      const kept = machine(bench, bench.keep, 'db1-p1')
      await west.ensureArea(bench.keep)
      await west.clone({ ...replica, snapshot: 'p1' }, kept)
      await write(east, db, 'two')
      await east.checkpoint([db], 'p2', 'together')
      await bench.testEngineKilled(victim, async () => {
        await receive(bench, db, replica, 'p2').catch(() => undefined)
      })
      expect(await dataInClone(bench, west, kept)).toBe('one')
      await receive(bench, db, replica, 'p2')
      expect(await dataInClone(bench, west, { ...replica, snapshot: 'p2' })).toBe('two')
    })
  }
}

async function source(bench: Workbench): Promise<{ db: InstanceObject; replica: InstanceObject }> {
  const db = await running(bench, bench.east, 'db1', 'one')
  await bench.west.ensureArea(bench.replica)
  return { db, replica: machine(bench, bench.replica, 'db1') }
}

function receive(bench: Workbench, from: InstanceObject, to: InstanceObject, snapshot: string): Promise<Received> {
  return bench.west.receive({ source: bench.east, from, to, snapshot, stall_s: 20 })
}
