import { formatAddress, prefix } from '../lib/ip.ts'
import { address6, formatAddress6, looksLike6, prefix6 } from '../lib/ip6.ts'
import { balanced, linesOf } from './balanced.ts'
import { carriedBy, normal6, prefixText, trafficWords } from './groups.ts'
import type { ApplianceFile, RuleFile, StackFile } from './schema.ts'
import type { BalancedService, End, MachineGroup, Nat, OwnAddress, Rule, Segment, Stack } from './stack.ts'
import { byFamily, instancesOf, type View } from './view.ts'

/** By family, IPv4 first. */
function ownAddresses({
  prefix: prefixes = [],
  address: addresses = [],
}: Pick<StackFile['ingress'][string], 'prefix' | 'address'>): readonly OwnAddress[] {
  const { v4, v6 } = byFamily(prefixes)
  const chosen = byFamily(addresses)
  return [
    ...(v4 === undefined ? [] : [{ prefix: v4, address: chosen.v4 ?? firstIn(v4) }]),
    ...(v6 === undefined ? [] : [{ prefix: normal6(v6), address: normalAddress6(chosen.v6 ?? firstIn(v6)) }]),
  ]
}

/** What a host would be given first: not the network, and over IPv6 not what is any of its routers (RFC 4291 section 2.6.1). */
export function firstIn(text: string): string {
  if (looksLike6(text)) {
    const own = prefix6(text)
    return formatAddress6(own.network + (own.bits < 127 ? 1n : 0n))
  }
  const own = prefix(text)
  return formatAddress(own.network + (own.bits < 31 ? 1 : 0))
}

const normalAddress6 = (text: string): string => formatAddress6(address6(text))

/** The file as a `Stack`. Called only where `validate` found no error: every reference is known to hold. */
export function resolve(view: View): Stack {
  const { file } = view
  const appliances = Object.entries(file.appliances)
  return {
    name: file.stack,
    segments: Object.entries(file.segments).map(([name, prefixes]) => segment(name, prefixes)),
    machines: Object.entries(file.machines).map(
      ([name, machine]): MachineGroup => ({
        name,
        image: machine.image,
        instances: instancesOf(name, machine.count),
        segment: machine.segment,
        stateful: machine.stateful,
        needs: machine.needs,
        ready: machine.ready,
        ready_within_s: machine.ready_within,
        freeze: freezing(machine),
      }),
    ),
    firewalls: appliances.flatMap(([name, { firewall }]) =>
      firewall === undefined
        ? []
        : [
            {
              name,
              outside: firewall.outside,
              inside: firewall.inside,
              rules: firewall.rules.flatMap((rule, index) => rules(view, rule, index + 1)),
              raw: { translate: linesOf(firewall.raw?.translate), forward: linesOf(firewall.raw?.forward) },
            },
          ],
    ),
    load_balancers: appliances.flatMap(([name, appliance]) =>
      appliance['load-balancer'] === undefined ? [] : [{ name, services: services(appliance['load-balancer']) }],
    ),
    nats: appliances.flatMap(([name, { nat }]) => (nat === undefined ? [] : [natOf(file, name, nat)])),
    ingress: Object.entries(file.ingress).map(([name, entry]) => ({
      name,
      to: entry.to,
      dns: entry.by.includes('dns'),
      ttl_s: entry.ttl,
      own: ownAddresses(entry),
    })),
    services: Object.entries(file.services).flatMap(([name, { to, port, drill }]) =>
      to === 'internet' ? [] : [{ name, ...port, drill }],
    ),
    secrets: Object.entries(file.secrets).map(([name, { file: path }]) => ({ name, file: path })),
    protect: file.protect && {
      standby: file.protect.standby,
      rpo_s: file.protect.rpo,
      keep:
        typeof file.protect.keep === 'number' ? { last: file.protect.keep, hourly: 0, daily: 0 } : file.protect.keep,
      consistency: file.protect.consistency,
      drill: file.protect.drill && { every: file.protect.drill.every, within_s: file.protect.drill.within },
      records: file.protect.records && { machine: file.protect.records.in, command: file.protect.records.run },
    },
    checks: file.checks,
    addresses: Object.entries(file.addresses).map(([place, address]) => ({ ...splitAddress(place), address })),
  }
}

function segment(name: string, prefixes: readonly string[]): Segment {
  const { v4 = '', v6 } = byFamily(prefixes)
  return v6 === undefined ? { name, prefix: v4 } : { name, prefix: v4, prefix6: normal6(v6) }
}

/** Long enough for what brings a program to rest, short enough for its clients. */
const FREEZE_WITHIN_S = 5

function freezing({ freeze, thaw, freeze_within }: StackFile['machines'][string]): MachineGroup['freeze'] {
  if (freeze === undefined || thaw === undefined) return undefined
  return { freeze, thaw, within_s: freeze_within ?? FREEZE_WITHIN_S }
}

/** `web1.web` is the leg of instance web1 in segment web. */
export function splitAddress(place: string): { readonly instance: string; readonly segment: string } {
  const dot = place.indexOf('.')
  return { instance: place.slice(0, dot), segment: place.slice(dot + 1) }
}

/**
 * An end by the word in the file; undefined where nothing has that name. A machine goes before a service, a service
 * before a segment of the same name; `segment NAME` means the segment.
 */
export function endOf(view: View, word: string): End | undefined {
  if (word === 'anyone') return { kind: 'anyone' }
  const prefix = prefixText(word)
  if (prefix !== undefined) return { kind: 'prefix', prefix }
  const group = view.groups.get(word)
  if (group?.of === 'prefixes') return { kind: 'group', group: word, prefixes: group.prefixes }
  if (word.startsWith('segment ')) {
    const segment = word.slice('segment '.length).trim()
    return view.names.segment.declared.has(segment) ? { kind: 'segment', segment } : undefined
  }
  if (view.names.machine.declared.has(word)) return { kind: 'machine', machine: word }
  if (view.names.balanced.declared.has(word)) return { kind: 'balanced', service: word }
  if (view.names.segment.declared.has(word)) return { kind: 'segment', segment: word }
  return undefined
}

function rules(view: View, rule: RuleFile, number: number): readonly Rule[] {
  const ends = (words: readonly string[]) => words.flatMap((word) => endOf(view, word) ?? [])
  const verdict = rule.allow === undefined ? 'deny' : 'allow'
  const at = rule.at === undefined ? '' : ` at ${rule.at}`
  return carriedBy(view, rule, []).flatMap((carried): readonly Rule[] => {
    if (carried === undefined) return []
    const { protocol, ports, icmp } = carried.traffic
    return (protocol === 'any' ? PROTOCOLS : [protocol]).map((each) => ({
      number,
      verdict,
      protocol: each,
      ports,
      icmp,
      at: rule.at,
      from: ends(rule.from),
      to: ends(rule.to),
      log: rule.log,
      limit: rule.limit,
      words: `${verdict} ${trafficWords(carried.traffic)}${at} from ${rule.from.join(', ')} to ${rule.to.join(', ')}`,
    }))
  })
}

/** What `any` stands for. */
const PROTOCOLS = ['tcp', 'udp', 'icmp'] as const

function natOf(file: StackFile, name: string, nat: NonNullable<ApplianceFile['nat']>): Nat {
  const away = (service: string) => file.services[service]?.to === 'internet'
  return {
    name,
    ...nat,
    reaches: nat.reaches.filter((service) => !away(service)),
    internet: nat.reaches.flatMap((service) => {
      const found = file.services[service]
      return found !== undefined && away(service) ? [{ name: service, ...found.port }] : []
    }),
  }
}

function services(balancer: NonNullable<ApplianceFile['load-balancer']>): readonly BalancedService[] {
  return Object.entries(balancer.services).map(([name, service]) => balanced(name, service))
}
