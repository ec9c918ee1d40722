// On the lab: 110 s
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
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
import { exec, labPaths } from '../../lab/lab.ts'
import type { Ran } from '../../lab/run.ts'
import type { SiteName } from '../../lab/topology.ts'
import type { Report } from '../../src/report/report.ts'
import type { Status } from '../../src/report/status.ts'
import { type Capture, capture } from './capture.ts'
import {
  addressByName,
  claimsAt,
  emptyStage,
  everything,
  type Instance,
  incus,
  inside,
  marked,
  removeShop,
  startLifeboat,
} from './stage.ts'

/** A drill at noon, with customers; each test then asks somebody else whether anybody could have noticed. */
let customers: Customers
const captures: Record<string, Capture> = {}
let before: Awaited<ReturnType<typeof production>>
let after: typeof before
let drilled: { readonly from: number; readonly to: number; readonly report: Report }
let frames: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>

beforeAll(async () => {
  const { ca } = await emptyStage()
  await verb('deploy', stackFile, '--site', 'east')
  customers = await startCustomers(10, ca, { patience_s: 10 })
  await eventually('the first accepted order', async () =>
    (await customers.attempts()).some((each) => each.acked_at !== null),
  )
  await verb('replicate', 'shop')
  const macs = await macsAt('east')
  for (const cable of ['outside', 'services', 'wan']) captures[cable] = await capture('west', cable)
  before = await production()
  const from = Date.now()
  const report = await verb('drill', 'shop')
  drilled = { from, to: Date.now(), report }
  after = await production()
  // A frame that each capture has to have seen.
  await exec('west', ['bash', '-c', 'exec 3<>/dev/tcp/172.16.0.1/8443'])
  await exec('west-edge', ['ping', '-c', '1', '-W', '1', '198.51.100.250'])
  await sleep(500)
  const border = /\(([0-9a-f:]{17})\)/.exec(report.touches[0]?.what ?? '')?.[1] ?? ''
  const bubble = 'net 198.18.0.0/15 or net 10.10.0.0/16 or net fd00:10::/32 or net 2001:db8:ffff:d::/64'
  const clones = macs.map((mac) => `ether host ${mac}`).join(' or ')
  const allowed = 'arp or udp port 67 or udp port 68 or (tcp port 389 and host 10.102.0.30)'
  const filters = {
    all: 'greater 1',
    clones,
    bubble,
    border: `ether host ${border}`,
    ldap: `ether host ${border} and tcp dst port 389 and dst host 10.102.0.30`,
    beyond: `ether host ${border} and not (${allowed})`,
  }
  const found: [string, Readonly<Record<string, readonly string[]>>][] = []
  for (const [cable, each] of Object.entries(captures)) found.push([cable, await each.stop(filters)])
  frames = Object.fromEntries(found)
})

afterAll(async () => {
  for (const each of Object.values(captures)) each.kill()
  await customers?.stop()
  await removeShop()
})

test('the drill passes: checks by name and TLS, declared flows by packets, undeclared ones stopped', () => {
  const { drill, not_tested } = drilled.report
  expect(drill).toMatchObject({ verdict: 'passed', kept: false, untouched: { site: 'east', instances: 9 } })
  // Each over IPv4 and IPv6.
  expect(drill?.checks).toHaveLength(4)
  expect(drill?.checks.every((check) => check.good)).toBe(true)
  expect(drill?.matrix?.pass).toBeGreaterThan(60)
  expect(drill?.matrix?.stopped).toBeGreaterThan(60)
  expect(not_tested.join('\n')).toMatch(/the real way in at west/)
  expect(drilled.report.numbers.rto_ms).toBeUndefined()
})

test('verdict and clean-up are told, and are no more than the whole took', () => {
  const { verdict_ms = 0, clean_up_ms = 0 } = drilled.report.drill ?? {}
  expect(verdict_ms).toBeGreaterThan(0)
  expect(clean_up_ms).toBeGreaterThan(0)
  const whole_ms = Date.parse(drilled.report.ended_at ?? '') - Date.parse(drilled.report.decided_at)
  expect(verdict_ms + clean_up_ms).toBeLessThanOrEqual(whole_ms + 1_000)
})

test('nothing of the bubble is left at west', async () => {
  expect((await marked('west')).filter((each) => each.includes('drill'))).toEqual([])
})

test('at east the same processes run under the same claim, and the name leads to the same address', () => {
  expect(before.pids.length).toBe(9)
  expect(after).toEqual(before)
})

test('every order that customers placed meanwhile was accepted, and is in the database at east', async () => {
  const attempts = await customers.between(drilled.from, drilled.to)
  expect(attempts.length).toBeGreaterThan(60)
  expect(attempts.filter((each) => each.acked_at === null)).toEqual([])
  const held = await ordersHeld('east')
  expect(attempts.filter((each) => !held.has(each.ref))).toEqual([])
})

test('on the outside network, the services network and the WAN nobody saw a frame of the stack', () => {
  for (const [cable, seen] of Object.entries(frames)) {
    expect(seen.all?.length, cable).toBeGreaterThan(0)
    expect(seen.clones, cable).toEqual([])
    expect(seen.bubble, cable).toEqual([])
  }
})

test('what left the bubble is what the border counted: the allowed service, and no frame beside it', () => {
  const services = frames.services
  const counted = drilled.report.drill?.border?.left_ldap
  expect(counted).toBeGreaterThan(0)
  expect(services?.ldap?.length).toBe(counted)
  expect(services?.beyond).toEqual([])
  for (const cable of ['outside', 'wan']) expect(frames[cable]?.border, cable).toEqual([])
})

test('status tells the proof', async () => {
  const status = JSON.parse((await lifeboat(['status', 'shop', '--json'])).stdout) as Status
  expect(status.proof).toMatch(/^proven .* by drill/)
})

test('a kept drill can be looked into, replication goes on beside it, and it goes when it is told to', async () => {
  const kept = await verb('drill', 'shop', '--keep')
  const project = `lb-shop-drill-${kept.drill?.drill}`
  expect(kept.drill?.shell).toBe(`incus exec --project ${project} app2 -- bash`)
  const tables = await inside(
    'west',
    'db1',
    'su postgres -c "psql -At -d shop -c \'select count(*) from orders\'"',
    project,
  )
  expect(Number(tables.stdout)).toBeGreaterThan(0)
  const at_east = await inside('east', 'db1', 'hostname -I')
  expect((await inside('west', 'db1', 'hostname -I', project)).stdout).toBe(at_east.stdout)

  const cycle = await verb('replicate', 'shop')
  expect(cycle.numbers.incremental).toBe(true)
  expect((await lifeboat(['drill', 'shop'])).exit).toBe(1)
  await verb('drill', 'shop', '--remove')
  expect((await marked('west')).filter((each) => each.includes('drill'))).toEqual([])
})

test('interrupted, a drill removes its bubble; killed, it is named by status and replicate until it is removed', async () => {
  const interrupted = startLifeboat(['drill', 'shop'])
  await interrupted.until('a machine of the bubble runs', machinesRun)
  expect(await interrupted.kill('SIGINT')).toEqual([2, null])
  expect((await marked('west')).filter((each) => each.includes('drill'))).toEqual([])

  const killed = startLifeboat(['drill', 'shop'])
  await killed.until('a machine of the bubble runs', machinesRun)
  await killed.kill()
  const status = await lifeboat(['status', 'shop'])
  expect(status.stdout).toMatch(/drill \w{6}: was begun by .*, which is gone: its bubble is left/)
  const cycle = await verb('replicate', 'shop')
  expect(cycle.findings.map((each) => each.what).join()).toMatch(/drill \w{6} at west: was begun by/)
  await verb('drill', 'shop', '--remove')
  expect((await marked('west')).filter((each) => each.includes('drill'))).toEqual([])
})

test('a prepared firewall that is not what its digest says is found by packets: failed, told, and removed', async () => {
  const firewall = (await incus('west', 'list', '--project', 'lb-shop-replica', '--format', 'csv', '--columns', 'n'))
    .split('\n')
    .find((name) => name.startsWith('fw-'))
  const file = `${firewall}/etc/nftables.conf`
  const rules = await incus('west', 'file', 'pull', '--project', 'lb-shop-replica', file, '-')
  const open = rules.replaceAll(/\bdrop\b/g, 'accept')
  expect(open).not.toBe(rules)
  await write(file, open)
  const ran: Ran = await lifeboat(['drill', 'shop', '--json'])
  await write(file, rules)
  expect(ran.exit).toBe(2)
  const report = JSON.parse(ran.stdout) as Report
  expect(report.drill?.verdict).toBe('failed')
  expect(report.failures[0]).toMatchObject({
    step: 'reachability',
    detail: expect.stringMatching(/outside -> fw tcp\/22: refused/),
  })
  expect(report.left).toEqual([])
  expect((await marked('west')).filter((each) => each.includes('drill'))).toEqual([])
  const status = JSON.parse((await lifeboat(['status', 'shop', '--json'])).stdout) as Status
  expect(status.proof).toMatch(/^unproven: the last drill/)
  expect(await production()).toMatchObject({ pids: before.pids, address: before.address })
})

/** Whether a machine of a bubble runs. */
async function machinesRun(): Promise<boolean> {
  const list = JSON.parse(await incus('west', 'list', '--all-projects', '--format', 'json')) as readonly Instance[]
  return list.some((each) => each.project.includes('-drill-') && each.name === 'db1' && each.status === 'Running')
}

/** What an outsider can tell of the site that is active. */
async function production() {
  const list = JSON.parse(await incus('east', 'list', '--project', 'lb-shop', '--format', 'json')) as readonly {
    readonly name: string
    readonly state: { readonly pid: number }
  }[]
  return {
    pids: list.map((each) => `${each.name} ${each.state.pid}`).sort(),
    claim: await claimsAt('east'),
    things: [...(await everything('east')).keys()].sort(),
    address: await addressByName('192.0.2.54'),
  }
}

/** The clones have the same MACs as what they are clones of. */
async function macsAt(site: SiteName): Promise<readonly string[]> {
  const list = JSON.parse(await incus(site, 'list', '--project', 'lb-shop', '--format', 'json')) as readonly {
    readonly devices: Readonly<Record<string, { readonly hwaddr?: string }>>
  }[]
  return list.flatMap((each) => Object.values(each.devices).flatMap((device) => device.hwaddr ?? []))
}

async function write(file: string, text: string): Promise<void> {
  const from = join(labPaths.run, 'planted')
  writeFileSync(from, text, { mode: 0o600 })
  await incus('west', 'file', 'push', '--project', 'lb-shop-replica', '--mode', '0644', from, file)
}
