import { address } from '../lib/ip.ts'
import { looksLike6 } from '../lib/ip6.ts'
import type { Firewall, PortRange } from '../stack/stack.ts'
import { inputRules, outputRules, spoofRules } from './appliance-rules.ts'
import type { CompiledAppliance } from './compiled.ts'
import { LOGGER, limited, limits, logged } from './firewall-rules.ts'
import { bgpOf, bgpOutput } from './frr.ts'
import { type Layout, segmentOf, speaks6 } from './layout.ts'
import {
  addressList,
  IPV6,
  interfaceIs,
  nftablesFile,
  portsOf,
  prefixList,
  rule,
  STATEFUL,
  textList,
} from './nftables.ts'
import { type Passage, passagesOf, type Side } from './passages.ts'
import { decisionsAt, doorsOf, proxyConf } from './proxy.ts'

/**
 * The firewall: denies by default, remembers connections, translates its one outside address to what may be reached
 * from there, and hides the inside behind it on the way out. The client's address is kept. Over IPv6 nothing is
 * translated: what is for an address of the stack's own is routed, for the rest there is a proxy, and nothing goes out.
 */
export function compileFirewall(layout: Layout, firewall: Firewall): Pick<CompiledAppliance, 'files' | 'secrets'> {
  const rules = { path: '/etc/nftables.conf', text: firewallRules(layout, firewall) }
  const proxy = proxyConf(layout, firewall)
  const files = [
    rules,
    ...(firewall.rules.some(({ log }) => log) ? [LOGGER] : []),
    ...(proxy === undefined ? [] : [{ path: '/etc/haproxy/haproxy.cfg', text: proxy }]),
  ]
  const bgp = bgpOf(layout, firewall)
  return { files: [...files, ...bgp.files], secrets: bgp.secrets }
}

function firewallRules(layout: Layout, firewall: Firewall): string {
  const appliance = layout.appliances.find(({ name }) => name === firewall.name)
  if (appliance === undefined) throw new Error(`${firewall.name} is not laid out`)
  const passages = passagesOf(layout, firewall)
  const passages6 = passagesOf(layout, firewall, 6)
  const inside = [...firewall.inside].sort().map((name) => segmentOf(layout, name).prefix)
  const own = layout.segments.map(({ prefix }) => prefix)
  return nftablesFile(
    [],
    [
      {
        name: 'spoofed',
        hook: 'filter hook prerouting priority raw',
        policy: 'accept',
        rules: spoofRules(layout, appliance),
      },
      {
        name: 'translate',
        hook: 'nat hook prerouting priority dstnat',
        policy: 'accept',
        rules: [
          ...rawLines(firewall.raw.translate),
          ...passages.filter(({ translated }) => translated).map(translation),
        ],
      },
      {
        name: 'forward',
        hook: 'filter hook forward priority filter',
        policy: 'drop',
        rules: [
          ...STATEFUL,
          rule(['oifname "outside"', `ip daddr ${prefixList(own)}`], 'drop', 'addresses of the stack stay inside'),
          ...rawLines(firewall.raw.forward),
          ...passages.flatMap(forwarding),
          ...passages6.filter(({ from, routed }) => routed || !from.at.outside).flatMap(forwarding),
          rule([], 'drop', 'not allowed by any rule'),
        ],
      },
      {
        name: 'hide',
        hook: 'nat hook postrouting priority srcnat',
        policy: 'accept',
        rules: [rule(['oifname "outside"', `ip saddr ${prefixList(inside)}`], 'masquerade')],
      },
      {
        name: 'input',
        hook: 'filter hook input priority filter',
        policy: 'drop',
        rules: [
          ...inputRules(layout, appliance),
          // First: what is refused to anyone below is refused over both families.
          ...proxyInput(passages6),
          ...new Set(passages.flatMap(refusing)),
          ...new Set(passages6.flatMap(refusing)),
          rule([], 'drop', 'nothing else is for the firewall itself'),
        ],
      },
      {
        name: 'output',
        hook: 'filter hook output priority filter',
        policy: 'drop',
        rules: [...outputRules(layout, appliance), ...proxyOutput(passages6), ...bgpOutput(layout, firewall)],
      },
    ],
    limits(firewall, speaks6(layout, appliance)),
  )
}

function rawLines(lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ['# raw, as in the stack file', ...lines]
}

function translation(passage: Passage): string {
  const { from, to, words } = passage
  const target = to.match.by === 'addresses' ? to.match.addresses[0] : undefined
  if (target === undefined) throw new Error(`no single address for: ${words}`)
  const { at } = passage.rule
  const door = at === undefined ? passage.ports : { first: at, last: at }
  const port = at === undefined || passage.ports === undefined ? '' : `:${passage.ports.first}`
  const match = ['iifname "outside" fib daddr type local', matchOf('saddr', from), protocolOf(passage, door)]
  return rule(match, `dnat ip to ${target}${port}`, words)
}

function forwarding(passage: Passage): string[] {
  const { from, to, translated, words } = passage
  const legs = `${interfaceIs('iifname', legOf(from))} ${interfaceIs('oifname', legOf(to))}`
  const match = [legs, matchOf('saddr', from), matchOf('daddr', to), protocolOf(passage, passage.ports)]
  const whole = [...match, translated ? 'ct status dnat' : '']
  const verdict = passage.rule.verdict === 'allow' ? 'accept' : 'drop'
  return [...limited(passage.rule, whole, passage.family), ...logged(passage.rule, whole), rule(whole, verdict, words)]
}

/**
 * Clients over IPv6 end at the proxy, at the outside address. What is decided there is what the rules say of where it
 * leads: for each door, by the rules up to its own.
 */
function proxyInput(passages: readonly Passage[]): string[] {
  const lines = doorsOf(passages).flatMap((door) =>
    decisionsAt(door, passages).flatMap(({ passage, ports }) => {
      const sources = [...new Set([sourceOf(door.passage.from), sourceOf(passage.from)])].filter((each) => each !== '')
      const from = sources.length === 0 ? IPV6 : sources.join(' ')
      const whole = ['iifname "outside" fib daddr type local', from, `tcp dport ${portsOf(ports)}`]
      const verdict = passage.rule.verdict === 'allow' ? 'accept' : 'drop'
      return [...limited(passage.rule, whole, 6), ...logged(passage.rule, whole), rule(whole, verdict, passage.words)]
    }),
  )
  return [...new Set(lines)]
}

/** From the proxy it goes on to the target's own address. */
function proxyOutput(passages: readonly Passage[]): string[] {
  const lines = doorsOf(passages).map(({ passage, target }) =>
    rule(
      [interfaceIs('oifname', legOf(passage.to)), `ip6 daddr ${target}`, protocolOf(passage, passage.ports)],
      'accept',
      `proxy to ${passage.to.names.join(', ')}`,
    ),
  )
  return [...new Set(lines)]
}

function sourceOf(side: Side): string {
  return matchOf('saddr', side)
}

/** What is denied to `anyone` and logged is also what comes for the firewall's own address and leads nowhere. */
function refusing(passage: Passage): string[] {
  const { rule: written, from, to, words } = passage
  const anyone = from.at.outside && !to.at.outside && written.to.some(({ kind }) => kind === 'anyone')
  if (written.verdict === 'allow' || !written.log || !anyone) return []
  const source = passage.family === 6 && from.match.by === 'any' ? IPV6 : matchOf('saddr', from)
  const match = ['iifname "outside" fib daddr type local', source, protocolOf(passage, passage.ports)]
  return [...logged(written, match), rule(match, 'drop', words)]
}

function legOf({ at }: Side): string {
  return at.outside ? 'outside' : at.segment.interface
}

function matchOf(which: 'saddr' | 'daddr', { match }: Side): string {
  switch (match.by) {
    case 'any':
      return ''
    case 'prefixes':
      return match.prefixes.some(looksLike6)
        ? `ip6 ${which} ${textList(match.prefixes)}`
        : `ip ${which} ${textList(match.prefixes)}`
    case 'addresses':
      return match.addresses.some(looksLike6)
        ? `ip6 ${which} ${textList(match.addresses)}`
        : `ip ${which} ${addressList(match.addresses.map(address))}`
  }
}

function protocolOf({ protocol, family, rule: { icmp } }: Passage, ports: PortRange | undefined): string {
  if (protocol === 'icmp' && icmp !== undefined) return `${family === 4 ? 'icmp' : 'icmpv6'} type ${icmp}`
  if (protocol === 'icmp' && family === 6) return 'meta l4proto ipv6-icmp'
  return ports === undefined ? `meta l4proto ${protocol}` : `${protocol} dport ${portsOf(ports)}`
}
