// On the lab: 65 s
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
import { addressesOf, instances } from './stage.ts'

/**
 * A stack with an address of its own, judged by the route servers of both sites (vtysh), by the provider's, and by the client: the
 * site it is at is lost, and the client finds it at the other one at the same address, with the same record.
 */
const file = join(import.meta.dirname, 'beacon.yaml')
const project = 'lb-beacon'
const prefix = '203.0.113.16/28'
const url = 'http://203.0.113.17/healthz'
const scratch = mkdtempSync(join(tmpdir(), 'lifeboat-beacon-'))

let outside_range: Ran
let refused: Ran
let deployed: Seen
let sick: readonly string[]
let well: string
let over: Seen
let left: Seen['tables']

type Seen = {
  readonly report: Report | undefined
  readonly firewall: string | undefined
  readonly tables: Readonly<Record<'east' | 'west', readonly (readonly string[])[]>>
  readonly provider: readonly string[]
  readonly answer: string
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
  await eventually('the prefix is withdrawn', 60_000, async () => (await nextHops('internet')).length === 0)
  sick = await nextHops('east-rs1')
  await nginx('east', 'start')
  await eventually('the prefix is back', 60_000, async () => (await answer()) === '200')
  well = await answer()

  await verb('replicate', 'beacon')
  await killSite('east')
  over = await seen('west', await verb('failover', 'beacon', '--site-is-down', 'east'))
  await returnSite('east')
  await removeBeacon()
  left = await tables()
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
  expect([deployed.answer, deployed.name]).toEqual(['200', '203.0.113.17'])
})

test('while nothing is served behind it, it is withdrawn', () => {
  expect([sick, well]).toEqual([[], '200'])
})

describe('after the site was lost', () => {
  test('the client finds the stack at the other site, at the same address', () => {
    expect(over.firewall).not.toBe(deployed.firewall)
    expect(over.tables.west).toEqual([[over.firewall], [over.firewall]])
    expect(over.provider).toEqual(['100.64.2.2'])
    expect(over.answer).toBe('200')
  })

  test('no record was changed; the announced prefix is what was touched', () => {
    expect([over.name, over.serial]).toEqual([deployed.name, deployed.serial])
    const touched = over.report?.touches.map(({ kind }) => kind)
    expect(touched).toEqual(['bgp-prefix', 'dhcp-lease'])
    expect(over.report?.outcome).toBe('done')
  })
})

test('a stack that was removed is announced nowhere', () => {
  expect(left).toEqual({ east: [[], []], west: [[], []] })
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

async function seen(site: SiteName, report: Report): Promise<Seen> {
  const firewall = (await instances(site, project)).find(({ name }) => name === 'fw')
  return {
    report,
    firewall: firewall === undefined ? undefined : addressesOf(firewall, 'outside')[0],
    tables: await tables(),
    provider: await nextHops('internet'),
    answer: await answer(),
    name: (await exec('client', ['dig', '+short', 'beacon.example.com'])).stdout.trim(),
    serial: (await exec('client', ['dig', '+short', '@192.0.2.54', 'example.com', 'SOA'])).stdout,
  }
}

async function tables(): Promise<Seen['tables']> {
  const at = (site: SiteName) => Promise.all([nextHops(`${site}-rs1` as NodeName), nextHops(`${site}-rs2` as NodeName)])
  return { east: await at('east'), west: await at('west') }
}

/** Where a router of the lab sends what is for the prefix. */
async function nextHops(node: NodeName): Promise<readonly string[]> {
  const ran = await exec(node, ['vtysh', '-c', `show bgp ipv4 unicast ${prefix} json`])
  const { paths = [] } = JSON.parse(ran.stdout) as { paths?: { valid?: boolean; nexthops: { ip: string }[] }[] }
  return paths.filter(({ valid }) => valid === true).flatMap(({ nexthops }) => nexthops.map(({ ip }) => ip))
}

async function answer(): Promise<string> {
  const argv = ['curl', '--silent', '--output', '/dev/null', '--write-out', '%{http_code}', '--max-time', '3', url]
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
