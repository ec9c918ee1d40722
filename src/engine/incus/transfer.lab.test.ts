import { afterAll, beforeAll, expect, test } from 'vitest'
import type { InstanceObject } from '../../state/objects.ts'
import { machine, purge, refused, running, seen, type Workbench, workbench } from '../conformance/workbench.ts'
import { incusEngine } from './incus.ts'
import { type ScratchPair, scratchPair } from './scratch-pair.ts'

/** What a transfer does when the link between the sites does not do its part, and what a client is refused. */
let pair: ScratchPair
let bench: Workbench

beforeAll(async () => {
  pair = await scratchPair()
  bench = workbench(pair, 'transfers')
})
afterAll(async () => {
  await pair.link(true)
  await purge(bench)
  await pair.cleanup()
})

test('a link that dies in the middle ends the transfer as timed-out; the point before stays, the next transfer repairs', async () => {
  const { east, west } = pair
  const db = await running(bench, east, 'db1', 'one')
  const replica = machine(bench, bench.replica, 'db1')
  const kept = machine(bench, bench.keep, 'db1-p1')
  await west.ensureArea(bench.replica)
  await west.ensureArea(bench.keep)
  await east.checkpoint([db], 'p1', 'together')
  await receive(db, replica, 'p1')
  await west.clone({ ...replica, snapshot: 'p1' }, kept)

  await random(db, 60)
  await east.checkpoint([db], 'p2', 'together')
  await pair.shape('100mbit')
  let cut: Promise<void> | undefined
  const broken = receive(db, replica, 'p2', (bytes) => {
    if (bytes > 0) cut ??= pair.link(false)
  })
  await refused(west, broken, 'timed-out')
  expect(cut, 'the transfer was under way when the link was cut').toBeDefined()
  expect((await seen(west, kept))?.power).toBe('stopped')

  await pair.link(true)
  await pair.shape('1gbit')
  // The target's end of the broken transfer holds the replica until it notices.
  await expect
    .poll(() => receive(db, replica, 'p2').then(() => 'received', codeOf), { timeout: 60_000 })
    .toBe('received')
  await west.clone({ ...replica, snapshot: 'p2' }, machine(bench, bench.keep, 'db1-p2'))
})

const process = { host: 'ops', boot: '1', namespace: '1', pid: 4711, start: '1' }

test('a transfer that somebody waits for is waited for by the next; one whose process is gone is ended', async () => {
  const { east } = pair
  const db = machine(bench, bench.area, 'db1')
  const replica = machine(bench, bench.replica, 'db1')
  const seenAs = (state: 'alive' | 'gone' | 'unknown') =>
    incusEngine({ ...pair.https, processes: { self: process, lives: () => state } })
  for (const [state, first] of [
    ['unknown', 'received'],
    ['gone', 'unreachable'],
  ] as const) {
    await random(db, 40)
    await east.checkpoint([db], `${state}1`, 'together')
    await east.checkpoint([db], `${state}2`, 'together')
    await pair.shape('50mbit')
    const [one, other] = [seenAs('alive'), seenAs(state)]
    const fetch = (engine: typeof one, snapshot: string, progress?: (bytes: number) => void) =>
      engine.receive({ source: east, from: db, to: replica, snapshot, stall_s: 10 }, progress)
    let began = (_: unknown) => {}
    const under_way = new Promise((resolve) => {
      began = resolve
    })
    const before = fetch(one, `${state}1`, (bytes) => bytes > 1e6 && began(bytes)).then(() => 'received', codeOf)
    await under_way
    const after = fetch(other, `${state}2`).then(() => 'received', codeOf)
    await pair.shape('1gbit')
    expect(await after, state).toBe('received')
    expect(await before, state).toBe(first)
    await Promise.all([one.close(), other.close()])
  }
})

test('an increment takes about the bytes that changed', async () => {
  const { east } = pair
  const db = machine(bench, bench.area, 'db1')
  await random(db, 20)
  await east.checkpoint([db], 'p3', 'together')
  const { bytes, incremental } = await receive(db, machine(bench, bench.replica, 'db1'), 'p3')
  expect(incremental).toBe(true)
  expect(bytes / (20 * 1024 * 1024)).toBeGreaterThan(0.95)
  expect(bytes / (20 * 1024 * 1024)).toBeLessThan(1.1)
})

test('a site whose certificate is not the pinned one, and one without a listener, are told apart', async () => {
  const wrongPin = incusEngine({ ...pair.https, serverCertificate: pair.https.clientCertificate ?? '' })
  await refused(wrongPin, wrongPin.stacks(), 'unauthorized')
  const nobody = incusEngine({ ...pair.https, url: 'https://127.0.0.1:1' })
  await refused(nobody, nobody.stacks(), 'unreachable')
  await Promise.all([wrongPin.close(), nobody.close()])
})

test('stop and kill work on a paused instance', async () => {
  const { east } = pair
  const web = await running(bench, east, 'web1')
  for (const verb of ['kill', 'stop'] as const) {
    await east.power(web, 'start', 10)
    await east.power(web, 'pause', 10)
    await east.power(web, verb, 5)
    expect((await seen(east, web))?.power).toBe('stopped')
  }
})

function receive(db: InstanceObject, to: InstanceObject, snapshot: string, progress?: (bytes: number) => void) {
  return pair.west.receive({ source: pair.east, from: db, to, snapshot, stall_s: 4 }, progress)
}

async function random(db: InstanceObject, size_mb: number): Promise<void> {
  const script = `dd if=/dev/urandom of=/var/lib/random bs=1M count=${size_mb} 2>/dev/null && sync`
  expect(await pair.east.exec(db, ['/bin/sh', '-c', script], 60)).toMatchObject({ exit: 0 })
}

function codeOf(thrown: unknown): unknown {
  return (thrown as { code?: unknown }).code
}
