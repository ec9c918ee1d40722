import type { LoadBalancer } from '../stack/stack.ts'
import { routedOf, watchesOf } from './announced.ts'
import { comesRouted, inputRules, outputRules, spoofRules } from './appliance-rules.ts'
import { byName, type PlacedAppliance } from './appliances.ts'
import type { CompiledAppliance } from './compiled.ts'
import { haproxyConf } from './haproxy.ts'
import { SECRETS } from './haproxy-words.ts'
import { address6In, addressIn, type Layout, segmentOf } from './layout.ts'
import { addressList, interfaceIs, nftablesFile, rule } from './nftables.ts'
import { servedBy } from './pools.ts'

/** The load balancer ties segments together and routes nothing. */
export function compileLoadBalancer(
  layout: Layout,
  balancer: LoadBalancer,
): Pick<CompiledAppliance, 'files' | 'secrets'> {
  const secrets = [...new Set(balancer.services.flatMap(({ tls }) => tls))].sort()
  return {
    files: [
      { path: '/etc/haproxy/haproxy.cfg', text: haproxyConf(layout, balancer) },
      { path: '/etc/nftables.conf', text: balancerRules(layout, balancer) },
    ],
    secrets: secrets.map((secret) => ({ path: `${SECRETS}/${secret}.pem`, secret })),
  }
}

function balancerRules(layout: Layout, balancer: LoadBalancer): string {
  const appliance = layout.appliances.find(({ name }) => name === balancer.name)
  if (appliance === undefined) throw new Error(`${balancer.name} is not laid out`)
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
        name: 'forward',
        hook: 'filter hook forward priority filter',
        policy: 'drop',
        rules: [rule([], 'drop', 'a load balancer routes nothing')],
      },
      {
        name: 'input',
        hook: 'filter hook input priority filter',
        policy: 'drop',
        rules: [
          ...inputRules(layout, appliance),
          ...listening(layout, appliance, balancer),
          ...watched(layout, balancer),
          rule([], 'drop', 'no service listens there'),
        ],
      },
      {
        name: 'output',
        hook: 'filter hook output priority filter',
        policy: 'drop',
        rules: [...outputRules(layout, appliance), ...pools(layout, balancer)],
      },
    ],
  )
}

/** Leg and address and port together: Linux would take a packet for any of its addresses on any leg. */
function listening(layout: Layout, appliance: PlacedAppliance, balancer: LoadBalancer): string[] {
  return byName(balancer.services).flatMap(({ name, listen }) => {
    const { interface: leg, prefix_text, ipv6 } = segmentOf(layout, listen.segment)
    const routed = comesRouted(layout, appliance, listen.segment)
    const line = (ip: 'ip' | 'ip6', prefix: string, own: string) =>
      rule(
        [
          interfaceIs('iifname', leg),
          routed ? '' : `${ip} saddr ${prefix}`,
          `${ip} daddr ${own} tcp dport ${listen.port}`,
        ],
        'accept',
        name,
      )
    const own6 = address6In(layout, balancer.name, listen.segment)
    const routed6 = routedOf(layout.stack).filter((each) => each.service === name)
    return [
      line('ip', prefix_text, addressIn(layout, balancer.name, listen.segment)),
      ...(ipv6 === undefined || own6 === undefined ? [] : [line('ip6', ipv6.prefix_text, own6)]),
      ...(ipv6 === undefined ? [] : routed6.map(({ address }) => line('ip6', ipv6.prefix_text, address))),
    ]
  })
}

/** A firewall that announces a prefix of the stack asks whether anything is behind it. */
function watched(layout: Layout, balancer: LoadBalancer): string[] {
  const mine = watchesOf(layout).filter((watch) => watch.balancer === balancer.name)
  const by_place = new Map(mine.map((watch) => [`${watch.firewall} ${watch.segment.name}`, watch]))
  return [...by_place.values()].map(({ firewall, segment, port }) => {
    const from = `ip saddr ${addressIn(layout, firewall, segment.name)}`
    const to = `ip daddr ${addressIn(layout, balancer.name, segment.name)} tcp dport ${port}`
    return rule([interfaceIs('iifname', segment.interface), from, to], 'accept', `does it serve? asked by ${firewall}`)
  })
}

function pools(layout: Layout, balancer: LoadBalancer): string[] {
  return byName(balancer.services).flatMap((service) =>
    servedBy(layout, service).flatMap(({ group: { name, instances, segment }, port }) => {
      if (instances.length === 0) return []
      const to = addressList(instances.map((instance) => layout.addresses.of(instance, segment)))
      const leg = interfaceIs('oifname', segmentOf(layout, segment).interface)
      return [rule([leg, `ip daddr ${to} tcp dport ${port}`], 'accept', `${service.name} is served by ${name}`)]
    }),
  )
}
