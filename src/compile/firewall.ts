import { formatAddress, formatPrefix } from '../lib/ip.ts'
import type { Firewall } from '../stack/stack.ts'
import { inputRules, outputRules, spoofRules } from './appliance-rules.ts'
import type { CompiledAppliance } from './compiled.ts'
import { type Layout, segmentOf } from './layout.ts'
import { addressList, interfaceIs, nftablesFile, portsOf, prefixList, rule, STATEFUL } from './nftables.ts'
import { type Passage, passagesOf, type Side } from './passages.ts'

/**
 * The firewall: denies by default, remembers connections, translates its one outside address to what may be reached
 * from there, and hides the inside behind it on the way out. The client's address is kept.
 */
export function compileFirewall(layout: Layout, firewall: Firewall): Pick<CompiledAppliance, 'files' | 'secrets'> {
  return { files: [{ path: '/etc/nftables.conf', text: firewallRules(layout, firewall) }], secrets: [] }
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
          ...passages.map(forwarding),
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
        rules: [...inputRules(layout, appliance), rule([], 'drop', 'nothing else is for the firewall itself')],
      },
      {
        name: 'output',
        hook: 'filter hook output priority filter',
        policy: 'drop',
        rules: outputRules(layout, appliance),
      },
    ],
  )
}

function translation(passage: Passage): string {
  const { from, to, words } = passage
  const target = to.match.by === 'addresses' ? to.match.addresses[0] : undefined
  if (target === undefined) throw new Error(`no single address for: ${words}`)
  const match = ['iifname "outside" fib daddr type local', matchOf('saddr', from), protocolOf(passage)]
  return rule(match, `dnat ip to ${formatAddress(target)}`, words)
}

function forwarding(passage: Passage): string {
  const { from, to, translated, words } = passage
  const legs = `${interfaceIs('iifname', legOf(from))} ${interfaceIs('oifname', legOf(to))}`
  const match = [legs, matchOf('saddr', from), matchOf('daddr', to), protocolOf(passage)]
  return rule([...match, translated ? 'ct status dnat' : ''], 'accept', words)
}

function legOf({ at }: Side): string {
  return at.outside ? 'outside' : at.segment.interface
}

function matchOf(which: 'saddr' | 'daddr', { match }: Side): string {
  switch (match.by) {
    case 'any':
      return ''
    case 'prefix':
      return `ip ${which} ${formatPrefix(match.prefix)}`
    case 'addresses':
      return `ip ${which} ${addressList(match.addresses)}`
  }
}

function protocolOf({ protocol, ports }: Passage): string {
  if (protocol === 'icmp') return 'icmp type echo-request'
  return ports === undefined ? `meta l4proto ${protocol}` : `${protocol} dport ${portsOf(ports)}`
}
