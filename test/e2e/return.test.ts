// On the lab: 90 s
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { OrderAttempt } from '../../examples/shop/order-log.ts'
import {
  type Customers,
  eventually,
  lifeboat,
  ordersHeld,
  sleep,
  stackFile,
  startCustomers,
  verb,
} from '../../lab/demo/story.ts'
import { killSite, returnSite } from '../../lab/lab.ts'
import type { Report } from '../../src/report/report.ts'
import { addressByName, claimsAt, emptyStage, incus, instances, live, removeShop } from './stage.ts'

/** A lost site comes back: nothing of it starts, what only it has is kept, and the stack goes home without loss. */
let customers: Customers
let lost: readonly OrderAttempt[]
let afterReturn: string
let guarded: { readonly exit: number | null; readonly stdout: string }
let guardedAgain: { readonly exit: number | null; readonly stdout: string }
let failback: Report
let failoverDecided: number
let attempts: readonly OrderAttempt[]
let held: ReadonlySet<string>

beforeAll(async () => {
  const { ca } = await emptyStage()
  await verb('deploy', stackFile, '--site', 'east')
  customers = await startCustomers(10, ca)
  await eventually('the first accepted order', async () =>
    (await customers.attempts()).some((each) => each.acked_at !== null),
  )
  await verb('replicate', 'shop')
  await sleep(2000)
  await killSite('east')
  const failover = await verb('failover', 'shop', '--site-is-down', 'east')
  failoverDecided = Date.parse(failover.decided_at)
  await sleep(1000)
  const atWest = await ordersHeld('west')
  lost = (await customers.attempts()).filter(
    (each) => each.acked_at !== null && each.acked_at <= failoverDecided && !atWest.has(each.ref),
  )

  await returnSite('east')
  // Long enough for anything that would start by itself.
  await sleep(5000)
  afterReturn = await incus('east', 'list', '--all-projects', '--format', 'csv', '--columns', 'ns')
  guarded = await lifeboat(['guard', 'shop'])
  guardedAgain = await lifeboat(['guard'])
  failback = await verb('failback', 'shop')
  await eventually('orders accepted at home', async () =>
    (await customers.attempts()).some((each) => (each.acked_at ?? 0) > Date.parse(failback.ended_at ?? '')),
  )
  await sleep(2000)
  attempts = await customers.stop()
  held = await ordersHeld('east')
})

afterAll(async () => {
  await customers?.stop()
  await removeShop()
})

test('the customers lost orders with the site, or this test shows nothing', () => {
  expect(lost.length).toBeGreaterThan(5)
})

test('nothing starts by itself when power is back', () => {
  const states = afterReturn.trim().split('\n')
  expect(states.length).toBe(9)
  for (const each of states) expect(each).toMatch(/,STOPPED$/)
})

test('the guard makes the site stale, starts nothing, and has nothing to do the second time', () => {
  expect(guarded).toMatchObject({ exit: 0, stdout: expect.stringContaining('east stale') })
  expect(guardedAgain).toMatchObject({
    exit: 0,
    stdout: expect.stringContaining('nothing of it runs where it must not'),
  })
})

test('failback loses no order that was accepted since the failover', async () => {
  const since = attempts.filter((each) => each.acked_at !== null && each.acked_at > failoverDecided)
  expect(since.filter((each) => (each.acked_at ?? 0) > Date.parse(failback.ended_at ?? '')).length).toBeGreaterThan(5)
  expect(since.filter((each) => !held.has(each.ref))).toEqual([])
  expect(failback).toMatchObject({ verb: 'failback', outcome: 'done', failures: [] })
  console.log(`failback: outage ${failback.numbers.outage_ms} ms`)
  expect(await addressByName()).toMatch(/^198\.51\.100\.[5-9]\d$/)
})

test('what only the lost site had is still there, and can be looked at in isolation', async () => {
  const kept = async () =>
    (await instances('east', `${live}-keep`)).filter((each) => each.name.includes('-rescue-')).map((each) => each.name)
  expect((await kept()).sort()).toEqual(['db1-rescue-1', 'db2-rescue-1'])
  const looked = await lifeboat(['rescue', 'shop', '--json'])
  expect(looked.exit).toBe(0)
  const found = JSON.parse(looked.stdout) as {
    readonly only_here: readonly string[]
  }
  const only = new Set(found.only_here)
  // An order may have been written without the customer having been told: those are here too.
  expect(lost.filter((each) => !only.has(each.ref))).toEqual([])
  for (const each of await instances('east', `${live}-drill-rescue-1`))
    expect(Object.keys(each.state.network ?? {}).sort()).toEqual(['eth0', 'lo'])
  expect((await lifeboat(['rescue', 'shop', '--stop'])).exit).toBe(0)
  expect(await incus('east', 'project', 'list', '--format', 'csv')).not.toContain('rescue')
  expect((await lifeboat(['rescue', 'shop', '--discard', 'shopp'])).exit).toBe(3)
  expect((await kept()).length).toBe(2)
  expect((await lifeboat(['rescue', 'shop', '--discard', 'shop'])).exit).toBe(0)
  expect(await kept()).toEqual([])
  expect(await claimsAt('east')).toContain('\\"rescues\\":[]')
})
