import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { labPaths, netnsOf } from './paths.ts'
import { attempt, LabError, run } from './run.ts'
import { type LinkEnd, type NodeName, nodeNames, type SiteName, siteNames, topology } from './topology.ts'

/** Makes what is missing of namespaces, bridges, cables, addresses and routes. The machine's own network is never entered. */
export async function ensureNetwork(): Promise<void> {
  await mkdir(labPaths.netns, { recursive: true })
  await Promise.all(nodeNames.map(ensureNamespace))
  const present = new Map(
    await Promise.all(nodeNames.map(async (node) => [node as string, await interfacesOf(node)] as const)),
  )
  const missing = (node: string, name: string): boolean => !present.get(node)!.has(name)

  const make = new Map<string, string[]>()
  const configure = new Map<string, string[]>(nodeNames.map((node) => [node, ['link set lo up']]))
  for (const bridge of topology.bridges) {
    if (!missing(bridge.node, bridge.name)) continue
    push(make, bridge.node, `link add ${bridge.name} type bridge forward_delay 0 mcast_snooping 0`)
    push(configure, bridge.node, `link set ${bridge.name} up`)
    if ('address' in bridge) push(configure, bridge.node, `addr add ${bridge.address} dev ${bridge.name}`)
  }
  for (const { ends } of topology.links) {
    const [a, b] = ends
    if (!missing(a.node, a.name)) {
      // A power cut has set it down, and a route wants its link up.
      for (const end of ends) push(configure, end.node, `link set ${end.name} up`)
      continue
    }
    push(make, a.node, `link add ${a.name} type veth peer name ${b.name} netns ${netnsOf(b.node)}`)
    for (const end of ends as readonly LinkEnd[]) {
      if (end.bridge !== undefined) push(configure, end.node, `link set ${end.name} master ${end.bridge}`)
      if (end.address !== undefined) push(configure, end.node, `addr add ${end.address} dev ${end.name}`)
      push(configure, end.node, `link set ${end.name} up`)
    }
  }
  for (const { node, name, address6 } of ends6()) push(configure, node, `addr replace ${address6} dev ${name} nodad`)
  for (const node of nodeNames) {
    for (const { to, via } of routes6Of(node)) push(configure, node, `route replace ${to} via ${via}`)
    for (const { to, via } of topology.nodes[node].routes) push(configure, node, `route replace ${to} via ${via}`)
  }
  for (const [node, lines] of make) await ipBatch(node, lines)
  await Promise.all(nodeNames.map(switchOnIpv6))
  await Promise.all([...configure].map(([node, lines]) => ipBatch(node, lines)))
  await guardManagement()
}

/** Cables of a site, by their end at the site: pulled out by a power cut. */
export const siteCables = ['wan', 'mgmt', 'edge', 'svc', 'ldap', 'billing'] as const

export async function setLinks(node: NodeName, names: readonly string[], state: 'up' | 'down'): Promise<void> {
  const lines = names.map((name) => `link set ${name} ${state}`)
  // Routes through an interface go when it is set down and do not come back by themselves.
  if (state === 'up') lines.push(...topology.nodes[node].routes.map(({ to, via }) => `route replace ${to} via ${via}`))
  await ipBatch(node, lines)
}

/** Shapes both directions of the link between the sites. `rate` as tc(8) takes it, such as `300mbit`. */
export async function shapeWan(rate: string): Promise<void> {
  for (const site of siteNames) {
    const ran = await attempt([
      ...inNamespace(site),
      'tc',
      'qdisc',
      'replace',
      'dev',
      'wan',
      'root',
      'tbf',
      'rate',
      rate,
      'burst',
      '256kb',
      'latency',
      '100ms',
    ])
    if (ran.exit !== 0)
      throw new LabError(`tc does not take the rate ${rate} (such as 300mbit, 1gbit): ${ran.stderr.trim()}`)
  }
}

/** Removes the interfaces of a site that are not the lab's own: bridges that Incus made do not survive a power cut. */
export async function removeStrayInterfaces(site: SiteName): Promise<void> {
  const own = new Set<string>(['lo', 'outside', 'services', ...siteCables])
  for (const name of await interfacesOf(site)) {
    if (!own.has(name)) await attempt([...inNamespace(site), 'ip', 'link', 'delete', name])
  }
}

export function inNamespace(node: string): readonly string[] {
  return ['nsenter', `--net=${netnsOf(node)}`, '--']
}

async function ensureNamespace(node: NodeName): Promise<void> {
  const file = netnsOf(node)
  if (existsSync(file) && (await attempt([...inNamespace(node), 'true'])).exit === 0) return
  await writeFile(file, '', { mode: 0o444 })
  // IPv6 on the cables that have it and nowhere else: a site server listens on all its addresses, and has none on its bridges.
  const forward = topology.nodes[node].kind === 'router' ? 1 : 0
  const settings = `
echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
echo ${forward} >/proc/sys/net/ipv4/ip_forward
echo ${forward} >/proc/sys/net/ipv6/conf/all/forwarding`
  await run(['unshare', `--net=${file}`, '--', 'sh', '-c', settings])
}

function ends6(): readonly { readonly node: string; readonly name: string; readonly address6: string }[] {
  const ends: readonly LinkEnd[] = [
    ...topology.bridges,
    ...topology.links.flatMap(({ ends }): readonly LinkEnd[] => ends),
  ]
  return ends.flatMap(({ node, name, address6 }) => (address6 === undefined ? [] : [{ node, name, address6 }]))
}

function routes6Of(node: NodeName): readonly { readonly to: string; readonly via: string }[] {
  const found = topology.nodes[node]
  return 'routes6' in found ? found.routes6 : []
}

async function switchOnIpv6(node: NodeName): Promise<void> {
  const names = ends6().flatMap((end) => (end.node === node ? [end.name] : []))
  if (names.length === 0) return
  const settings = ['lo', ...names].map((name) => `echo 0 >/proc/sys/net/ipv6/conf/${name}/disable_ipv6`)
  await run([...inNamespace(node), 'sh', '-c', settings.join('\n')])
}

async function interfacesOf(node: string): Promise<ReadonlySet<string>> {
  const links = JSON.parse(await run([...inNamespace(node), 'ip', '-json', 'link', 'show'])) as { ifname: string }[]
  return new Set(links.map(({ ifname }) => ifname))
}

/** Nothing but the operators' host reaches the management of the sites. */
async function guardManagement(): Promise<void> {
  const { from, networks } = topology.management
  const rules = `
table inet lab
delete table inet lab
table inet lab {
  chain forward {
    type filter hook forward priority filter; policy accept;
    ip daddr { ${networks.join(', ')} } ip saddr != ${from} ct state new drop
  }
}`
  await run([...inNamespace('internet'), 'nft', '-f', '-'], { input: rules })
}

async function ipBatch(node: string, lines: readonly string[]): Promise<void> {
  if (lines.length > 0) await run([...inNamespace(node), 'ip', '-batch', '-'], { input: `${lines.join('\n')}\n` })
}

function push(map: Map<string, string[]>, node: string, line: string): void {
  const lines = map.get(node)
  if (lines === undefined) map.set(node, [line])
  else lines.push(line)
}
