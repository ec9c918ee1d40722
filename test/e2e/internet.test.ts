// On the lab: 60 s
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { lifeboat, verb } from '../../lab/demo/story.ts'
import { exec, labPaths, up } from '../../lab/lab.ts'
import { topology } from '../../lab/topology.ts'
import type { Report } from '../../src/report/report.ts'
import { incus } from './stage.ts'

/**
 * Machines get out to the Internet by the declared port and by no other. The client's place stands for the Internet: its own
 * counters say what came there, and from whom. The directory of the site moves to an IPv6 address meanwhile: a machine finds it
 * under the same name at the same address, by curl's own LDAP, and the directory's counters say how it was asked.
 */
const project = 'lb-feed'
const STACK = `lifeboat: 1
stack: feed
segments: { app: 10.40.2.0/24 }
machines:
  app: { image: shop-web, segment: app }
appliances:
  out:
    nat: { inside: [app], reaches: [updates] }
  box:
    nat: { inside: [app], reaches: [ldap] }
services:
  ldap: { port: tcp/389 }
  updates: { to: internet, port: tcp/443 }
`
const CLIENT = '192.0.2.10'

let lease = ''
const heard = new Map<string, string>()
let counted = ''
let over4: Asked
let over6: Asked
let moved: Report

type Asked = { readonly answer: string; readonly where: string; readonly counted: string }

beforeAll(async () => {
  await up()
  const file = join(labPaths.run, 'feed.yaml')
  writeFileSync(file, STACK, { mode: 0o600 })
  const report = await verb('deploy', file, '--site', 'east')
  expect(report.failures).toEqual([])
  lease = await incus('east', 'exec', '--project', project, 'out', '--', 'sh', '-c', 'ip -4 -br address show outside')
  await nft('add table inet feed')
  await nft('add chain inet feed input { type filter hook input priority 0; }')
  for (const port of [443, 80, 8443]) await nft(`add rule inet feed input tcp dport ${port} counter`)
  // Billing at the site and the client, at the declared port and beside it: all at the same time.
  for (const [name, address, port] of [
    ['declared', CLIENT, 443],
    ['undeclared', CLIENT, 80],
    ['undeclared too', CLIENT, 8443],
    ['private', '10.101.0.40', 443],
  ] as const)
    heard.set(name, await tried(address, port))
  counted = await nft('list table inet feed')

  await directory('add table inet feed')
  await directory('add chain inet feed input { type filter hook input priority 0; }')
  for (const family of ['ipv4', 'ipv6'])
    await directory(`add rule inet feed input meta nfproto ${family} tcp dport 389 ct state new counter`)
  over4 = await askedDirectory()
  moved = await verb('--sites', sitesWithIpv6(), 'deploy', file, '--site', 'east')
  over6 = await askedDirectory()
}, 900_000)

afterAll(async () => {
  await exec('client', ['nft', 'delete', 'table', 'inet', 'feed'])
  await exec('east-ldap', ['nft', 'delete', 'table', 'inet', 'feed'])
  await lifeboat(['destroy', 'feed', '--consent', 'feed'])
})

/** The directory is where it is, and the network team has given it another address. */
function sitesWithIpv6(): string {
  const path = join(labPaths.run, 'sites-feed.yaml')
  const sites = parse(readFileSync(labPaths.sites, 'utf8')) as {
    readonly sites: Record<string, { readonly services: Record<string, string> }>
  }
  const east = sites.sites.east
  if (east === undefined) throw new Error('the lab has no east')
  east.services.ldap = topology.sites.east.ldap6
  writeFileSync(path, stringify(sites, { aliasDuplicateObjects: false }), { mode: 0o600 })
  return path
}

/** A search by the name that machines have for it, the address that this name has inside, and what the directory has counted. */
async function askedDirectory(): Promise<Asked> {
  const inside = (script: string) => incus('east', 'exec', '--project', project, 'app', '--', 'bash', '-c', script)
  return {
    answer: await inside("curl -sS --max-time 10 'ldap://ldap/dc=example,dc=com?cn?sub?(uid=alice)'"),
    where: await inside('getent ahosts ldap'),
    counted: await directory('list table inet feed'),
  }
}

const directory = (command: string): Promise<string> => nft(command, 'east-ldap')

async function nft(command: string, node: 'client' | 'east-ldap' = 'client'): Promise<string> {
  const ran = await exec(node, ['nft', command])
  if (ran.exit !== 0) throw new Error(ran.stderr)
  return ran.stdout
}

/** Nothing listens there: a refusal comes from the far end, and silence from whoever dropped the packet on the way. */
async function tried(address: string, port: number): Promise<string> {
  const script = `timeout 3 bash -c 'exec 3<>/dev/tcp/${address}/${port}' 2>&1; echo "exit $?"`
  return incus('east', 'exec', '--project', project, 'app', '--', 'bash', '-c', script)
}

test('the declared port gets there, from the lease of the NAT box on the outside network', () => {
  expect(lease).toMatch(/198\.51\.100\.\d+/)
  expect(heard.get('declared')).toMatch(/refused/)
  expect(Number(/dport 443 counter packets (\d+)/.exec(counted)?.[1])).toBeGreaterThan(0)
})

test.each(['undeclared', 'undeclared too', 'private'])('%s: silence, and no packet came', (name) => {
  expect(heard.get(name)).toMatch(/exit 124/)
  for (const port of [80, 8443]) expect(counted).toContain(`dport ${port} counter packets 0 `)
})

describe('a service that has moved to an IPv6 address', () => {
  test('answers the same machine under the same name, at the same address inside', () => {
    expect(over4.answer).toContain('cn: Alice')
    expect(over6.answer).toContain('cn: Alice')
    expect(over6.where).toBe(over4.where)
    expect(over6.where).toMatch(/^10\.40\.2\.\d+ /)
  })

  test('is asked over IPv6, and was not before', () => {
    const packets = ({ counted: text }: Asked, version: 4 | 6) =>
      Number(new RegExp(`nfproto ipv${version} .*packets (\\d+)`).exec(text)?.[1])
    expect([packets(over4, 6), packets(over4, 4)]).toEqual([0, 1])
    expect(packets(over6, 6)).toBeGreaterThan(0)
    expect(packets(over6, 4)).toBe(1)
  })

  test('changes the NAT box that reaches it, and nothing else', () => {
    const changed = moved.steps.filter(({ phase }) => phase === 'swap' || phase === 'build').map(({ id }) => id)
    expect(changed.length).toBeGreaterThan(0)
    expect(changed.filter((id) => !/\bbox\b/.test(id))).toEqual([])
  })
})
