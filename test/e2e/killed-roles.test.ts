// On the lab: 200 s
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type Customers,
  eventually,
  lifeboat,
  ordersHeld,
  stackFile,
  startCustomers,
  verb,
} from '../../lab/demo/story.ts'
import { killDaemon, returnDaemon } from '../../lab/lab.ts'
import { type SiteName, siteNames } from '../../lab/topology.ts'
import type { Report } from '../../src/report/report.ts'
import { claimOf, everyInstance, running } from './roles.ts'
import { addressByName, emptyStage, live, marked } from './stage.ts'
import { killed, places, settled } from './unharmed.ts'

/**
 * One life of a shop in which every operation that moves a role loses its controller ten times, while customers order. Incus,
 * psql, dig and the customers say what came of it.
 */
let failover: Report
/** When the site that went on under the former epoch was cut off: until then it took orders, and said so to customers. */
let cut_at: number
let customers: Customers

beforeAll(async () => {
  const { ca } = await emptyStage()
  await verb('deploy', stackFile, '--site', 'east')
  customers = await startCustomers(10, ca)
  await eventually('the first accepted order', async () =>
    (await customers.attempts()).some((each) => each.acked_at !== null),
  )
  await verb('replicate', 'shop')
})

afterAll(async () => {
  await customers?.stop()
  await lifeboat(['destroy', 'shop', '--consent', 'shop'])
})

test('guard: a site that went on under an epoch that is over is cut off and stopped', async () => {
  await killDaemon('east')
  failover = await verb('failover', 'shop', '--site-is-down', 'east')
  await returnDaemon('east')
  const both = await Promise.all(siteNames.map(running))
  expect(both.map((each) => each.length)).toEqual([9, 9])
  const { kills } = await killed(['guard', 'shop'], [2], false)
  expect(kills).toBeGreaterThan(places / 2)
  cut_at = Date.now()
  expect(await claimOf('east')).toMatchObject({ role: 'stale', epoch: 1 })
  await settled('west')
})

test('reprotect: what the lost site held is set aside', async () => {
  const { kills } = await killed(['reprotect', 'shop'], [3, 6])
  expect(kills).toBeGreaterThan(places / 2)
  const kept = (await everyInstance('east')).filter((each) => each.project === `${live}-keep`)
  expect(kept.map((each) => each.name).sort()).toEqual(['db1-rescue-1', 'db2-rescue-1'])
  await settled('west', 'east')
})

test('rescue: the copy is looked at in isolation, and nothing of that is left', async () => {
  const { kills } = await killed(['rescue', 'shop'], [3, 6])
  expect(kills).toBeGreaterThan(places / 2)
  const copies = (await everyInstance('east')).filter((each) => each.project === `${live}-drill-rescue-1`)
  expect(copies.map((each) => [each.name, each.status])).toEqual([
    ['db1', 'Running'],
    ['db2', 'Running'],
  ])
  await verb('rescue', 'shop', '--stop')
  await settled('west', 'east')
})

test('failback: no order is lost on the way home', async () => {
  await verb('replicate', 'shop')
  const { kills } = await killed(['failback', 'shop'], [2, 5, 8])
  expect(kills).toBeGreaterThan(places / 2)
  await settled('east', 'west')
  await nothingLost('east')
})

test('move: no order is lost', async () => {
  const { kills } = await killed(['move', 'shop', '--to', 'west'], [2, 5, 8])
  expect(kills).toBeGreaterThan(places / 2)
  await settled('west', 'east')
  await nothingLost('west')
})

test('destroy: nothing with a mark is left', async () => {
  await customers.stop()
  const { kills } = await killed(['destroy', 'shop', '--consent', 'shop'], [3, 6])
  expect(kills).toBeGreaterThan(places / 2)
  for (const site of siteNames) expect(await marked(site), site).toEqual([])
  expect(await addressByName('192.0.2.54')).toBe('')
})

/** Every order that was ever accepted is there, but for those between the point of the failover and the end of the lost site. */
async function nothingLost(site: SiteName): Promise<void> {
  const told = await accepted()
  const held = await ordersHeld(site)
  const taken = Date.parse(failover.numbers.point?.taken_at ?? '')
  const missing = told.filter((each) => !held.has(each.ref))
  expect(missing.filter((each) => (each.acked_at ?? 0) <= taken || each.sent_at > cut_at)).toEqual([])
  expect(told.filter((each) => each.sent_at > cut_at).length).toBeGreaterThan(20)
}

async function accepted() {
  return (await customers.attempts()).filter((each) => each.acked_at !== null)
}
