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
import { exec } from '../../lab/lab.ts'
import type { SiteName } from '../../lab/topology.ts'
import type { Report } from '../../src/report/report.ts'
import {
  addressByName,
  addressesOf,
  behind_ms,
  claimsAt,
  emptyStage,
  instances,
  live,
  removeShop,
  statusAtClient,
} from './stage.ts'

/** The shop moves to the other site and home again while customers order; they and psql say whether anything was lost. */
let customers: Customers
let there: Moved
let home: Moved
let unserved: Unserved
let unready: { readonly exit: number | null; readonly stderr: string; readonly changed: boolean }

type Unserved = { readonly failures: Report['failures']; readonly plan: string; readonly asked: string }

type Moved = {
  readonly report: Report
  readonly attempts: readonly OrderAttempt[]
  readonly held: ReadonlySet<string>
  readonly left: readonly string[]
  readonly firewall: readonly string[]
  readonly name: string
  readonly answer: string
}

beforeAll(async () => {
  const { ca } = await emptyStage()
  await verb('deploy', stackFile, '--site', 'east')
  customers = await startCustomers(10, ca)
  await eventually('the first accepted order', async () =>
    (await customers.attempts()).some((each) => each.acked_at !== null),
  )
  const before = await claimsAt('east')
  const early = await lifeboat(['move', 'shop', '--to', 'west'])
  unready = { exit: early.exit, stderr: early.stderr, changed: (await claimsAt('east')) !== before }
  await verb('replicate', 'shop')
  unserved = await withoutBilling()
  there = await moved('east', 'west')
  home = await moved('west', 'east')
})

afterAll(async () => {
  await customers?.stop()
  await removeShop()
})

/** Billing at the standby takes no connections any more, and then again does. */
async function withoutBilling(): Promise<Unserved> {
  const nft = async (...argv: readonly string[]) => {
    const ran = await exec('west-billing', ['nft', ...argv])
    if (ran.exit !== 0) throw new Error(ran.stderr)
    return ran.stdout
  }
  await nft('add table inet away')
  await nft('add chain inet away input { type filter hook input priority 0; }')
  await nft('add rule inet away input tcp dport 5432 counter drop')
  try {
    const { failures } = await verb('replicate', 'shop')
    const plan = await lifeboat(['plan', 'move', 'shop', '--to', 'west'])
    return { failures, plan: plan.stdout, asked: await nft('list table inet away') }
  } finally {
    await nft('delete table inet away')
  }
}

async function moved(from: SiteName, to: SiteName): Promise<Moved> {
  const report = await verb('move', 'shop', '--to', to)
  await eventually(`orders accepted at ${to}`, async () =>
    (await customers.attempts()).some((each) => (each.acked_at ?? 0) > Date.parse(report.ended_at ?? '')),
  )
  await sleep(2000)
  const attempts = await customers.attempts()
  const firewall = (await instances(to)).find((each) => each.name === 'fw')
  return {
    report,
    attempts,
    held: await ordersHeld(to),
    left: (await instances(from)).map((each) => each.name),
    firewall: firewall === undefined ? [] : addressesOf(firewall, 'outside'),
    name: await addressByName(),
    answer: await statusAtClient('/api/healthz'),
  }
}

test('a central service that does not answer at the standby is told by cycle and plan, and was asked from there', () => {
  const told = /billing \(10\.102\.0\.40 tcp\/5432\) does not answer: .*; seen from the watch at west, 10\.102\.0\.\d+/
  expect(unserved.failures).toMatchObject([
    { step: 'services at west', what: expect.stringMatching(told), optional: true },
  ])
  expect(unserved.plan).toMatch(told)
  expect(unserved.plan).toMatch(/ldap \(10\.102\.0\.30 tcp\/389\) answers/)
  expect(unserved.plan).toMatch(
    /outside network at west +bridge \S+ is there; DHCP: the watch there holds 198\.51\.100\.1\d\d/,
  )
  // Packets did come from the standby's services network to where billing is there.
  expect(Number(/counter packets (\d+)/.exec(unserved.asked)?.[1])).toBeGreaterThan(0)
})

test('before the first cycle a move is refused, and nothing is changed', () => {
  expect(unready).toMatchObject({
    exit: 1,
    stderr: expect.stringContaining('nothing was ever replicated'),
    changed: false,
  })
})

test.each([
  ['there', () => there],
  ['home', () => home],
] as const)('%s: every order that was ever accepted is in the database', (_, get) => {
  const { attempts, held, report } = get()
  const accepted = attempts.filter((each) => each.acked_at !== null)
  expect(accepted.filter((each) => (each.acked_at ?? 0) < Date.parse(report.decided_at)).length).toBeGreaterThan(20)
  expect(accepted.filter((each) => (each.acked_at ?? 0) > Date.parse(report.ended_at ?? '')).length).toBeGreaterThan(5)
  expect(accepted.filter((each) => !held.has(each.ref))).toEqual([])
})

test.each([
  ['there', () => there, /^198\.51\.100\.1[5-9]\d$/],
  ['home', () => home, /^198\.51\.100\.[5-9]\d$/],
] as const)('%s: the name leads to the firewall there, and the client is answered', (_, get, lease) => {
  const { firewall, name, answer } = get()
  expect(firewall).toEqual([expect.stringMatching(lease)])
  expect(name).toBe(firewall[0])
  expect(answer).toBe('200')
})

test.each([
  ['there', () => there],
  ['home', () => home],
] as const)('%s: nothing failed, nothing of the launch is left behind, and the other way is replicated', (_, get) => {
  const { report, left } = get()
  expect(report.failures).toEqual([])
  expect(left).toEqual([])
  expect(report.steps.find((each) => each.id === 'complete, back')?.state).toBe('done')
})

test.each([
  ['there', () => there],
  ['home', () => home],
] as const)('%s: the outage that is reported is the one that the customers had', (_, get) => {
  const { report, attempts } = get()
  const accepted = attempts.flatMap((each) => (each.acked_at === null ? [] : [each.acked_at])).sort((a, b) => a - b)
  const during = accepted.filter(
    (at) => at > Date.parse(report.decided_at) - 2000 && at < Date.parse(report.ended_at ?? '') + 2000,
  )
  const gap = Math.max(...during.slice(1).map((at, index) => at - (during[index] ?? at)))
  console.log(`move: outage ${report.numbers.outage_ms} ms as reported, ${gap} ms between two accepted orders`)
  const outage_ms = report.numbers.outage_ms ?? 0
  expect(outage_ms).toBeGreaterThan(500)
  expect(Math.abs(gap - outage_ms)).toBeLessThan(behind_ms)
})

test('what is set aside, received and kept was never started', async () => {
  const stored = await Promise.all(
    (['east', 'west'] as const).flatMap((site) =>
      ['replica', 'keep'].map((area) => instances(site, `${live}-${area}`)),
    ),
  )
  expect(stored.flat().length).toBeGreaterThan(16)
  for (const each of stored.flat()) {
    expect(each).toMatchObject({
      status: 'Stopped',
      last_used_at: expect.stringMatching(/^(0001|1970)-01-01T00:00:00/),
    })
  }
  expect(stored.flat().filter((each) => each.name.includes('-spare-'))).toEqual([])
})
