import type { CompiledAppliance } from './compiled.ts'

/**
 * Kernel settings by role; see Documentation/networking/ip-sysctl.rst of Linux. A load balancer routes nothing. All
 * answer ARP for an address on its own leg only, and take no packet from a leg that its source does not live behind.
 */
export function sysctlConf(role: CompiledAppliance['role'], legs6: readonly string[], proxies = false): string {
  const router = proxies ? [...ROUTER, NONLOCAL] : ROUTER
  const settings = [...(role === 'load-balancer' ? BALANCER : router), ...EVERYONE, ...ipv6Settings(role, legs6)]
  return `${settings.map(([name, value]) => `${name} = ${value}`).join('\n')}\n`
}

/**
 * IPv6 is off, and systemd-networkd turns it on for the legs that have it. They are used at once, without a second of
 * duplicate address detection (RFC 4862 section 5.4 leaves that to configuration): all addresses are computed, as those
 * are that DHCP gives without asking. Only a firewall forwards.
 */
function ipv6Settings(role: CompiledAppliance['role'], legs: readonly string[]): readonly Setting[] {
  if (legs.length === 0) return []
  return [
    ['net.ipv6.conf.lo.disable_ipv6', 0],
    ...['all', 'default', ...legs].flatMap((which): Setting[] => [
      [`net.ipv6.conf.${which}.accept_dad`, 0],
      [`net.ipv6.conf.${which}.accept_redirects`, 0],
      [`net.ipv6.conf.${which}.accept_source_route`, 0],
    ]),
    ...(role === 'firewall' ? [['net.ipv6.conf.all.forwarding', 1] as const] : []),
    ...(role === 'load-balancer' ? [['net.ipv6.ip_nonlocal_bind', 1] as const] : []),
  ]
}

type Setting = readonly [name: string, value: number]

/** HAProxy binds exact addresses and may be up before systemd-networkd has set them. */
const NONLOCAL: Setting = ['net.ipv4.ip_nonlocal_bind', 1]

const BALANCER: readonly Setting[] = [['net.ipv4.ip_forward', 0], NONLOCAL]

const ROUTER: readonly Setting[] = [['net.ipv4.ip_forward', 1]]

const EVERYONE: readonly Setting[] = [
  ...['all', 'default'].flatMap((which): Setting[] => [
    [`net.ipv4.conf.${which}.rp_filter`, 1],
    [`net.ipv4.conf.${which}.arp_ignore`, 1],
    [`net.ipv4.conf.${which}.arp_announce`, 2],
    [`net.ipv4.conf.${which}.accept_redirects`, 0],
    [`net.ipv4.conf.${which}.send_redirects`, 0],
    [`net.ipv4.conf.${which}.accept_source_route`, 0],
    [`net.ipv6.conf.${which}.disable_ipv6`, 1],
  ]),
  ['net.ipv4.icmp_echo_ignore_broadcasts', 1],
]
