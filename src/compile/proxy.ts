import { commonOf, isIn } from '../lib/networks.ts'
import { type BalancedService, type Firewall, type PortRange, PROXIED_PORTS } from '../stack/stack.ts'
import { address6In, type Layout } from './layout.ts'
import { type Passage, passagesOf, type Side } from './passages.ts'

/**
 * A way in from outside over IPv6: nothing is translated, so the firewall's proxy takes it at the outside address
 * (docs/decisions/013). `outer` are the ports there. The first door that a client finds at a port is the one it takes.
 */
export type Door = { readonly passage: Passage; readonly outer: PortRange; readonly target: string }

/** Of the passages over IPv6 of a firewall. One that is too wide has no door, and `check` has said so. */
export function doorsOf(passages: readonly Passage[]): readonly Door[] {
  return passages.flatMap((passage) => {
    const { translated, protocol, ports, rule, to } = passage
    const target = to.match.by === 'addresses' ? to.match.addresses[0] : undefined
    if (!translated || protocol !== 'tcp' || target === undefined || isTooWide(passage) || ports === undefined)
      return []
    return [{ passage, outer: rule.at === undefined ? ports : only(rule.at), target }]
  })
}

export function isTooWide({ translated, ports }: Passage): boolean {
  return translated && (ports === undefined || sizeOf(ports) > PROXIED_PORTS)
}

/** What the rules up to a door's own say of who comes through it, in their order: each with its ports outside. */
export function decisionsAt(
  { passage, outer, target }: Door,
  passages: readonly Passage[],
): readonly { readonly passage: Passage; readonly ports: PortRange }[] {
  return passages.slice(0, passages.indexOf(passage) + 1).flatMap((each) => {
    if (!each.from.at.outside || each.protocol !== 'tcp' || !leadsTo(each.to, target)) return []
    if (!haveCommon(each.from, passage.from)) return []
    const inner = common(each.ports, passage.ports)
    if (inner === undefined) return []
    return [{ passage: each, ports: passage.rule.at === undefined ? inner : outer }]
  })
}

/**
 * The proxy of a firewall, for HAProxy 2.6 and newer: TCP, byte for byte, from its outside IPv6 address to the target's
 * own. It tells a load balancer who the client is (PROXY protocol, version 2); a machine sees the firewall. Undefined
 * where nothing is let in over IPv6.
 */
export function proxyConf(layout: Layout, firewall: Firewall): string | undefined {
  const doors = doorsOf(passagesOf(layout, firewall, 6))
  if (doors.length === 0) return undefined
  const backends = new Map(doors.map((door) => [backendOf(door), backend(door)]))
  const sections = [PROXY_GLOBAL, PROXY_DEFAULTS, ...portsOf(doors).map(frontend), ...backends.values()]
  return `${sections.map((section) => section.join('\n')).join('\n\n')}\n`
}

/** Addresses from which a service is told of its clients by PROXY protocol. */
export function proxiesTo(layout: Layout, { name, listen }: BalancedService): readonly string[] {
  return layout.stack.firewalls
    .filter(({ inside }) => inside.includes(listen.segment))
    .filter((firewall) =>
      doorsOf(passagesOf(layout, firewall, 6)).some(({ passage }) => passage.to.names.includes(`service:${name}`)),
    )
    .flatMap((firewall) => address6In(layout, firewall.name, listen.segment) ?? [])
    .sort()
}

export const PROXY_GLOBAL = [
  'global',
  '  log stdout format short daemon notice',
  '  user haproxy',
  '  group haproxy',
  '  maxconn 8192',
  '  stats socket /run/haproxy-stats.sock mode 600 level operator expose-fd listeners',
]

/** It ends no connection by itself: whoever it passes it on to does. */
export const PROXY_DEFAULTS = [
  'defaults',
  '  log global',
  '  mode tcp',
  '  option dontlognull',
  '  option clitcpka',
  '  option srvtcpka',
  '  timeout connect 2s',
  '  timeout client 1h',
  '  timeout server 1h',
  '  timeout client-fin 30s',
  '  timeout server-fin 30s',
]

/** Neighbouring ports that lead through the same doors. */
type Ports = { readonly first: number; last: number; readonly doors: readonly Door[] }

function portsOf(doors: readonly Door[]): readonly Ports[] {
  const listed = new Set(doors.flatMap(({ outer }) => Array.from({ length: sizeOf(outer) }, (_, n) => outer.first + n)))
  const found: Ports[] = []
  for (const port of [...listed].sort((a, b) => a - b)) {
    const here = doors.filter(({ outer }) => outer.first <= port && port <= outer.last)
    const open = found.at(-1)
    const same = open?.doors.length === here.length && open.doors.every((door, index) => door === here[index])
    if (open !== undefined && open.last === port - 1 && same) open.last = port
    else found.push({ first: port, last: port, doors: here })
  }
  return found
}

/** The filter has let in nobody whom no rule allows; which door a client takes is told by its address. */
function frontend({ first, last, doors }: Ports): string[] {
  const range = first === last ? `${first}` : `${first}-${last}`
  const lines: string[] = []
  for (const door of doors) {
    const { match } = door.passage.from
    if (match.by === 'prefixes') lines.push(`  use_backend ${backendOf(door)} if { src ${match.prefixes.join(' ')} }`)
    else {
      lines.push(`  default_backend ${backendOf(door)}`)
      break
    }
  }
  return [`frontend outside-${range}`, `  bind [::]:${range} v6only interface outside`, ...new Set(lines)]
}

function backend(door: Door): string[] {
  const name = backendOf(door)
  const port = portInside(door)
  const how = door.passage.to.port === undefined ? '' : ' send-proxy-v2'
  return [`backend ${name}`, `  server ${name} [${door.target}]${port === undefined ? '' : `:${port}`}${how}`]
}

function backendOf(door: Door): string {
  const name = (door.passage.to.names[0] ?? '').replace(/^service:/, '')
  return door.passage.to.port === undefined && portInside(door) !== undefined ? `${name}-${portInside(door)}` : name
}

/** Without a port of its own a server is asked at the port that the client asked. */
function portInside({ passage }: Door): number | undefined {
  return passage.to.port ?? (passage.rule.at === undefined ? undefined : passage.ports?.first)
}

function leadsTo({ match }: Side, target: string): boolean {
  switch (match.by) {
    case 'any':
      return true
    case 'prefixes':
      return match.prefixes.some((each) => isIn(target, each))
    case 'addresses':
      return match.addresses.includes(target)
  }
}

function haveCommon({ match: a }: Side, { match: b }: Side): boolean {
  if (a.by !== 'prefixes' || b.by !== 'prefixes') return true
  return a.prefixes.some((each) => b.prefixes.some((other) => commonOf(each, other) !== undefined))
}

function common(a: PortRange | undefined, b: PortRange | undefined): PortRange | undefined {
  const [first, last] = [Math.max(a?.first ?? 0, b?.first ?? 0), Math.min(a?.last ?? 65535, b?.last ?? 65535)]
  return first <= last ? { first, last } : undefined
}

function sizeOf({ first, last }: PortRange): number {
  return last - first + 1
}

function only(port: number): PortRange {
  return { first: port, last: port }
}
