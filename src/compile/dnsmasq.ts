import { formatAddress, netmaskOf } from '../lib/ip.ts'
import { byName } from './appliances.ts'
import { anchoredBy, type LaidSegment, type Layout } from './layout.ts'
import { namesOf } from './names.ts'

/**
 * DHCP and DNS of the segments that an appliance anchors; undefined where it anchors none. See dnsmasq(8).
 *
 * Known MACs only, each with its own address for ever; no lease file, because the reservations are all there is to know.
 * Names of the stack and nothing else: no upstream, so that a name from outside fails at once.
 */
export function dnsmasqConf(layout: Layout, appliance: string): string | undefined {
  const segments = anchoredBy(layout, appliance)
  if (segments.length === 0) return undefined
  const parts = [general(layout, segments), names(layout), ...segments.map((segment) => dhcp(layout, segment))]
  return `${parts.map((part) => part.join('\n')).join('\n\n')}\n`
}

function general({ domain }: Layout, segments: readonly LaidSegment[]): string[] {
  return [
    'bind-dynamic',
    'except-interface=lo',
    ...segments.map((segment) => `interface=${segment.interface}`),
    '',
    'no-hosts',
    'no-resolv',
    'no-poll',
    'domain-needed',
    'bogus-priv',
    'localise-queries',
    `domain=${domain}`,
    `local=/${domain}/`,
    'local-ttl=5',
    '',
    'dhcp-authoritative',
    'dhcp-rapid-commit',
    'dhcp-ignore=tag:!known',
    'dhcp-lease-max=100000',
    'leasefile-ro',
    'no-ping',
  ]
}

function names(layout: Layout): string[] {
  return namesOf(layout).map(({ name, address }) => `host-record=${name}.${layout.domain},${name},${address}`)
}

function dhcp(layout: Layout, segment: LaidSegment): string[] {
  const tag = segment.interface
  const groups = byName(layout.stack.machines.filter((group) => group.segment === segment.name))
  return [
    `# ${segment.name}`,
    `dhcp-range=set:${tag},${formatAddress(segment.prefix.network)},static,${netmaskOf(segment.prefix)},infinite`,
    segment.gateway === undefined
      ? `dhcp-option=tag:${tag},option:router`
      : `dhcp-option=tag:${tag},option:router,${segment.gateway}`,
    `dhcp-option=tag:${tag},option:dns-server,${segment.anchor_address}`,
    `dhcp-option=tag:${tag},option:domain-search,${layout.domain}`,
    ...groups
      .flatMap((group) => group.instances)
      .map((name) => {
        const address = formatAddress(layout.addresses.of(name, segment.name))
        return `dhcp-host=${layout.mac(name, segment.name)},${address},${name},infinite`
      }),
  ]
}
