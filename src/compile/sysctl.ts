import type { CompiledAppliance } from './compiled.ts'

/**
 * Kernel settings by role; see Documentation/networking/ip-sysctl.rst of Linux. A load balancer routes nothing. All
 * answer ARP for an address on its own leg only, and take no packet from a leg that its source does not live behind.
 */
export function sysctlConf(role: CompiledAppliance['role']): string {
  const settings = [...(role === 'load-balancer' ? BALANCER : ROUTER), ...EVERYONE]
  return `${settings.map(([name, value]) => `${name} = ${value}`).join('\n')}\n`
}

type Setting = readonly [name: string, value: number]

/** `ip_nonlocal_bind`: HAProxy binds exact addresses and may be up before systemd-networkd has set them. */
const BALANCER: readonly Setting[] = [
  ['net.ipv4.ip_forward', 0],
  ['net.ipv4.ip_nonlocal_bind', 1],
]

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
