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
  await putFile(init, '/etc/lab-frr/zebra.conf', 'ip nht resolve-via-default\n')
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

/** What `lifeboat site routes` prints for the site, and the session with the site's own edge. */
async function routeServer(site: SiteName, number: number): Promise<string> {
  const { sites } = parseSites(await readFile(labPaths.sites, 'utf8'))
  const bgp = sites?.sites.find(({ name }) => name === site)?.bgp
  if (bgp === undefined) throw new LabError(`the site file of the lab says nothing of BGP at ${site}`)
  const password = (await readFile(join(labPaths.pki, 'bgp.key'), 'utf8')).trim()
  const { as, route_servers } = topology.bgp
  // Its own identity first: FRR 8.4 loses a session that was accepted before its router-id changed.
  return `router bgp ${as}
 bgp router-id ${route_servers[number - 1]}
 coalesce-time 0
 neighbor 10.255.0.254 remote-as ${as}
 neighbor 10.255.0.254 timers 2 6
 neighbor 10.255.0.254 timers connect 1
exit
${routeServerConf(site, { ...bgp, password: '' }, 'frr', password)}`
}

/** The site's router: believes its route servers, tells the provider what they say without the AS of the stacks. */
function edge(site: SiteName): string {
  const { as, provider_as, route_servers, announce, max_length } = topology.bgp
  const link = uplinks[site]
  return `ip prefix-list stacks seq 5 permit ${announce[0]} le ${max_length}
route-map stacks permit 10
 match ip address prefix-list stacks
route-map nothing deny 10
router bgp ${as}
 bgp router-id ${link.own}
 coalesce-time 0
${route_servers.map((each) => ` neighbor ${each} remote-as ${as}\n neighbor ${each} timers 2 6\n neighbor ${each} timers connect 1`).join('\n')}
 neighbor ${link.provider} remote-as ${provider_as}
 neighbor ${link.provider} timers 2 6
 neighbor ${link.provider} timers connect 1
 address-family ipv4 unicast
${route_servers.map((each) => `  neighbor ${each} route-map nothing out`).join('\n')}
  neighbor ${link.provider} remove-private-AS all
  neighbor ${link.provider} route-map nothing in
  neighbor ${link.provider} route-map stacks out
 exit-address-family
exit
`
}

/** Takes nothing but the range of its customer, and forgets a site that is silent after 6 s. */
function provider(): string {
  const { as, provider_as, announce, max_length } = topology.bgp
  const edges = siteNames.map((site) => uplinks[site].own)
  return `ip prefix-list customer seq 5 permit ${announce[0]} le ${max_length}
route-map customer permit 10
 match ip address prefix-list customer
route-map nothing deny 10
router bgp ${provider_as}
 bgp router-id 192.0.2.1
 coalesce-time 0
${edges.map((each) => ` neighbor ${each} remote-as ${as}\n neighbor ${each} timers 2 6\n neighbor ${each} timers connect 1`).join('\n')}
 address-family ipv4 unicast
${edges.map((each) => `  neighbor ${each} route-map customer in\n  neighbor ${each} route-map nothing out`).join('\n')}
 exit-address-family
exit
`
}

const uplinks = {
  east: { own: '100.64.1.2', provider: '100.64.1.1' },
  west: { own: '100.64.2.2', provider: '100.64.2.1' },
} as const satisfies Record<SiteName, { readonly own: string; readonly provider: string }>

async function must(node: NodeName, init: ProcessId, argv: readonly string[]): Promise<void> {
  const ran = await inNode(init, argv)
  if (ran.exit !== 0) throw new LabError(`${argv[0]} failed in node ${node}: ${ran.stderr.trim()}`)
}
