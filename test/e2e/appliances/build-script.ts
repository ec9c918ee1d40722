import type { Compiled, CompiledInstance } from '../../../src/compile/compiled.ts'
import { outside } from './world.ts'

/** The shell script that makes the namespaces, links, addresses and roots of a world. */
export function buildScript(
  compiled: Compiled,
  layers: { readonly appliance: string; readonly machine: string },
  scratch: string,
): string {
  const places = [...compiled.instances.map(({ name }) => name), outside.place]
  const links = compiled.instances.flatMap((instance) => linksOf(compiled, instance))
  const clients = [outside.office, outside.branch, ...outside.attackers, outside.customer]
  return [
    // `ip netns` keeps its handles there, and this one is ours alone.
    'mount --make-rprivate /',
    'mount -t proc proc /proc',
    'mount -t tmpfs tmpfs /run',
    ...places.map((name) => `ip netns add ${name}; ip -n ${name} link set lo up`),
    ...[...compiled.segments.map(({ name }) => `s-${name}`), 's-outside'].map(
      (bridge) => `ip link add ${short(bridge)} type bridge; ip link set ${short(bridge)} up`,
    ),
    ...links.flatMap(({ place, name, bridge, mac, addresses }, index) => [
      `ip link add v${index} type veth peer name ${name} netns ${place}`,
      `ip link set v${index} master ${short(bridge)} up`,
      `ip -n ${place} link set ${name} address ${mac}`,
      ...addresses.map((address) => `ip -n ${place} address add ${address} dev ${name}`),
      `ip -n ${place} link set ${name} up`,
    ]),
    `ip link add vc type veth peer name net netns ${outside.place}`,
    `ip link set vc master ${short('s-outside')} up; ip -n ${outside.place} link set net up`,
    ...clients.map((address) => `ip -n ${outside.place} address add ${address}/24 dev net noprefixroute`),
    `ip -n ${outside.place} route add 198.51.100.0/24 dev net`,
    ...compiled.instances.flatMap((instance) => routesOf(compiled, instance)),
    ...compiled.instances.map(({ name, kind }) => rootScript(scratch, name, layers[kind])),
    rootScript(scratch, outside.place, layers.machine),
  ].join('\n')
}

type Link = {
  readonly place: string
  readonly name: string
  readonly bridge: string
  readonly mac: string
  readonly addresses: readonly string[]
}

function linksOf(compiled: Compiled, { name, legs }: CompiledInstance): readonly Link[] {
  return legs.map((leg): Link => {
    const at = { place: name, name: leg.interface, mac: leg.mac }
    if (leg.to !== 'segment') return { ...at, bridge: 's-outside', addresses: [`${outside.firewall}/24`] }
    const bits = compiled.segments.find((each) => each.name === leg.segment)?.prefix.split('/')[1]
    return { ...at, bridge: `s-${leg.segment}`, addresses: [leg.address, ...leg.also].map((each) => `${each}/${bits}`) }
  })
}

function routesOf(compiled: Compiled, instance: CompiledInstance): readonly string[] {
  const { name, legs } = instance
  if (instance.kind === 'appliance') {
    const networks = instance.files.filter(({ path }) => path.endsWith('.network'))
    const out = legs.some((leg) => leg.to === 'outside')
      ? [`ip -n ${name} route add default via ${outside.branch}`]
      : []
    return [...networks.flatMap(({ text }) => networkd(name, text)), ...out]
  }
  const gateway = legs.flatMap((leg) =>
    leg.to === 'segment' ? (compiled.segments.find((each) => each.name === leg.segment)?.gateway ?? []) : [],
  )[0]
  return gateway === undefined ? [] : [`ip -n ${name} route add default via ${gateway}`]
}

/** Routes and policy rules of a file for networkd, as it would set them. */
function networkd(place: string, text: string): readonly string[] {
  const sections = text.split('\n\n').map((section) => {
    const [head = '', ...lines] = section.trim().split('\n')
    return { head, keys: new Map(lines.map((line) => line.split(/=(.*)/, 2) as [string, string])) }
  })
  const leg = sections.find(({ head }) => head === '[Match]')?.keys.get('Name')
  return sections.flatMap(({ head, keys }) => {
    const table = keys.has('Table') ? ` table ${keys.get('Table')}` : ''
    if (head === '[RoutingPolicyRule]') return [`ip -n ${place} rule add from ${keys.get('From')}${table}`]
    if (head !== '[Route]') return []
    const via = keys.has('Gateway') ? ` via ${keys.get('Gateway')}` : ''
    return [`ip -n ${place} route add ${keys.get('Destination') ?? 'default'}${via} dev ${leg}${table}`]
  })
}

/** The image below, what is written above it in memory; devices of its own, so that /dev/log is not the machine's. */
function rootScript(scratch: string, place: string, layer: string): string {
  const [upper, root] = [`${scratch}/upper/${place}`, `${scratch}/root/${place}`]
  return [
    `mkdir -p ${upper} ${root}; mount -t tmpfs tmpfs ${upper}; mkdir ${upper}/data ${upper}/work; chmod 755 ${upper}/data`,
    `mount -t overlay overlay -o lowerdir=${layer},upperdir=${upper}/data,workdir=${upper}/work ${root}`,
    `mount -t proc proc ${root}/proc; mount -t tmpfs tmpfs ${root}/run; mount -t tmpfs tmpfs ${root}/dev`,
    ...[
      ['null', 3],
      ['zero', 5],
      ['random', 8],
      ['urandom', 9],
    ].map(([name, minor]) => `mknod -m 666 ${root}/dev/${name} c 1 ${minor}`),
    `mkdir -p -m 1777 ${root}/dev/shm`,
  ].join('\n')
}

/** 15 characters at most. */
function short(name: string): string {
  return name.slice(0, 15)
}
