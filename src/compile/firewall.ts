import { formatAddress } from '../lib/ip.ts'
import type { Firewall, PortRange } from '../stack/stack.ts'
import { inputRules, outputRules, spoofRules } from './appliance-rules.ts'
import type { CompiledAppliance } from './compiled.ts'
import { LOGGER, limited, limits, logged } from './firewall-rules.ts'
import { type Layout, segmentOf } from './layout.ts'
import { addressList, interfaceIs, nftablesFile, portsOf, prefixList, rule, STATEFUL } from './nftables.ts'
import { type Passage, passagesOf, type Side } from './passages.ts'

/**
 * The firewall: denies by default, remembers connections, translates its one outside address to what may be reached
 * from there, and hides the inside behind it on the way out. The client's address is kept.
 */
export function compileFirewall(layout: Layout, firewall: Firewall): Pick<CompiledAppliance, 'files' | 'secrets'> {
  const rules = { path: '/etc/nftables.conf', text: firewallRules(layout, firewall) }
  return { files: [rules, ...(firewall.rules.some(({ log }) => log) ? [LOGGER] : [])], secrets: [] }
}

function firewallRules(layout: Layout, firewall: Firewall): string {
  const appliance = layout.appliances.find(({ name }) => name === firewall.name)
  if (appliance === undefined) throw new Error(`${firewall.name} is not laid out`)
  const passages = passagesOf(layout, firewall)
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
        rules: passages.filter(({ translated }) => translated).map(translation),
      },
      {
        name: 'forward',
        hook: 'filter hook forward priority filter',
        policy: 'drop',
        rules: [
          ...STATEFUL,
          rule(['oifname "outside"', `ip daddr ${prefixList(own)}`], 'drop', 'addresses of the stack stay inside'),
          ...passages.flatMap(forwarding),
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
          ...new Set(passages.flatMap(refusing)),
          rule([], 'drop', 'nothing else is for the firewall itself'),
        ],
      },
      {
        name: 'output',
        hook: 'filter hook output priority filter',
        policy: 'drop',
        rules: outputRules(layout, appliance),
      },
    ],
    limits(firewall),
  )
}

function translation(passage: Passage): string {
  const { from, to, words } = passage
  const target = to.match.by === 'addresses' ? to.match.addresses[0] : undefined
  if (target === undefined) throw new Error(`no single address for: ${words}`)
  const { at } = passage.rule
  const door = at === undefined ? passage.ports : { first: at, last: at }
  const port = at === undefined || passage.ports === undefined ? '' : `:${passage.ports.first}`
  const match = ['iifname "outside" fib daddr type local', matchOf('saddr', from), protocolOf(passage, door)]
  return rule(match, `dnat ip to ${formatAddress(target)}${port}`, words)
}

function forwarding(passage: Passage): string[] {
  const { from, to, translated, words } = passage
  const legs = `${interfaceIs('iifname', legOf(from))} ${interfaceIs('oifname', legOf(to))}`
  const match = [legs, matchOf('saddr', from), matchOf('daddr', to), protocolOf(passage, passage.ports)]
  const whole = [...match, translated ? 'ct status dnat' : '']
  const verdict = passage.rule.verdict === 'allow' ? 'accept' : 'drop'
  return [...limited(passage.rule, whole), ...logged(passage.rule, whole), rule(whole, verdict, words)]
}

/** What is denied to `anyone` and logged is also what comes for the firewall's own address and leads nowhere. */
function refusing(passage: Passage): string[] {
  const { rule: written, from, to, words } = passage
  const anyone = from.at.outside && !to.at.outside && written.to.some(({ kind }) => kind === 'anyone')
  if (written.verdict === 'allow' || !written.log || !anyone) return []
  const match = ['iifname "outside" fib daddr type local', matchOf('saddr', from), protocolOf(passage, passage.ports)]
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
      return `ip ${which} ${prefixList(match.prefixes)}`
    case 'addresses':
      return `ip ${which} ${addressList(match.addresses)}`
  }
}

function protocolOf({ protocol, rule: { icmp } }: Passage, ports: PortRange | undefined): string {
  if (protocol === 'icmp' && icmp !== undefined) return `icmp type ${icmp}`
  return ports === undefined ? `meta l4proto ${protocol}` : `${protocol} dport ${portsOf(ports)}`
}
