import { formatAddress, hostsOf, overlaps, type Prefix, prefix } from '../lib/ip.ts'
import {
  address6,
  formatAddress6,
  fromMac,
  looksLike6,
  overlapOf6,
  type Prefix6,
  prefix6,
  prefix64Of,
} from '../lib/ip6.ts'
import { borderNames } from './border-dnsmasq.ts'
import { borderLegs } from './border-networks.ts'
import { borderRules } from './border-rules.ts'
import type { Compiled, ConfigFile } from './compiled.ts'
import { macsOf } from './interfaces.ts'

/**
 * What stands around a stack in a drill, in one instance: on the bubble's outside network the gateway, the DHCP server,
 * the DNS server of the ingress names and the client; on its services network whatever answers at the services' addresses.
 * Pure; the stack's own appliances are the same to the byte as in a launch.
 *
 * The `site` leg is the only one that ends outside the bubble. It is there only where a service is allowed, and what may
 * leave by it is the allowed services.
 */
export function compileBorder(wanted: BorderRequest): Border {
  const name = freeName(wanted.compiled)
  const services = servicesSide(wanted, name)
  const border: Omit<Border, 'files'> = {
    name,
    macs: macsOfBorder(wanted, name),
    names: wanted.names,
    announced: wanted.announced,
    outside: outsideSide(wanted, services?.prefix),
    services,
    site_leg: services?.doors.some((door) => door.how === 'allow') === true,
    inside: insideRoutes(wanted.compiled),
  }
  const files = [
    ...borderLegs(border),
    { path: '/etc/dnsmasq.conf', text: borderNames(border) },
    { path: '/etc/nftables.conf', text: borderRules(border) },
    { path: '/etc/resolv.conf', text: 'nameserver 127.0.0.1\n' },
    { path: '/etc/sysctl.d/90-lifeboat.conf', text: sysctlOf(border) },
  ]
  files.sort((a, b) => (a.path < b.path ? -1 : 1))
  return { ...border, files }
}

export type BorderRequest = {
  readonly compiled: Compiled
  readonly services: readonly DrilledService[]
  /** Ingress names, the firewall that each leads to, and addresses of the stack's own, which go before the firewall's. */
  readonly names: readonly {
    readonly name: string
    readonly appliance: string
    readonly own: readonly string[]
    readonly ipv6?: true
  }[]
  /** Prefixes of the stack's own and the firewall of each: here by a route of the border, as nobody announces in a bubble. */
  readonly announced: readonly { readonly prefix: string; readonly by: string }[]
}

/** A central service as the stack file wants it in drills, and where it is at the site. */
export type DrilledService = {
  readonly name: string
  readonly protocol: 'tcp' | 'udp'
  readonly port: number
  readonly drill: 'allow' | 'deny' | { readonly stub: string }
  readonly address: string
}

export type Border = {
  readonly name: string
  /** By leg: `outside`, `services`, `site`. */
  readonly macs: Readonly<Record<'outside' | 'services' | 'site', string>>
  readonly names: BorderRequest['names']
  readonly announced: BorderRequest['announced']
  readonly outside: Side
  /** Undefined where no appliance has a leg to the services network. */
  readonly services: (Side & { readonly doors: readonly Door[]; readonly stubs: readonly Stub[] }) | undefined
  readonly site_leg: boolean
  /** By which leg and appliance a client would try to get to the inside of the stack. */
  readonly inside: readonly { readonly prefix: string; readonly leg: 'outside' | 'services'; readonly by: string }[]
  readonly files: readonly ConfigFile[]
}

/** One network of the bubble: the border's address in it, and what it leases to the appliances. */
export type Side = {
  readonly prefix: Prefix
  readonly address: string
  readonly leases: readonly Lease[]
  /** The same in IPv6, where a leg takes an address by router advertisement: what each makes of its MAC is known. */
  readonly ipv6?: Side6
}

/** Every /64 of the link; the address and the leases are in the first. */
export type Side6 = {
  readonly prefixes: readonly Prefix6[]
  readonly address: string
  readonly leases: readonly Lease[]
}

export type Lease = { readonly instance: string; readonly mac: string; readonly address: string }

export type Door = Omit<DrilledService, 'drill'> & { readonly how: 'allow' | 'deny' | 'stub' }

export type Stub = Lease & { readonly image: string }

/** RFC 2544 and RFC 5737: networks that nobody has. The first that overlaps nothing of the stack. */
const OUTSIDES = ['198.18.0.0/24', '198.19.0.0/24', '192.0.2.0/24', '203.0.113.0/24', '198.51.100.0/24']

/** RFC 3849 and RFC 9637: prefixes for documentation, which nobody has. */
const OUTSIDES6 = ['2001:db8:ffff:d::/64', '3fff:ffff:d::/64']

/** Routing between the sides is by rule, so a reply may come where its sender is not looked for; the filter decides. */
const SYSCTL = `${[
  'net.ipv4.ip_forward = 1',
  ...['all', 'default'].flatMap((which) => [
    `net.ipv4.conf.${which}.rp_filter = 0`,
    `net.ipv4.conf.${which}.arp_ignore = 1`,
    `net.ipv4.conf.${which}.arp_announce = 2`,
    `net.ipv4.conf.${which}.accept_redirects = 0`,
    `net.ipv4.conf.${which}.send_redirects = 0`,
    `net.ipv6.conf.${which}.disable_ipv6 = 1`,
  ]),
].join('\n')}\n`

/** As on the appliances: systemd-networkd turns IPv6 on where it is, and an address is used at once. */
function sysctlOf({ outside, services, site_leg }: Omit<Border, 'files'>): string {
  const legs = [
    ...(outside.ipv6 === undefined ? [] : ['outside']),
    ...(services?.ipv6 === undefined ? [] : ['services', ...(site_leg ? ['site'] : [])]),
  ]
  if (legs.length === 0) return SYSCTL
  const settings = [
    'net.ipv6.conf.lo.disable_ipv6 = 0',
    ...['all', 'default', ...legs].map((which) => `net.ipv6.conf.${which}.accept_dad = 0`),
    ...(legs.includes('site') ? ['net.ipv6.conf.all.forwarding = 1'] : []),
  ]
  return `${SYSCTL}${settings.join('\n')}\n`
}

function freeName({ instances }: Compiled): string {
  const taken = new Set(instances.map((instance) => instance.name))
  return ['border', ...Array.from({ length: taken.size }, (_, index) => `border-${index}`)].find(
    (name) => !taken.has(name),
  )!
}

function macsOfBorder({ compiled, services }: BorderRequest, name: string): Border['macs'] {
  const legs = ['outside', 'services', 'site'].map((leg) => ({ instance: name, leg: `>${leg}` }))
  const stubs = services.map((service) => ({ instance: stubName(service.name), leg: '>services' }))
  const mac = macsOf(`${compiled.stack}/drill`, [...legs, ...stubs])
  return { outside: mac(name, '>outside'), services: mac(name, '>services'), site: mac(name, '>site') }
}

function outsideSide({ compiled, announced }: BorderRequest, services: Prefix | undefined): Side {
  const own = announced.map((each) => each.prefix)
  const taken = [
    ...compiled.segments.map((segment) => prefix(segment.prefix)),
    ...own.filter((each) => !looksLike6(each)).map(prefix),
    ...(services ? [services] : []),
  ]
  const free = OUTSIDES.map(prefix).find((each) => !taken.some((other) => overlaps(each, other)))
  if (free === undefined) throw new Error(`stack ${compiled.stack} leaves no network for the outside of a drill`)
  const first = free.network + 1
  return {
    prefix: free,
    address: formatAddress(first),
    leases: leasesOf(compiled, 'outside', (index) => first + 10 + index),
    ...outsideSide6(compiled, own),
  }
}

function outsideSide6(compiled: Compiled, own: readonly string[]): Pick<Side, 'ipv6'> {
  const legs = compiled.instances.flatMap(({ name, legs: all }) =>
    all.flatMap((leg) => (leg.to === 'outside' && leg.ipv6 === true ? [{ instance: name, mac: leg.mac }] : [])),
  )
  const inside = compiled.segments.flatMap(({ ipv6 }) => (ipv6 === undefined ? [] : [ipv6.prefix]))
  const taken = [...inside, ...own.filter(looksLike6)].map(prefix6)
  const free = OUTSIDES6.map(prefix6).find((each) => !taken.some((other) => overlapOf6(each, other) !== undefined))
  if (legs.length === 0 || free === undefined) return {}
  const leases = legs.map((leg) => ({ ...leg, address: formatAddress6(fromMac(free, leg.mac)) }))
  return { ipv6: { prefixes: [free], address: formatAddress6(free.network + 1n), leases } }
}

/** A NAT box takes no route from the site, so the services are on its link: one prefix around them all. */
function servicesSide({ compiled, services }: BorderRequest, border: string): Border['services'] {
  const boxes = leasesOf(compiled, 'services', () => 0)
  if (boxes.length === 0) return undefined
  const addresses = services.flatMap((each) => (looksLike6(each.address) ? [] : [prefix(`${each.address}/32`).network]))
  const around = prefixAround(addresses)
  const taken = new Set(addresses)
  const free: number[] = []
  for (let value = hostsOf(around).last; free.length <= boxes.length; value -= 1)
    if (!taken.has(value)) free.push(value)
  const [own, ...others] = free as [number, ...number[]]
  const mac = macsOf(`${compiled.stack}/drill`, [
    { instance: border, leg: '>services' },
    ...services.map((service) => ({ instance: stubName(service.name), leg: '>services' })),
  ])
  return {
    prefix: around,
    address: formatAddress(own),
    leases: boxes.map((box, index) => ({ ...box, address: formatAddress(others[index] ?? 0) })),
    ...servicesSide6(services, boxes),
    doors: services.map(({ drill, ...service }) => ({ ...service, how: typeof drill === 'string' ? drill : 'stub' })),
    stubs: services.flatMap((service) => {
      const instance = stubName(service.name)
      return typeof service.drill === 'string'
        ? []
        : [{ instance, mac: mac(instance, '>services'), address: service.address, image: service.drill.stub }]
    }),
  }
}

/** The links of services at IPv6 addresses, a /64 each. From their last addresses down: the border and the NAT boxes. */
function servicesSide6(services: readonly DrilledService[], boxes: readonly Lease[]): Pick<Side, 'ipv6'> {
  const taken = services.flatMap((each) => (looksLike6(each.address) ? [address6(each.address)] : []))
  const links = new Map(taken.map((each) => [prefix64Of(each).network, prefix64Of(each)]))
  const [first] = links.values()
  if (first === undefined) return {}
  const free: string[] = []
  for (let value = first.network + (1n << 64n) - 2n; free.length <= boxes.length; value -= 1n)
    if (!taken.includes(value)) free.push(formatAddress6(value))
  const [own = '', ...others] = free
  const leases = boxes.map((box, index) => ({ ...box, address: others[index] ?? '' }))
  return { ipv6: { prefixes: [...links.values()], address: own, leases } }
}

const stubName = (service: string): string => `stub-${service}`

/** The smallest prefix that holds all of them, with room for a few more. */
function prefixAround(addresses: readonly number[]): Prefix {
  const [first = prefix(OUTSIDES[1]!).network] = addresses
  for (let bits = 24; ; bits -= 1) {
    const size = 2 ** (32 - bits)
    const network = Math.floor(first / size) * size
    if (bits === 0 || addresses.every((each) => each > network && each < network + size - 1)) return { network, bits }
  }
}

function leasesOf(compiled: Compiled, to: 'outside' | 'services', value: (index: number) => number): readonly Lease[] {
  return compiled.instances
    .flatMap((instance) =>
      instance.legs.flatMap((leg) => (leg.to === to ? [{ instance: instance.name, mac: leg.mac }] : [])),
    )
    .map((each, index) => ({ ...each, address: formatAddress(value(index)) }))
}

/** Through a NAT box where one is in the segment, else through the first firewall: neither lets anything in that way. */
function insideRoutes({ instances, segments }: Compiled): Border['inside'] {
  const outer = (segment: string, to: 'outside' | 'services') =>
    instances.find(
      (instance) =>
        instance.legs.some((leg) => leg.to === to) &&
        instance.legs.some((leg) => leg.to === 'segment' && leg.segment === segment),
    )?.name
  const firewall = instances.find((instance) => instance.legs.some((leg) => leg.to === 'outside'))?.name
  return segments.flatMap(({ name, prefix: text, ipv6 }) => {
    const nat = outer(name, 'services')
    const by = nat ?? outer(name, 'outside') ?? firewall
    const over6 = outer(name, 'outside') ?? firewall
    return [
      ...(by === undefined ? [] : ([{ prefix: text, leg: nat === undefined ? 'outside' : 'services', by }] as const)),
      ...(ipv6 === undefined || over6 === undefined
        ? []
        : ([{ prefix: ipv6.prefix, leg: 'outside', by: over6 }] as const)),
    ]
  })
}
