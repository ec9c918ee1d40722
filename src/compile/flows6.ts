import { byName } from './appliances.ts'
import type { Flow } from './compiled.ts'
import { firewallFlows } from './flows.ts'
import { anchoredBy, type Layout, segmentOf, speaks6 } from './layout.ts'
import { passagesOf } from './passages.ts'
import { isTooWide } from './proxy.ts'

/**
 * What the appliances let pass or answer over IPv6. Pools, readiness and central services are reached over IPv4 by
 * whoever asks, so they are not here.
 */
export function flows6Of(layout: Layout): readonly Flow[] {
  return layout.appliances.flatMap((appliance) => {
    if (!speaks6(layout, appliance)) return []
    const { name: by, role, segments } = appliance
    const own = segments.flatMap((name) => segmentOf(layout, name).ipv6?.prefix_text ?? [])
    const roleFlows =
      role === 'firewall'
        ? firewallFlows(
            by,
            passagesOf(layout, appliance.firewall, 6).filter((passage) => !isTooWide(passage)),
          )
        : role === 'load-balancer'
          ? byName(appliance.load_balancer.services).flatMap(({ name, listen }) => {
              const from = segmentOf(layout, listen.segment).ipv6?.prefix_text
              if (from === undefined) return []
              return [flow(from, `service:${name}`, 'tcp', listen.port, by, `${listen.segment} uses ${name}`)]
            })
          : []
    const anchored = anchoredBy(layout, by).flatMap(({ name, ipv6 }) =>
      ipv6 === undefined
        ? []
        : [
            flow(ipv6.prefix_text, by, 'udp', 547, by, `addresses for ${name}`),
            flow(ipv6.prefix_text, by, 'udp', 53, by, `names for ${name}`),
            flow(ipv6.prefix_text, by, 'tcp', 53, by, `names for ${name}`),
          ],
    )
    const pings = [...(role === 'firewall' ? ['anyone'] : []), ...own]
    return [...roleFlows, ...anchored, ...pings.map((from) => flow(from, by, 'icmp', undefined, by, 'ping'))]
  })
}

function flow(
  from: string,
  to: string,
  protocol: Flow['protocol'],
  port: number | undefined,
  by: string,
  why: string,
): Flow {
  return { from, to, protocol, ports: port === undefined ? undefined : { first: port, last: port }, by, why }
}
