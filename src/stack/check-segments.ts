import {
  covers,
  formatPrefix,
  hostsOf,
  lastOf,
  overlaps,
  type Prefix,
  parsePrefix,
  prefix as readPrefix,
} from '../lib/ip.ts'
import { checkSegments6 } from './check-segments6.ts'
import { clip, clipTo } from './problems-of-schema.ts'
import type { Path } from './source.ts'
import { byFamily, legsOf, type Report, type View } from './view.ts'

/** Networks that no host takes for ordinary ones: RFC 1122 section 3.2.1.3, RFC 3927, RFC 1112. */
const SPECIAL = [
  ['0.0.0.0/8', 'this network'],
  ['127.0.0.0/8', 'loopback'],
  ['169.254.0.0/16', 'link local'],
  ['224.0.0.0/3', 'multicast and reserved'],
] as const

/** Segments are prefixes that do not overlap, hold what is in them, and have an appliance that serves them. */
export function checkSegments(view: View, report: Report): void {
  const usable: Usable[] = []
  for (const [order, [name, texts]] of Object.entries(view.file.segments).entries()) {
    const { v4, v6 } = byFamily(texts)
    const at = ['segments', name]
    if (v4 === undefined) {
      const what = `segment "${clip(name)}" has no IPv4 prefix`
      report(
        'error',
        at,
        what,
        `write [10.10.1.0/24, ${clip(v6 ?? '')}]: IPv6 is beside IPv4, not instead of it`,
        'key',
      )
      continue
    }
    const more =
      texts.find((text) => text !== v4 && text !== v6) ?? (new Set(texts).size < texts.length ? v4 : undefined)
    if (more !== undefined) {
      const what = `segment "${clip(name)}" has more than one prefix of a family`
      report('error', at, what, 'give it one IPv4 prefix, and one IPv6 prefix beside it where it is to have one', 'key')
    }
    const prefix = checkPrefix(v4, view.prefixAt(name, v4), report)
    if (prefix !== undefined) usable.push({ name, prefix, order, at: view.prefixAt(name, v4) })
  }
  checkOverlaps(usable, report)
  checkSegments6(view, report)
  checkUse(view, report)
}

type Usable = { readonly name: string; readonly prefix: Prefix; readonly order: number; readonly at: Path }

function checkPrefix(text: string, at: Path, report: Report): Prefix | undefined {
  const parsed = parsePrefix(text)
  if (!parsed.ok) {
    report(
      'error',
      at,
      clipTo(160, parsed.why),
      'such as 10.10.1.0/24: four numbers, and how many bits are the network',
    )
    return undefined
  }
  for (const [special, words] of SPECIAL) {
    if (overlaps(parsed.value, readPrefix(special))) {
      report(
        'error',
        at,
        `${text} is not for segments: ${special} is ${words}`,
        'take a prefix of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16',
      )
      return undefined
    }
  }
  return parsed.value
}

/** In order of their first address a segment can only overlap one that reaches further than all before it. */
function checkOverlaps(segments: readonly Usable[], report: Report): void {
  let furthest: (typeof segments)[number] | undefined
  for (const segment of segments.toSorted((a, b) => a.prefix.network - b.prefix.network || a.order - b.order)) {
    if (furthest !== undefined && overlaps(furthest.prefix, segment.prefix)) {
      const [earlier, later] = furthest.order < segment.order ? [furthest, segment] : [segment, furthest]
      const how =
        covers(later.prefix, earlier.prefix) && later.prefix.bits < earlier.prefix.bits ? 'contains' : 'overlaps'
      const what = `segment "${later.name}" (${formatPrefix(later.prefix)}) ${how} segment "${earlier.name}" (${formatPrefix(earlier.prefix)})`
      report('error', later.at, what, 'give each segment a prefix of its own')
    }
    if (furthest === undefined || lastOf(segment.prefix) > lastOf(furthest.prefix)) furthest = segment
  }
}

type Use = { machines: number; legs: number; services: number }

function checkUse(view: View, report: Report): void {
  const uses = new Map<string, Use>()
  const use = (segment: string): Use => {
    const known = uses.get(segment) ?? { machines: 0, legs: 0, services: 0 }
    uses.set(segment, known)
    return known
  }
  for (const { segment, count } of Object.values(view.file.machines)) use(segment).machines += count ?? 1
  for (const [name, { nat }] of Object.entries(view.file.appliances)) {
    for (const segment of legsOf(view, name)) use(segment).legs += 1
    // The NAT box answers for each central service at an address of the segment.
    for (const segment of nat?.inside ?? []) use(segment).services += nat?.reaches.length ?? 0
  }
  for (const name of Object.keys(view.file.segments)) {
    const at = ['segments', name]
    const { machines, legs, services } = use(name)
    const prefix = view.prefixes.get(name)
    const needed = machines + legs + services
    if (prefix !== undefined && needed > hostsOf(prefix).count) {
      const parts = `machines: ${machines}, appliances: ${legs}, central services: ${services}`
      const what = `segment "${clip(name)}" is too small: ${hostsOf(prefix).count} addresses for ${needed} (${parts})`
      report('error', view.prefixAt(name, formatPrefix(prefix)), what, `a /${smallestFor(needed)} is large enough`)
    }
    if (!view.whole) continue
    if (legs === 0 && machines > 0) {
      const hint =
        'its machines get addresses and names from one: add it to `inside` of a firewall or NAT box, or use it in a load balancer'
      report('error', at, `no appliance has a leg in segment "${clip(name)}"`, hint, 'key')
    } else if (legs === 0) {
      report('warning', at, `segment "${clip(name)}" is not used`, 'remove it, or put machines into it', 'key')
    }
  }
}

function smallestFor(addresses: number): number {
  return 32 - Math.ceil(Math.log2(addresses + 2))
}
