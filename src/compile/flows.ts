import type { MachineGroup } from '../stack/stack.ts'
import { byName, type PlacedAppliance } from './appliances.ts'
import type { Exception, Flow } from './compiled.ts'
import { denials } from './denials.ts'
import { anchoredBy, type Layout, outerLeg, segmentOf } from './layout.ts'
import { type Passage, passagesOf } from './passages.ts'
import { servedBy } from './pools.ts'

/** Everything that the appliances let pass or answer, appliance by appliance. */
export function flowsOf(layout: Layout): readonly Flow[] {
  return layout.appliances.flatMap((appliance) => [
    ...roleFlows(layout, appliance),
    ...anchorFlows(layout, appliance),
    ...ownFlows(layout, appliance),
  ])
}

function roleFlows(layout: Layout, appliance: PlacedAppliance): Flow[] {
  switch (appliance.role) {
    case 'firewall':
      return firewallFlows(appliance.name, passagesOf(layout, appliance.firewall))
    case 'load-balancer':
      return byName(appliance.load_balancer.services).flatMap((service) => {
        const from = segmentOf(layout, service.listen.segment).prefix_text
        const why = `${service.listen.segment} uses ${service.name}`
        return [
          tcp(appliance.name, from, `service:${service.name}`, service.listen.port, why),
          ...servedBy(layout, service).flatMap(({ group, port }) =>
            group.instances.map((machine) =>
              tcp(appliance.name, appliance.name, machine, port, `${service.name} is served by ${group.name}`),
            ),
          ),
        ]
      })
    case 'nat':
      return [...appliance.nat.inside].sort().flatMap((segment) => [
        ...byName(appliance.nat.internet).map(({ name, protocol, port }) => {
          const from = segmentOf(layout, segment).prefix_text
          return {
            ...tcp(appliance.name, from, 'anyone', port, `${segment} reaches ${name} in the Internet`),
            protocol,
          }
        }),
        ...[...appliance.nat.reaches].sort().flatMap((name) => {
          const central = layout.stack.services.find((candidate) => candidate.name === name)
          if (central === undefined) return []
          const from = segmentOf(layout, segment).prefix_text
          const flow = tcp(appliance.name, from, `central:${name}`, central.port, `${segment} reaches ${name}`)
          return [{ ...flow, protocol: central.protocol }]
        }),
      ])
  }
}

/** What is open to anyone is not listed again for each segment. */
export function firewallFlows(by: string, passages: readonly Passage[]): Flow[] {
  const closed: Passage[] = []
  const flows = passages.flatMap((passage): Flow[] => {
    if (passage.rule.verdict === 'deny') {
      closed.push(passage)
      return []
    }
    const denied = denials(passages, closed, passage)
    if (denied === 'all') return []
    const { from, to, protocol, ports, words, translated, rule } = passage
    const icmp = rule.icmp === undefined || rule.icmp === 'echo-request' ? {} : { icmp: rule.icmp }
    const at = translated && rule.at !== undefined ? { at: rule.at } : {}
    const except: { except?: readonly Exception[] } = denied.length === 0 ? {} : { except: denied }
    const places = passage.routed && to.match.by === 'addresses' ? to.match.addresses : [undefined]
    return from.names.flatMap((source) =>
      to.names.flatMap((target) =>
        places.map((address) => ({
          from: source,
          to: target,
          protocol,
          ports,
          by,
          why: words,
          ...icmp,
          ...at,
          ...(address === undefined ? {} : { address }),
          ...except,
        })),
      ),
    )
  })
  const known = new Set<string>()
  return flows.filter((flow) => {
    const key = JSON.stringify(flow)
    const wider = JSON.stringify({ ...flow, from: 'anyone' })
    const first = !known.has(key) && !known.has(wider)
    known.add(key)
    return first
  })
}

function anchorFlows(layout: Layout, { name }: PlacedAppliance): Flow[] {
  return anchoredBy(layout, name).flatMap((segment) => {
    const here = { from: segment.prefix_text, to: name, by: name }
    return [
      { ...here, protocol: 'udp' as const, ports: only(67), why: `addresses for ${segment.name}` },
      { ...here, protocol: 'udp' as const, ports: only(53), why: `names for ${segment.name}` },
      { ...here, protocol: 'tcp' as const, ports: only(53), why: `names for ${segment.name}` },
      ...byName(layout.stack.machines)
        .filter((group) => group.segment === segment.name)
        .flatMap((group) => probeFlows(name, group)),
    ]
  })
}

function probeFlows(by: string, { name, instances, ready }: MachineGroup): Flow[] {
  if (ready === undefined || ready.by === 'exec') return []
  return instances.map((machine) => tcp(by, by, machine, ready.port, `is ${name} ready?`))
}

/** Ping and the lease of the outer leg. */
function ownFlows(layout: Layout, appliance: PlacedAppliance): Flow[] {
  const { name, segments } = appliance
  const pings = segments.map((segment) => segmentOf(layout, segment).prefix_text)
  const from = appliance.role === 'firewall' ? ['anyone', ...pings] : pings
  const outer = outerLeg(appliance)
  return [
    ...from.map((source) => ({
      from: source,
      to: name,
      protocol: 'icmp' as const,
      ports: undefined,
      by: name,
      why: 'ping',
    })),
    ...(outer === undefined
      ? []
      : [
          { from: name, to: 'anyone', protocol: 'udp' as const, ports: only(67), by: name, why: 'own address by DHCP' },
        ]),
  ]
}

function tcp(by: string, from: string, to: string, port: number, why: string): Flow {
  return { from, to, protocol: 'tcp', ports: only(port), by, why }
}

function only(port: number): { readonly first: number; readonly last: number } {
  return { first: port, last: port }
}
