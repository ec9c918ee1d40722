// On the lab: 120 s
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { eventually, lifeboat, verb } from '../../lab/demo/story.ts'
import { exec, killSite, labPaths, returnSite, up } from '../../lab/lab.ts'
import type { Ran } from '../../lab/run.ts'
import type { NodeName, SiteName } from '../../lab/topology.ts'
import type { Report } from '../../src/report/report.ts'
import { type Convergence, gapOf, watchConvergence } from './convergence.ts'
import { addressesOf, inside, instances } from './stage.ts'

/**
 * A stack with an address of its own, judged by the route servers of both sites (vtysh), by the provider's, and by the client: it
 * is drilled, moved there and back, and its site is lost; the client finds it at the same address, with the same record.
 */
const file = join(import.meta.dirname, 'beacon.yaml')
const project = 'lb-beacon'
const prefix = '203.0.113.16/28'
const prefix6 = '2001:db8:100::/48'
const url = 'http://203.0.113.17/healthz'
const scratch = mkdtempSync(join(tmpdir(), 'lifeboat-beacon-'))

let outside_range: Ran
let refused: Ran
let deployed: Seen
let sick: readonly string[]
let well: string
let drilled: { readonly report: Report; readonly tables: readonly Tables[] }
let there: Moved
let home: Moved
let over: Seen
let left: readonly Tables[]

type Tables = Readonly<Record<'east' | 'west', readonly (readonly string[])[]>>

type Seen = {
  readonly report: Report | undefined
  readonly firewall: string | undefined
  readonly firewall6: string | undefined
  readonly tables: Tables
  readonly tables6: Tables
  readonly provider: readonly string[]
  readonly provider6: readonly string[]
  readonly answer: string
  /** By the name, over IPv6 alone; and what the firewall's kernel remembers of that connection. */
  readonly answer6: string
  readonly connection6: string
  readonly name: string
  readonly serial: string
}

beforeAll(async () => {
  await up()
  await removeBeacon()
  outside_range = await lifeboat(['deploy', variant('outside', '198.18.0.0/24'), '--site', 'east'])
  refused = await lifeboat([
    '--sites',
    sitesThatAllowMore(),
    'deploy',
    variant('rogue', '198.18.0.0/24'),
    '--site',
    'east',
  ])

  deployed = await seen('east', await verb('deploy', file, '--site', 'east'))
  await nginx('east', 'stop')
  await eventually('the prefix is withdrawn', async () => (await nextHops('internet')).length === 0)
  sick = await nextHops('east-rs1')
  await nginx('east', 'start')
  await eventually('the prefix is back', async () => (await answer()) === '200')
  well = await answer()

  await verb('replicate', 'beacon')
  drilled = { report: await verb('drill', 'beacon'), tables: [await tables(prefix), await tables(prefix6)] }
  there = await moved('west')
  home = await moved('east')
  await killSite('east')
  over = await seen('west', await verb('failover', 'beacon', '--site-is-down', 'east'))
  await returnSite('east')
  await removeBeacon()
  left = [await tables(prefix), await tables(prefix6)]
})

afterAll(async () => {
  rmSync(scratch, { recursive: true })
  await up()
  await removeBeacon()
})

describe('a prefix that is not the stack’s to announce', () => {
  test('is refused before anything is changed, where the site file does not have it', () => {
    expect(outside_range.exit).toBe(1)
    expect(outside_range.stderr).toContain('198.18.0.0/24 can not be announced at east: it takes 203.0.113.0/24')
  })

  test('is refused by the route servers where only the site file has it; that is seen, told and taken back', () => {
    expect(refused.exit).toBe(2)
    expect(`${refused.stdout}${refused.stderr}`).toContain(
      '198.18.0.0/24 was sent to the route servers of east and not accepted (10.255.0.1, 10.255.0.2)',
    )
  })
})

test('the route servers of the lab have loaded what is printed for a network team', async () => {
  const printed = await lifeboat(['site', 'routes', 'east', '--password'])
  expect(printed.exit).toBe(0)
  const loaded = (await exec('east-rs1', ['cat', '/etc/lab-frr/bgpd.conf'])).stdout
  expect(loaded).toContain(printed.stdout)
  expect((await lifeboat(['site', 'routes', 'east'])).stdout).not.toMatch(/^ neighbor lifeboat password/m)
})

test('after a deploy both route servers lead to the firewall, and the client gets in by the address and by the name', () => {
  expect(deployed.firewall).toMatch(/^198\.51\.100\./)
  expect(deployed.tables).toEqual({ east: [[deployed.firewall], [deployed.firewall]], west: [[], []] })
  expect(deployed.provider).toEqual(['100.64.1.2'])
  expect([deployed.answer, deployed.name]).toEqual(['200', '203.0.113.17\n2001:db8:100::1'])
})

describe('over IPv6', () => {
  test('both route servers lead to the firewall by its own address, and the client gets in', () => {
    const { firewall6, tables6, provider6, answer6 } = deployed
    expect(firewall6).toMatch(/^2001:db8:e:0?/)
    expect(tables6).toEqual({ east: [[firewall6], [firewall6]], west: [[], []] })
    expect(provider6).toEqual(['2001:db8:0:1::2'])
    expect(answer6).toBe('200')
  })

  test('packets are routed: the answer comes from the address that was asked, to the client, and no proxy is there', () => {
    const there = 'src=2001:db8::10 dst=2001:db8:100::1 sport=\\d+ dport=80'
    expect(deployed.connection6).toMatch(new RegExp(`${there} src=2001:db8:100::1 dst=2001:db8::10 sport=80`))
    expect(deployed.connection6).toContain('no proxy')
  })
})

test('while nothing is served behind it, it is withdrawn', () => {
  expect([sick, well]).toEqual([[], '200'])
})

describe('a drill', () => {
  test('gets in at the own address, as the firewall of the bubble has it, and would announce the prefix', () => {
    const { drill, steps, not_tested } = drilled.report
    expect(drill).toMatchObject({ verdict: 'passed', checks: [{ good: true }, { good: true }] })
    expect(steps.find(({ id }) => id === `fw offers ${prefix} ${prefix6}`)?.state).toBe('done')
    expect(not_tested.join('\n')).toContain('the BGP session with the real route servers of west')
  })

  test('is heard by no route server', () => {
    expect(drilled.tables).toEqual([deployed.tables, deployed.tables6])
  })
})

describe.each([
  ['to west', () => there, 'west', '100.64.2.2', '2001:db8:0:2::2'],
  ['back to east', () => home, 'east', '100.64.1.2', '2001:db8:0:1::2'],
] as const)('moved %s', (_, get, site, edge, edge6) => {
  test('the route servers and the provider lead there and nowhere else, and the record stays', () => {
    const { after } = get()
    const none = [[], []]
    expect(after.tables).toEqual({ east: none, west: none, [site]: [[after.firewall], [after.firewall]] })
    expect(after.tables6).toEqual({ east: none, west: none, [site]: [[after.firewall6], [after.firewall6]] })
    expect([after.provider, after.provider6, after.answer, after.answer6]).toEqual([[edge], [edge6], '200', '200'])
    expect([after.name, after.serial]).toEqual([deployed.name, deployed.serial])
    expect(after.report?.failures).toEqual([])
  })

  test('the provider had no route before it had the new one: two sites never answered at once', () => {
    expect(get().seen.routes.map(({ via }) => via)).toEqual([undefined, edge])
  })

  test('when it was withdrawn, announced and first answered is in the report, as router and client saw it', () => {
    const { after, seen } = get()
    const { announced, outage_ms = 0 } = after.report?.numbers ?? {}
    const decided = Date.parse(after.report?.decided_at ?? '')
    const [gone, back] = seen.routes
    const gap = gapOf(seen)
    const told = (announced?.announced_ms ?? 0) + decided
    console.log(
      `moved to ${site}: withdrawn in ${announced?.withdrawal_ms} ms; announced, ${Number(back?.at) - told} ms to the provider, ${gap.to - told} ms to the client's first good answer (${announced?.answered_after_ms} ms in the report); outage ${gap.to - gap.from} ms at the client, ${outage_ms} ms in the report`,
    )
    expect(announced).toMatchObject({ accepted: '2 of 2 route servers', withdrawal_ms: expect.any(Number) })
    // In this order, whatever clock each was read from: one machine has one.
    expect(gone?.at).toBeLessThan(told)
    expect(told).toBeLessThanOrEqual(Number(back?.at) + slack_ms)
    expect(Number(back?.at)).toBeLessThanOrEqual(gap.to + slack_ms)
    expect(Math.abs(gap.to - told - (announced?.answered_after_ms ?? Number.NaN))).toBeLessThan(3000)
    expect(Math.abs(gap.to - gap.from - outage_ms)).toBeLessThan(3000)
  })
})

describe('after the site was lost', () => {
  test('the client finds the stack at the other site, at the same address', () => {
    expect(over.firewall).toBe(there.after.firewall)
    expect(over.tables.west).toEqual([[over.firewall], [over.firewall]])
    expect(over.provider).toEqual(['100.64.2.2'])
    expect([over.answer, over.answer6]).toEqual(['200', '200'])
  })

  test('no record was changed; the announced prefix is what was touched', () => {
    expect([over.name, over.serial]).toEqual([deployed.name, deployed.serial])
    const touched = over.report?.touches.map(({ kind }) => kind)
    expect(touched).toEqual(['bgp-prefix', 'bgp-prefix', 'dhcp-lease'])
    expect(over.report?.outcome).toBe('done')
  })
})

test('a stack that was removed is announced nowhere', () => {
  const nowhere = { east: [[], []], west: [[], []] }
  expect(left).toEqual([nowhere, nowhere])
})

function variant(name: string, other: string): string {
  const path = join(scratch, `${name}.yaml`)
  writeFileSync(path, readFileSync(file, 'utf8').replace(prefix, other))
  return path
}

type Sites = { readonly sites: Readonly<Record<string, { readonly bgp: { readonly announce: string[] } }>> }

/** Somebody has widened the site file, and has not told the network team. */
function sitesThatAllowMore(): string {
  const path = join(labPaths.run, 'sites-beacon.yaml')
  const text = parse(readFileSync(labPaths.sites, 'utf8')) as Sites
  for (const { bgp } of Object.values(text.sites)) bgp.announce.push('198.18.0.0/15')
  writeFileSync(path, stringify(text, { aliasDuplicateObjects: false }), { mode: 0o600 })
  return path
}

type Moved = { readonly after: Seen; readonly seen: Convergence }

/** Times of different programs are compared; each is told in hundredths of a second or better. */
const slack_ms = 200

async function moved(to: SiteName): Promise<Moved> {
  const watching = await watchConvergence(url, prefix)
  try {
    const after = await seen(to, await verb('move', 'beacon', '--to', to))
    return { after, seen: await watching.stop() }
  } finally {
    await watching.stop()
  }
}

async function seen(site: SiteName, report: Report): Promise<Seen> {
  const firewall = (await instances(site, project)).find(({ name }) => name === 'fw')
  const answer6 = await answer('http://beacon.example.com/healthz', '-6')
  const looked = 'conntrack -L -f ipv6 -d 2001:db8:100::1; test -e /etc/haproxy/haproxy.cfg || echo no proxy'
  return {
    report,
    firewall: firewall === undefined ? undefined : addressesOf(firewall, 'outside')[0],
    firewall6: firewall === undefined ? undefined : addressesOf(firewall, 'outside', 'inet6')[0],
    tables: await tables(prefix),
    tables6: await tables(prefix6),
    provider: await nextHops('internet'),
    provider6: await nextHops('internet', prefix6),
    answer: await answer(),
    answer6,
    connection6: (await inside(site, 'fw', looked, project)).stdout,
    name: (
      await exec('client', ['dig', '+short', 'beacon.example.com', 'A', 'beacon.example.com', 'AAAA'])
    ).stdout.trim(),
    serial: (await exec('client', ['dig', '+short', '@192.0.2.54', 'example.com', 'SOA'])).stdout,
  }
}

async function tables(of: string): Promise<Tables> {
  const at = (site: SiteName) =>
    Promise.all([nextHops(`${site}-rs1` as NodeName, of), nextHops(`${site}-rs2` as NodeName, of)])
  return { east: await at('east'), west: await at('west') }
}

/** Where a router of the lab sends what is for the prefix. */
async function nextHops(node: NodeName, of = prefix): Promise<readonly string[]> {
  const family = of === prefix6 ? 'ipv6' : 'ipv4'
  const ran = await exec(node, ['vtysh', '-c', `show bgp ${family} unicast ${of} json`])
  const { paths = [] } = JSON.parse(ran.stdout) as { paths?: { valid?: boolean; nexthops: { ip: string }[] }[] }
  const found = paths.filter(({ valid }) => valid === true).flatMap(({ nexthops }) => nexthops.map(({ ip }) => ip))
  // Neighbours tell each other their address on the link too.
  return found.filter((ip) => !ip.startsWith('fe80:'))
}

async function answer(of = url, ...how: readonly string[]): Promise<string> {
  const argv = [
    'curl',
    '--silent',
    '--output',
    '/dev/null',
    '--write-out',
    '%{http_code}',
    '--max-time',
    '3',
    ...how,
    of,
  ]
  return (await exec('client', argv)).stdout.trim()
}

async function nginx(site: SiteName, what: 'start' | 'stop'): Promise<void> {
  const ran = await exec(site, ['incus', 'exec', '--project', project, 'web', '--', 'systemctl', what, 'nginx'])
  if (ran.exit !== 0) throw new Error(`systemctl ${what} nginx: ${ran.stderr}`)
}

async function removeBeacon(): Promise<void> {
  const ran = await lifeboat(['destroy', 'beacon', '--consent', 'beacon'])
  if (ran.exit === 0 || ran.stderr.includes('no site that answers knows a stack')) return
  throw new Error(`destroy ended with ${ran.exit}:\n${ran.stdout}${ran.stderr}`)
}
