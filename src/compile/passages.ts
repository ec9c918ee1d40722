import { looksLike6 } from '../lib/ip6.ts'
import { commonOf, isIn, isWithin } from '../lib/networks.ts'
import type { End, Firewall, PortRange, Rule } from '../stack/stack.ts'
import { routedOf } from './announced.ts'
import { address6In, addressOf, type Family, type LaidSegment, type Layout, segmentOf } from './layout.ts'

/**
 * One way through a firewall that a rule opens or closes: from one leg to another. The first that matches decides.
 *
 * What the words of a rule mean:
 * - `anyone` is any address on either side, inside segments included.
 * - From outside there is one address, the firewall's own. So only what has a single address inside can be reached from
 *   there: a balanced service, or one machine; at the port that it has inside.
 * - Machines of one segment talk directly; a rule between them opens nothing.
 * - Errors about open connections pass with these.
 * - A passage has one family. Over IPv6 nothing is translated: from outside a proxy takes TCP at the outside address, and
 *   nothing goes out (docs/decisions/013). A service with an IPv6 address of the stack's own is routed to instead
 *   (docs/decisions/021).
 * - What is denied is told by where it would lead, as what is allowed: from outside, after the translation.
 */
export type Passage = {
  readonly rule: Rule
  readonly from: Side
  readonly to: Side
  readonly protocol: Rule['protocol']
  readonly ports: PortRange | undefined
  readonly family: Family
  /** From outside, the firewall's address is translated to the one of `to` (IPv4), or its proxy connects to that (IPv6). */
  readonly translated: boolean
  /** From outside over IPv6, to addresses of the stack's own, which are in `to`. */
  readonly routed: boolean
  readonly words: string
}

export type Side = {
  /** `outside` or the name of a segment. */
  readonly at: { readonly outside: true } | { readonly outside: false; readonly segment: LaidSegment }
  readonly match: { readonly by: 'any' } | { readonly by: 'prefixes'; readonly prefixes: readonly string[] } | ByAddress
  /** As `Flow` names it. */
  readonly names: readonly string[]
  /** Only this port, where a balanced service is meant. */
  readonly port: number | undefined
}

type ByAddress = { readonly by: 'addresses'; readonly addresses: readonly string[] }

export function passagesOf(layout: Layout, firewall: Firewall, family: Family = 4): readonly Passage[] {
  const inside = [...firewall.inside]
    .sort()
    .map((name) => segmentOf(layout, name))
    .filter((segment) => family === 4 || segment.ipv6 !== undefined)
  return firewall.rules.flatMap((rule) => {
    const from = rule.from.flatMap((end) => sidesOf(layout, family, inside, end))
    const to = rule.to.flatMap((end) => sidesOf(layout, family, inside, end))
    return from.flatMap((source) => to.flatMap((target) => passage(layout, family, rule, source, target)))
  })
}

function passage(layout: Layout, family: Family, rule: Rule, from: Side, to: Side): Passage[] {
  if (from.at.outside && to.at.outside) return []
  if (!from.at.outside && !to.at.outside && from.at.segment.name === to.at.segment.name) return []
  // Timestamps are a matter of IPv4 alone.
  if (family === 6 && (to.at.outside || rule.icmp === 'timestamp-request')) return []
  const inward = from.at.outside
  const own = family === 6 && inward ? ownBehind(layout, to) : []
  if (own.length > 0 && (rule.verdict === 'deny' || to.port !== undefined)) return routed(rule, from, to, own)
  const translated = inward && rule.verdict === 'allow'
  if (family === 6 && translated && rule.protocol !== 'tcp') return []
  if (translated && !(to.match.by === 'addresses' && to.match.addresses.length === 1)) return []
  const ports = portsFor(rule, to.port)
  if (ports === 'none') return []
  const { protocol, words } = rule
  return [{ rule, from, to, protocol, ports, family, translated, routed: false, words }]
}

/** What is denied is denied at the address inside too: the proxy may lead there. What is allowed has no proxy then. */
function routed(rule: Rule, from: Side, to: Side, own: readonly string[]): Passage[] {
  const ports = portsFor(rule, to.port)
  if (ports === 'none') return []
  const { protocol, words, verdict } = rule
  const match: Side['match'] =
    verdict === 'allow'
      ? { by: 'addresses', addresses: own }
      : to.match.by === 'prefixes'
        ? { by: 'prefixes', prefixes: [...to.match.prefixes, ...own.map((each) => `${each}/128`)] }
        : { by: 'addresses', addresses: [...(to.match.by === 'addresses' ? to.match.addresses : []), ...own] }
  return [{ rule, from, to: { ...to, match }, protocol, ports, family: 6, translated: false, routed: true, words }]
}

/** The IPv6 addresses of the stack's own that lead to what a side is: a service, or those that listen behind its prefixes. */
function ownBehind(layout: Layout, { at, match, names }: Side): readonly string[] {
  if (at.outside || match.by === 'any') return []
  const here = routedOf(layout.stack).filter(({ segment }) => segment === at.segment.name)
  const found = here.filter(({ service, balancer, segment }) => {
    if (match.by === 'addresses') return names.includes(`service:${service}`)
    const inside = address6In(layout, balancer, segment)
    return inside !== undefined && match.prefixes.some((each) => isIn(inside, each))
  })
  return [...new Set(found.map(({ address }) => address))]
}

/** A balanced service has one port, and it is TCP; a rule that names others does not mean it. */
function portsFor(rule: Rule, port: number | undefined): PortRange | undefined | 'none' {
  if (port === undefined || rule.protocol === 'icmp') return rule.ports
  const meant = rule.ports === undefined || (rule.ports.first <= port && port <= rule.ports.last)
  return rule.protocol === 'tcp' && meant ? { first: port, last: port } : 'none'
}

function sidesOf(layout: Layout, family: Family, inside: readonly LaidSegment[], end: End): readonly Side[] {
  switch (end.kind) {
    case 'anyone':
      return [outside({ by: 'any' }, 'anyone'), ...inside.map((segment) => whole(segment, wholeOf(family, segment)))]
    case 'prefix':
      return prefixSides(family, inside, end.prefix)
    case 'group':
      return together(end.prefixes.flatMap((each) => prefixSides(family, inside, each)))
    case 'segment':
      return inside
        .filter(({ name }) => name === end.segment)
        .map((segment) => whole(segment, wholeOf(family, segment)))
    case 'machine':
      return machineSides(layout, family, inside, end.machine)
    case 'balanced':
      return balancedSides(layout, family, inside, end.service)
  }
}

function wholeOf(family: Family, segment: LaidSegment): string {
  return family === 4 ? segment.prefix_text : (segment.ipv6?.prefix_text ?? '')
}

function prefixSides(family: Family, inside: readonly LaidSegment[], wanted: string): Side[] {
  if (looksLike6(wanted) !== (family === 6)) return []
  const beyond = inside.some((segment) => isWithin(wanted, wholeOf(family, segment)))
    ? []
    : [outside({ by: 'prefixes', prefixes: [wanted] }, wanted)]
  const within = inside.flatMap((segment) => {
    const part = commonOf(wholeOf(family, segment), wanted)
    return part === undefined ? [] : [whole(segment, part)]
  })
  return [...beyond, ...within]
}

/** One side for each leg. A prefix within another one is left out: nft(8) takes no set of overlapping ranges. */
function together(sides: readonly Side[]): Side[] {
  const legs = new Map<string, Side[]>()
  for (const side of sides) {
    const leg = side.at.outside ? '' : side.at.segment.name
    legs.set(leg, [...(legs.get(leg) ?? []), side])
  }
  return [...legs.values()].flatMap(([first, ...more]): Side[] => {
    if (first === undefined) return []
    const all = [first, ...more].flatMap(({ match }) => (match.by === 'prefixes' ? match.prefixes : []))
    const prefixes = all.filter(
      (each, index) => !all.some((other, at) => isWithin(each, other) && (!isWithin(other, each) || at < index)),
    )
    return [{ ...first, match: { by: 'prefixes', prefixes }, names: prefixes }]
  })
}

/** A group by its name, or a single instance. */
function machineSides(layout: Layout, family: Family, inside: readonly LaidSegment[], name: string): Side[] {
  const group = layout.stack.machines.find((candidate) => candidate.name === name)
  const names = group?.instances ?? [name]
  return inside.flatMap((segment) => {
    const here = names.filter((instance) => layout.addresses.has(instance, segment.name))
    if (here.length === 0) return []
    return [
      at(
        segment,
        here.flatMap((instance) => addressOf(layout, family, instance, segment.name) ?? []),
        here,
      ),
    ]
  })
}

function balancedSides(layout: Layout, family: Family, inside: readonly LaidSegment[], name: string): Side[] {
  for (const balancer of layout.stack.load_balancers) {
    const service = balancer.services.find((candidate) => candidate.name === name)
    if (service === undefined) continue
    const segment = inside.find((candidate) => candidate.name === service.listen.segment)
    if (segment === undefined) return []
    const here = addressOf(layout, family, balancer.name, segment.name)
    return here === undefined ? [] : [{ ...at(segment, [here], [`service:${name}`]), port: service.listen.port }]
  }
  return []
}

function outside(match: Side['match'], name: string): Side {
  return { at: { outside: true }, match, names: [name], port: undefined }
}

function whole(segment: LaidSegment, part: string): Side {
  const match = { by: 'prefixes' as const, prefixes: [part] }
  return { at: { outside: false, segment }, match, names: [part], port: undefined }
}

function at(segment: LaidSegment, addresses: readonly string[], names: readonly string[]): Side {
  return { at: { outside: false, segment }, match: { by: 'addresses', addresses }, names, port: undefined }
}
