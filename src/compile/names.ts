import { formatAddress } from '../lib/ip.ts'
import { byName } from './appliances.ts'
import { address6In, addressIn, type Layout } from './layout.ts'

export type NamedAddress = { readonly name: string; readonly address: string; readonly address6?: string | undefined }

/**
 * Every name of the stack's DNS. A name may have several addresses, such as an appliance with several legs; dnsmasq
 * then gives the one that lies in the asking segment, where there is one (`localise-queries`).
 */
export function namesOf(layout: Layout): readonly NamedAddress[] {
  return [...applianceNames(layout), ...machineNames(layout), ...balancedNames(layout), ...centralNames(layout)]
}

function applianceNames(layout: Layout): NamedAddress[] {
  return byName(layout.appliances).flatMap(({ name, segments }) =>
    segments.map((segment) => ({
      name,
      address: addressIn(layout, name, segment),
      // `localise-queries` is about IPv4 alone: of several IPv6 addresses all would be given, most of them out of reach.
      address6: segments.length === 1 ? address6In(layout, name, segment) : undefined,
    })),
  )
}

function machineNames(layout: Layout): NamedAddress[] {
  return byName(layout.stack.machines).flatMap(({ instances, segment }) =>
    instances.map((name) => ({
      name,
      address: addressIn(layout, name, segment),
      address6: address6In(layout, name, segment),
    })),
  )
}

function balancedNames(layout: Layout): NamedAddress[] {
  return byName(layout.stack.load_balancers).flatMap((balancer) =>
    byName(balancer.services).map(({ name, listen }) => ({
      name,
      address: addressIn(layout, balancer.name, listen.segment),
      address6: address6In(layout, balancer.name, listen.segment),
    })),
  )
}

function centralNames(layout: Layout): NamedAddress[] {
  return byName(layout.stack.nats).flatMap((nat) =>
    [...nat.reaches].sort().flatMap((name) =>
      [...nat.inside].sort().map((segment) => ({
        name,
        address: formatAddress(layout.addresses.central(nat.name, name, segment)),
      })),
    ),
  )
}
