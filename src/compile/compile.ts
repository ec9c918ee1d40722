import type { Stack } from '../stack/stack.ts'
import { appliancesOf, byName, type PlacedAppliance } from './appliances.ts'
import type { Compiled, CompiledAppliance, CompiledInstance, CompiledSegment, Leg, SiteFacts } from './compiled.ts'
import { dnsmasqConf } from './dnsmasq.ts'
import { compileFirewall } from './firewall.ts'
import { flowsOf } from './flows.ts'
import { flows6Of } from './flows6.ts'
import { type Layout, layOut, legsOf, wayOut } from './layout.ts'
import { compileLoadBalancer } from './load-balancer.ts'
import { machinesOf } from './machines.ts'
import { compileNat } from './nat.ts'
import { networkFiles } from './network-files.ts'
import { sysctlConf } from './sysctl.ts'

/**
 * Turns a stack into what a site has to hold. Pure: the same stack and facts give the same value to the byte, whatever
 * the order in which the file names its segments, machines and appliances.
 *
 * Without `facts`, or where they lack a service, a NAT box translates to 192.0.2.1 (RFC 5737, an address of nobody) and
 * its file says so: enough to read and to check, not to launch.
 *
 * @throws Error where a stack is not one that `parseStack` would let pass, such as a segment without an appliance.
 */
export function compile(stack: Stack, facts?: SiteFacts): Compiled {
  const layout = layOut(stack, appliancesOf(stack), facts)
  const appliances = layout.appliances.map((appliance) => compileAppliance(layout, appliance))
  const machines = machinesOf(layout)
  const instances: CompiledInstance[] = [...byName(appliances), ...machines]
  return {
    stack: stack.name,
    domain: layout.domain,
    segments: segmentsOf(layout),
    instances,
    flows: flowsOf(layout),
    flows6: flows6Of(layout),
  }
}

function compileAppliance(layout: Layout, appliance: PlacedAppliance): CompiledAppliance {
  const legs = legsOf(layout, appliance)
  const special = compileRole(layout, appliance)
  const dnsmasq = dnsmasqConf(layout, appliance.name)
  const files = [
    ...networkFiles(layout, appliance, legs),
    {
      path: '/etc/sysctl.d/90-lifeboat.conf',
      text: sysctlConf(
        appliance.role,
        legs.filter(hasIpv6).map((leg) => leg.interface),
        appliance.role === 'nat' && special.files.some(({ path }) => path === '/etc/haproxy/haproxy.cfg'),
      ),
    },
    ...(dnsmasq === undefined ? [] : [{ path: '/etc/dnsmasq.conf', text: dnsmasq }]),
    ...special.files,
  ]
  files.sort((a, b) => (a.path < b.path ? -1 : 1))
  return { kind: 'appliance', name: appliance.name, role: appliance.role, legs, files, secrets: special.secrets }
}

function hasIpv6(leg: Leg): boolean {
  return leg.to === 'segment' ? leg.address6 !== undefined : leg.ipv6 === true
}

function compileRole(layout: Layout, appliance: PlacedAppliance): Pick<CompiledAppliance, 'files' | 'secrets'> {
  switch (appliance.role) {
    case 'firewall':
      return compileFirewall(layout, appliance.firewall)
    case 'load-balancer':
      return compileLoadBalancer(layout, appliance.load_balancer)
    case 'nat':
      return compileNat(layout, appliance.nat)
  }
}

function segmentsOf(layout: Layout): CompiledSegment[] {
  return layout.segments.map((segment) => {
    const { name, prefix_text, anchor, anchor_address, ipv6 } = segment
    const gateway = wayOut(layout, segment)
    return {
      name,
      prefix: prefix_text,
      anchor,
      anchor_address,
      gateway,
      ...(ipv6 === undefined
        ? {}
        : { ipv6: { prefix: ipv6.prefix_text, anchor_address: ipv6.anchor_address, gateway: ipv6.gateway } }),
    }
  })
}
