// On the lab: 60 s
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
import { killSite } from '../../lab/lab.ts'
import type { Ran } from '../../lab/run.ts'
import type { Report } from '../../src/report/report.ts'
import {
  addressByName,
  addressesOf,
  emptyStage,
  inside,
  instances,
  marked,
  removeShop,
  statusAtClient,
} from './stage.ts'

/** A drill is kept, mended inside, and becomes the shop when east is lost; each test asks somebody else whether it is so. */
let customers: Customers
let kept: Report
let refused: { readonly silent: Ran; readonly newer: Ran }
let report: Report
let attempts: readonly OrderAttempt[]
let held: ReadonlySet<string>

const planted = 'planted-in-the-bubble'

beforeAll(async () => {
  const { ca } = await emptyStage()
  await verb('deploy', stackFile, '--site', 'east')
  customers = await startCustomers(10, ca)
  await eventually('the first accepted order', async () =>
    (await customers.attempts()).some((each) => each.acked_at !== null),
  )
  await verb('replicate', 'shop')
  kept = await verb('drill', 'shop', '--keep')
  const bubble = `lb-shop-drill-${kept.drill?.drill}`
  const insert = `insert into orders (ref, customer, item, quantity) values ('${planted}', 'alice', 'rope', 1)`
  const wrote = await inside('west', 'db1', `su postgres -c "psql -At -d shop -c \\"${insert}\\""`, bubble)
  if (wrote.exit !== 0) throw new Error(`psql in the bubble: ${wrote.stderr}`)
  await verb('replicate', 'shop')
  await killSite('east')

  const silent = await lifeboat(['drill', 'shop', '--promote'])
  const newer = await lifeboat(['drill', 'shop', '--promote', '--site-is-down', 'east'])
  refused = { silent, newer }
  const words = ['--promote', '--site-is-down', 'east', '--point', kept.numbers.point?.name ?? '']
  report = await verb('drill', 'shop', ...words, '--acknowledged', customers.log)
  await sleep(1500)
  attempts = await customers.stop()
  held = await ordersHeld('west')
})

afterAll(async () => {
  await customers?.stop()
  await removeShop()
})

test('a newer point and a silent site each need the word of a person', () => {
  expect(refused.silent).toMatchObject({ exit: 3, stderr: expect.stringContaining('newer than that of drill') })
  expect(refused.newer).toMatchObject({ exit: 3, stderr: expect.stringMatching(/--point p\d{8}-\d{6}-\d{3}/) })
})

test('the client gets good answers by name and TLS, from the lease of the firewall at west', async () => {
  expect(await statusAtClient('/healthz')).toBe('200')
  expect(await statusAtClient('/api/healthz')).toBe('200')
  const firewall = (await instances('west')).find((each) => each.name === 'fw')
  expect(firewall === undefined ? [] : addressesOf(firewall, 'outside')).toEqual([await addressByName()])
  expect(report.numbers.rto_ms).toBeGreaterThan(0)
})

test('what was written in the bubble is live data', () => {
  expect(held).toContain(planted)
})

test('orders go on, in the database at west', () => {
  const after = attempts.filter((each) => each.acked_at !== null && each.acked_at > Date.parse(report.decided_at))
  expect(after.length).toBeGreaterThan(10)
  expect(after.filter((each) => !held.has(each.ref))).toEqual([])
})

test('all that was accepted before the point of the drill is there, and the loss since then is what the report says', () => {
  expect(report.numbers.point?.name).toBe(kept.numbers.point?.name)
  const decided = Date.parse(report.decided_at)
  const point = Date.parse(report.numbers.point?.taken_at ?? '')
  const accepted = attempts.filter((each) => each.acked_at !== null && each.acked_at <= decided)
  const lost = accepted.filter((each) => !held.has(each.ref))
  expect(accepted.filter((each) => (each.acked_at ?? 0) <= point && !held.has(each.ref))).toEqual([])
  expect(lost.length).toBeGreaterThan(20)
  expect(report.numbers.loss).toMatchObject({ acknowledged: accepted.length, lost: lost.length, lost_before_point: 0 })
})

test('nothing of the drill is left at west, and nothing there is called by it', async () => {
  expect((await marked('west')).filter((each) => each.includes('drill'))).toEqual([])
  expect((await instances('west')).map((each) => each.status)).toEqual(Array(9).fill('Running'))
})
