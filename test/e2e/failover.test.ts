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
import { exec, killSite } from '../../lab/lab.ts'
import type { Ran } from '../../lab/run.ts'
import type { SiteName } from '../../lab/topology.ts'
import type { Report } from '../../src/report/report.ts'
import type { Status } from '../../src/report/status.ts'
import {
  addressByName,
  addressesOf,
  behind_ms,
  claimsAt,
  emptyStage,
  inside,
  instances,
  live,
  removeShop,
  statusAtClient,
} from './stage.ts'

/** The story that the product is made for, told once; each test then asks somebody else whether it is true. */
const machines = ['app1', 'app2', 'db1', 'db2', 'web1', 'web2']
const appliances = ['fw', 'lb', 'nat']

let customers: Customers
let atEast: Awaited<ReturnType<typeof insides>>
let refused: Ran
let claims: { readonly before: string; readonly afterRefusal: string }
let report: Report
let attempts: readonly OrderAttempt[]
let held: ReadonlySet<string>

beforeAll(async () => {
  const { ca } = await emptyStage()
  await verb('deploy', stackFile, '--site', 'east')
  customers = await startCustomers(10, ca)
  await eventually('the first accepted order', async () =>
    (await customers.attempts()).some((each) => each.acked_at !== null),
  )
  for (let cycle = 0; cycle < 3; cycle++) {
    await verb('replicate', 'shop')
    await sleep(700)
  }
  atEast = await insides('east')
  await killSite('east')

  const before = await claimsAt('west')
  refused = await lifeboat(['failover', 'shop'])
  claims = { before, afterRefusal: await claimsAt('west') }

  report = await verb('failover', 'shop', '--site-is-down', 'east', '--acknowledged', customers.log)
  await sleep(2000)
  attempts = await customers.stop()
  held = await ordersHeld('west')
})

afterAll(async () => {
  await customers?.stop()
  await removeShop()
})

test('without the word of a person a silent site is not taken for a dead one, and nothing changes', () => {
  expect(refused).toMatchObject({ exit: 3, stderr: expect.stringContaining('--site-is-down east') })
  expect(claims.before).toContain('standby')
  expect(claims.afterRefusal).toBe(claims.before)
})

test('the database at west holds every order that was accepted before the launched point, and the loss is what the report says', () => {
  const decided = Date.parse(report.decided_at)
  const point = Date.parse(report.numbers.point?.taken_at ?? '')
  const accepted = attempts.filter((each) => each.acked_at !== null && each.acked_at <= decided)
  const before = accepted.filter((each) => (each.acked_at ?? 0) <= point)
  expect(before.length).toBeGreaterThan(20)
  expect(before.filter((each) => !held.has(each.ref))).toEqual([])
  const lost = accepted.filter((each) => !held.has(each.ref))
  expect(report.numbers.loss).toMatchObject({
    acknowledged: accepted.length,
    lost: lost.length,
    lost_before_point: 0,
  })
})

test('orders go on at west, and all that were accepted there are in its database', () => {
  const after = attempts.filter((each) => each.acked_at !== null && each.acked_at > Date.parse(report.decided_at))
  expect(after.length).toBeGreaterThan(10)
  expect(after.filter((each) => !held.has(each.ref))).toEqual([])
})

test("the name leads to the firewall's DHCP lease at west, for the client and at the authoritative server", async () => {
  const firewall = (await instances('west')).find((each) => each.name === 'fw')
  const outside = firewall === undefined ? [] : addressesOf(firewall, 'outside')
  expect(outside).toEqual([expect.stringMatching(/^198\.51\.100\.1[5-9]\d$/)])
  const leases = await exec('west-edge', ['cat', '/run/dnsmasq.leases'])
  expect(leases.stdout).toContain(` ${outside[0]} `)
  expect(await addressByName()).toBe(outside[0])
  expect(await addressByName('192.0.2.54')).toBe(outside[0])
  expect(report.numbers.address).toBe(outside[0])
})

test('over IPv6 too: the name leads to the firewall at west, and the client gets good answers there', async () => {
  const firewall = (await instances('west')).find((each) => each.name === 'fw')
  const outside = firewall === undefined ? [] : addressesOf(firewall, 'outside', 'inet6')
  expect(outside).toEqual([expect.stringMatching(/^2001:db8:f:/)])
  for (const server of [undefined, '192.0.2.54']) expect(await addressByName(server, 'AAAA')).toBe(outside[0])
  expect(await statusAtClient('/api/healthz', 6)).toBe('200')
  expect(report.numbers.address6).toBe(outside[0])
  expect(report.findings.map(({ what }) => what).join('\n')).toContain(
    'IPv6 of shop.example.com ends at the proxy of fw',
  )
})

test('the client gets good answers with a certificate that it verifies', async () => {
  expect(await statusAtClient('/healthz')).toBe('200')
  expect(await statusAtClient('/api/healthz')).toBe('200')
})

test('machines have the addresses, MACs and names at west that they had at east', async () => {
  expect(Object.keys(atEast)).toEqual([...machines, ...appliances].sort())
  expect(await insides('west')).toEqual(atEast)
})

test('replicas and kept points were never started', async () => {
  const stored = [...(await instances('west', `${live}-replica`)), ...(await instances('west', `${live}-keep`))]
  expect(stored.length).toBeGreaterThan(8)
  for (const each of stored) {
    expect(each).toMatchObject({
      status: 'Stopped',
      last_used_at: expect.stringMatching(/^(0001|1970)-01-01T00:00:00/),
    })
  }
})

test('the report tells the time, what was touched, and that it was no physical device', () => {
  const firstAnswer = Math.min(
    ...attempts.flatMap((each) =>
      each.acked_at !== null && each.acked_at > Date.parse(report.decided_at) ? [each.acked_at] : [],
    ),
  )
  expect(report.outcome).toBe('done')
  const rto_ms = report.numbers.rto_ms ?? 0
  const theirs_ms = firstAnswer - Date.parse(report.decided_at)
  expect(Math.abs(theirs_ms - rto_ms)).toBeLessThan(behind_ms)
  expect(report.touches.map((each) => each.kind).sort()).toEqual(['dhcp-lease', 'dhcp-lease', 'dns-record'])
  expect(report.physical_devices_touched).toBe(0)
  expect(report.numbers.point_age_ms).toBeGreaterThan(0)
  expect(report.not_tested.length).toBeGreaterThan(0)
})

test('status says that west is active, and claims no knowledge of east', async () => {
  const ran = await lifeboat(['status', 'shop', '--json'])
  expect(ran.exit).toBe(0)
  const status = JSON.parse(ran.stdout) as Status
  expect(status.sites).toMatchObject([
    { site: 'east', answers: false, role: 'unknown' },
    { site: 'west', answers: true, role: 'active', epoch: 2 },
  ])
})

test('a second failover launches nothing a second time', async () => {
  const facts = async () =>
    (await instances('west')).map(({ name, status, last_used_at, config }) => [
      name,
      status,
      last_used_at,
      config['volatile.uuid'],
    ])
  const before = { facts: await facts(), claims: await claimsAt('west') }
  const again = await lifeboat(['failover', 'shop', '--site-is-down', 'east'])
  expect(again).toMatchObject({ exit: 0, stdout: expect.stringMatching(/already active at west since .* look again/) })
  expect(again.stdout).not.toContain('RTO')
  expect(await facts()).toEqual(before.facts)
  expect(await claimsAt('west')).toBe(before.claims)
})

/** Each instance by what only its own kernel tells: host name, and interfaces with MAC and addresses on segments. */
async function insides(site: SiteName) {
  const found = await Promise.all(
    (await instances(site)).map(async (each) => {
      const legs = Object.entries(each.state.network ?? {})
        .filter(([name]) => !['lo', 'outside', 'services'].includes(name))
        .map(
          ([name, { hwaddr }]) =>
            [
              name,
              { hwaddr, addresses: [...addressesOf(each, name), ...addressesOf(each, name, 'inet6')].sort() },
            ] as const,
        )
      const hostname = await nameOf(site, each.name)
      return [each.name, { hostname, legs: Object.fromEntries(legs.sort(([a], [b]) => a.localeCompare(b))) }] as const
    }),
  )
  return Object.fromEntries(found.sort(([a], [b]) => a.localeCompare(b)))
}

/** As its own kernel has it. An empty answer is asked for again: a command that ends at once can lose its output. */
async function nameOf(site: SiteName, instance: string): Promise<string> {
  let name = ''
  await eventually(`${instance} at ${site} tells its name`, async () => {
    name = (await inside(site, instance, 'hostname')).stdout.trim()
    return name !== ''
  })
  return name
}
