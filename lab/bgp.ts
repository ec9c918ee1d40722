import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { routeServerConf } from '../src/compile/route-server.ts'
import { parseSites } from '../src/state/sites.ts'
import { daemonsOf, inNode, putFile, startDaemon } from './node.ts'
import { labPaths } from './paths.ts'
import type { ProcessId } from './processes.ts'
import { LabError, until } from './run.ts'
import { type NodeName, type SiteName, siteNames, topology } from './topology.ts'

/**
 * BGP as a company with two sites may run it. The firewalls of stacks call the two route servers of their site; these tell
 * the site's edge by IBGP; the edges tell the provider, who forwards what the client sends. Both sites are one AS.
 */
export async function ensureRouting(node: NodeName, init: ProcessId): Promise<void> {
  if (daemonsOf(init, 'bgpd').length > 0 && daemonsOf(init, 'zebra').length > 0) return
  await must(node, init, ['install', '-d', '-o', 'frr', '-g', 'frr', '/run/frr', '/etc/lab-frr'])
  await putFile(init, '/etc/lab-frr/zebra.conf', 'ip nht resolve-via-default\nipv6 nht resolve-via-default\n')
  await putFile(init, '/etc/lab-frr/bgpd.conf', await configurationOf(node), 0o600)
  await must(node, init, ['chown', '-R', 'frr:frr', '/etc/lab-frr'])
  for (const daemon of ['zebra', 'bgpd']) {
    if (daemonsOf(init, daemon).length > 0) continue
    const file = `/etc/lab-frr/${daemon}.conf`
    await startDaemon(node, init, [`/usr/lib/frr/${daemon}`, '-P', '0', '--log', 'stdout', '-f', file])
    await until(
      `${daemon} answers in node ${node}`,
      ready_limit_ms,
      async () => ((await inNode(init, ['vtysh', '-d', daemon, '-c', 'show version'])).exit === 0 ? true : undefined),
      50,
    )
  }
}

const ready_limit_ms = 60_000

async function configurationOf(node: NodeName): Promise<string> {
  if (node === 'internet') return provider()
  const [site = '', role = ''] = node.split('-') as [SiteName, string]
  return role === 'edge' ? edge(site as SiteName) : await routeServer(site as SiteName, Number(role.slice(2)))
}

/** What `lifeboat site routes` prints for the site, and the sessions with the site's own edge. */
async function routeServer(site: SiteName, number: number): Promise<string> {
  const { sites } = parseSites(await readFile(labPaths.sites, 'utf8'))
  const bgp = sites?.sites.find(({ name }) => name === site)?.bgp
  if (bgp === undefined) throw new LabError(`the site file of the lab says nothing of BGP at ${site}`)
  const password = (await readFile(join(labPaths.pki, 'bgp.key'), 'utf8')).trim()
  const { as, route_servers } = topology.bgp
  // Its own identity first: FRR 8.4 loses a session that was accepted before its router-id changed.
  return `${router(as, route_servers[number - 1] ?? '')}
${['10.255.0.254', '2001:db8:ff::fe'].map((each) => neighbor(each, as)).join('\n')}
 address-family ipv4 unicast
  no neighbor 2001:db8:ff::fe activate
 exit-address-family
 address-family ipv6 unicast
  neighbor 2001:db8:ff::fe activate
 exit-address-family
exit
${routeServerConf(site, { ...bgp, password: '' }, 'frr', password)}`
}

/** The site's router: believes its route servers, tells the provider what they say without the AS of the stacks. */
function edge(site: SiteName): string {
  const { as, provider_as, route_servers } = topology.bgp
  const link = uplinks[site]
  const family = (six: boolean) => {
    const servers = route_servers.filter((each) => each.includes(':') === six)
    const provider = six ? link.provider6 : link.provider
    return ` address-family ipv${six ? 6 : 4} unicast
${(six ? [...servers, provider] : []).map((each) => `  neighbor ${each} activate`).join('\n')}
${(six ? [] : others([...route_servers, link.provider6])).join('\n')}
${servers.map((each) => `  neighbor ${each} route-map nothing out`).join('\n')}
  neighbor ${provider} remove-private-AS all
  neighbor ${provider} route-map nothing in
  neighbor ${provider} route-map stacks${six ? '6' : ''} out
 exit-address-family`
  }
  return `${allowed('stacks')}
${router(as, link.own)}
${route_servers.map((each) => neighbor(each, as)).join('\n')}
${[link.provider, link.provider6].map((each) => neighbor(each, provider_as)).join('\n')}
${family(false)}
${family(true)}
exit
`
}

/** Takes nothing but the ranges of its customer, and forgets a site that is silent after 6 s. */
function provider(): string {
  const { as, provider_as } = topology.bgp
  const edges = siteNames.map((site) => uplinks[site].own)
  const edges6 = siteNames.map((site) => uplinks[site].own6)
  return `${allowed('customer')}
${router(provider_as, '192.0.2.1')}
${[...edges, ...edges6].map((each) => neighbor(each, as)).join('\n')}
 address-family ipv4 unicast
${others(edges6).join('\n')}
${edges.map((each) => `  neighbor ${each} route-map customer in\n  neighbor ${each} route-map nothing out`).join('\n')}
 exit-address-family
 address-family ipv6 unicast
${edges6.map((each) => `  neighbor ${each} activate\n  neighbor ${each} route-map customer6 in\n  neighbor ${each} route-map nothing out`).join('\n')}
 exit-address-family
exit
`
}

/** Filters of both families by one name, and one that lets nothing through. */
function allowed(name: string): string {
  const { announce, max_length, max_length6 } = topology.bgp
  const lines = announce.flatMap((range) => {
    const [ip, of, longest] = range.includes(':') ? ['ipv6', `${name}6`, max_length6] : ['ip', name, max_length]
    return [
      `${ip} prefix-list ${of} seq 5 permit ${range} le ${longest}`,
      `route-map ${of} permit 10`,
      ` match ${ip} address prefix-list ${of}`,
    ]
  })
  return [...lines, 'route-map nothing deny 10'].join('\n')
}

const router = (as: number, id: string): string => `router bgp ${as}\n bgp router-id ${id}\n coalesce-time 0`

const neighbor = (address: string, as: number): string =>
  [`remote-as ${as}`, 'timers 2 6', 'timers connect 1'].map((words) => ` neighbor ${address} ${words}`).join('\n')

/** IPv6 sessions are not about IPv4. */
const others = (addresses: readonly string[]): readonly string[] =>
  addresses.filter((each) => each.includes(':')).map((each) => `  no neighbor ${each} activate`)

const uplinks = {
  east: {
    own: '100.64.1.2',
    provider: '100.64.1.1',
    own6: '2001:db8:0:1::2',
    provider6: '2001:db8:0:1::1',
  },
  west: {
    own: '100.64.2.2',
    provider: '100.64.2.1',
    own6: '2001:db8:0:2::2',
    provider6: '2001:db8:0:2::1',
  },
} as const satisfies Record<SiteName, Readonly<Record<'own' | 'provider' | 'own6' | 'provider6', string>>>

async function must(node: NodeName, init: ProcessId, argv: readonly string[]): Promise<void> {
  const ran = await inNode(init, argv)
  if (ran.exit !== 0) throw new LabError(`${argv[0]} failed in node ${node}: ${ran.stderr.trim()}`)
}
