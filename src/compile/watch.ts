import { looksLike6 } from '../lib/ip6.ts'
import type { Stack } from '../stack/stack.ts'
import { leaseRules6 } from './appliance-rules6.ts'
import type { ConfigFile, SiteFacts } from './compiled.ts'
import { macsOf } from './interfaces.ts'
import { OFF6, outerFile6, TAKES6 } from './network-files.ts'
import { nftablesFile, rule, STATEFUL } from './nftables.ts'
import { sysctlConf } from './sysctl.ts'

/**
 * The watch: an instance at the standby with the legs that firewall and NAT box would have there, and nothing behind them.
 * It asks for leases and opens connections to the central services, so that what a launch would meet is seen before.
 */
export type Watch = {
  readonly legs: readonly { readonly interface: 'outside' | 'services'; readonly mac: string }[]
  readonly services: readonly WatchedService[]
  readonly files: readonly ConfigFile[]
}

export type WatchedService = {
  readonly name: string
  readonly protocol: 'tcp' | 'udp'
  readonly port: number
  readonly address: string
}

/** Undefined for a stack that touches nothing outside. */
export function compileWatch(stack: Stack, facts: SiteFacts): Watch | undefined {
  const reached = new Set(stack.nats.flatMap((nat) => nat.reaches))
  const services = stack.services.flatMap(({ name, protocol, port }) => {
    const address = facts.services[name]
    return reached.has(name) && address !== undefined ? [{ name, protocol, port, address }] : []
  })
  const names = [
    ...(stack.firewalls.length > 0 || stack.nats.some((nat) => nat.internet.length > 0) ? (['outside'] as const) : []),
    ...(stack.nats.some((nat) => nat.reaches.length > 0) ? (['services'] as const) : []),
  ]
  if (names.length === 0) return undefined
  // The name of an appliance has no slash: no other leg of the stack is called so.
  const mac = macsOf(
    `${stack.name}/watch`,
    names.map((leg) => ({ instance: 'watch', leg })),
  )
  const legs6 = services.some(({ address }) => looksLike6(address)) ? ['services'] : []
  const files = [
    ...names.map((leg) => networkFile(leg, legs6.includes(leg))),
    { path: '/etc/nftables.conf', text: rules(names, legs6, services) },
    { path: '/etc/sysctl.d/90-lifeboat.conf', text: `${sysctlConf('load-balancer', legs6)}` },
  ]
  files.sort((a, b) => (a.path < b.path ? -1 : 1))
  return { legs: names.map((name) => ({ interface: name, mac: mac('watch', name) })), services, files }
}

/** As a NAT box: an address by DHCP, and no route but to the network itself. */
function networkFile(leg: string, takes6: boolean): ConfigFile {
  const lines = [
    ...['[Match]', `Name=${leg}`, '', '[Link]', 'RequiredForOnline=no', '', '[Network]', 'DHCP=ipv4'],
    ...(takes6 ? TAKES6 : OFF6),
    ...['LLMNR=no', 'MulticastDNS=no', 'LLDP=no'],
    ...['', '[DHCPv4]', 'ClientIdentifier=mac', 'SendHostname=no', 'UseHostname=no', 'UseDNS=no', 'UseDomains=no'],
    ...['UseNTP=no', 'UseRoutes=no', 'UseGateway=no'],
    ...(takes6 ? outerFile6('services') : []),
  ]
  return { path: `/etc/systemd/network/10-${leg}.network`, text: `${lines.join('\n')}\n` }
}

/** Nothing gets in; out get leases and connections to the declared services. */
function rules(legs: readonly string[], legs6: readonly string[], services: readonly WatchedService[]): string {
  const lease = (direction: 'iifname' | 'oifname', ports: string) =>
    legs.map((leg) => rule([`${direction} "${leg}" ${ports}`], 'accept', 'own address by DHCP'))
  const lease6 = legs6.flatMap(leaseRules6)
  return nftablesFile(
    [],
    [
      {
        name: 'input',
        hook: 'filter hook input priority filter',
        policy: 'drop',
        rules: [
          'iifname "lo" accept',
          ...STATEFUL,
          ...lease('iifname', 'udp sport 67 udp dport 68'),
          ...lease6.flatMap((each) => each.in),
        ],
      },
      { name: 'forward', hook: 'filter hook forward priority filter', policy: 'drop', rules: [] },
      {
        name: 'output',
        hook: 'filter hook output priority filter',
        policy: 'drop',
        rules: [
          'oifname "lo" accept',
          ...STATEFUL,
          ...lease('oifname', 'udp sport 68 udp dport 67'),
          ...lease6.flatMap((each) => each.out),
          ...services.map(({ name, protocol, port, address }) =>
            rule(
              [`oifname "services" ${looksLike6(address) ? 'ip6' : 'ip'} daddr ${address} ${protocol} dport ${port}`],
              'accept',
              `does ${name} answer?`,
            ),
          ),
        ],
      },
    ],
  )
}
