import { formatAddress } from '../lib/ip.ts'
import type { CentralService, Nat } from '../stack/stack.ts'
import { inputRules, outputRules, spoofRules } from './appliance-rules.ts'
import type { CompiledAppliance } from './compiled.ts'
import { isAt6, type LaidSegment, type Layout, segmentOf } from './layout.ts'
import { interfaceIs, nftablesFile, rule, STATEFUL } from './nftables.ts'
import { PROXY_DEFAULTS, PROXY_GLOBAL } from './proxy.ts'

/** RFC 5737: an address that nobody has. Stands for a service's address where the site is not known. */
const NOWHERE = '192.0.2.1'

/**
 * The NAT box: from a fixed inside address to where a declared service is at this site, and nothing else. One that leads to
 * the Internet lets declared ports pass to any address there, and to none of a private network. A service at an IPv6
 * address is not translated to: the connection ends here, and a proxy opens one to it (docs/decisions/021).
 */
export function compileNat(layout: Layout, nat: Nat): Pick<CompiledAppliance, 'files' | 'secrets'> {
  const doors = proxiedOf(layout, nat)
  const proxy = doors.length === 0 ? [] : [{ path: '/etc/haproxy/haproxy.cfg', text: proxyConf(layout, doors) }]
  return { files: [{ path: '/etc/nftables.conf', text: natRules(layout, nat) }, ...proxy], secrets: [] }
}

/** For HAProxy 2.6 and newer; TCP, byte for byte. */
function proxyConf(layout: Layout, doors: readonly Door[]): string {
  const services = new Map(doors.map(({ service }) => [service.name, service]))
  const sections = [
    PROXY_GLOBAL,
    PROXY_DEFAULTS,
    ...doors.map(({ service, segment, fixed }) => [
      `frontend ${service.name}-${segment.name}`,
      `  bind ${fixed}:${service.port}`,
      `  default_backend ${service.name}`,
    ]),
    ...[...services.values()].map(({ name, port: at }) => [
      `backend ${name}`,
      `  server ${name} [${layout.facts?.services[name]}]:${at}`,
    ]),
  ]
  return `${sections.map((section) => section.join('\n')).join('\n\n')}\n`
}

function natRules(layout: Layout, nat: Nat): string {
  const appliance = layout.appliances.find(({ name }) => name === nat.name)
  if (appliance === undefined) throw new Error(`${nat.name} is not laid out`)
  const doors = doorsOf(layout, nat).filter(({ service }) => !isAt6(layout, service.name))
  const proxied = proxiedOf(layout, nat)
  return nftablesFile(siteAddresses(layout, nat), [
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
      rules: doors.map((door) =>
        rule([entry(door), `ip daddr ${door.fixed}`, port(door)], `dnat ip to $${at(door.service.name)}`, words(door)),
      ),
    },
    {
      name: 'forward',
      hook: 'filter hook forward priority filter',
      policy: 'drop',
      rules: [
        ...STATEFUL,
        ...awayRules(layout, nat),
        ...doors.map((door) =>
          rule([entry(door), 'oifname "services"', passing(door), port(door)], 'accept', words(door)),
        ),
        rule([], 'drop', 'not a declared service'),
      ],
    },
    {
      name: 'hide',
      hook: 'nat hook postrouting priority srcnat',
      policy: 'accept',
      rules: [rule([nat.internet.length > 0 ? 'oifname "outside"' : 'oifname "services"'], 'masquerade')],
    },
    {
      name: 'input',
      hook: 'filter hook input priority filter',
      policy: 'drop',
      rules: [
        ...inputRules(layout, appliance),
        ...proxied.map((door) => rule([entry(door), `ip daddr ${door.fixed}`, port(door)], 'accept', words(door))),
        rule([], 'drop', 'nothing else is for the NAT box itself'),
      ],
    },
    {
      name: 'output',
      hook: 'filter hook output priority filter',
      policy: 'drop',
      rules: [...outputRules(layout, appliance), ...new Set(proxied.map(onward))],
    },
  ])
}

function onward(door: Door): string {
  const { name } = door.service
  return rule(['oifname "services"', `ip6 daddr $${at(name)}`, port(door)], 'accept', `proxy to ${name}`)
}

function awayRules(layout: Layout, nat: Nat): string[] {
  const services = [...nat.internet].sort((a, b) => (a.name < b.name ? -1 : 1))
  return [...nat.inside].sort().flatMap((name) => {
    const { interface: leg, prefix_text } = segmentOf(layout, name)
    const from = `${interfaceIs('iifname', leg)} ip saddr ${prefix_text}`
    return services.map((service) =>
      rule(
        [from, `oifname "outside" ip daddr != { ${PRIVATE.join(', ')} }`, `${service.protocol} dport ${service.port}`],
        'accept',
        `${name} reaches ${service.name} in the Internet`,
      ),
    )
  })
}

/** Not the Internet: RFC 6890, as far as a site could have it beside its way there. */
const PRIVATE = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.168.0.0/16', '224.0.0.0/3'],
]

/** One service as one segment reaches it. */
type Door = { readonly segment: LaidSegment; readonly service: CentralService; readonly fixed: string }

function doorsOf(layout: Layout, nat: Nat): readonly Door[] {
  const segments = [...nat.inside].sort().map((name) => segmentOf(layout, name))
  return segments.flatMap((segment) =>
    centralOf(layout, nat).map((service) => ({
      segment,
      service,
      fixed: formatAddress(layout.addresses.central(nat.name, service.name, segment.name)),
    })),
  )
}

/** Of those over UDP there is none: that is a problem of the site file (operations/survey.ts). */
function proxiedOf(layout: Layout, nat: Nat): readonly Door[] {
  return doorsOf(layout, nat).filter(({ service }) => service.protocol === 'tcp' && isAt6(layout, service.name))
}

function siteAddresses(layout: Layout, nat: Nat): string[] {
  const lines = centralOf(layout, nat).flatMap(({ name }) => {
    const known = layout.facts?.services[name]
    const where = known === undefined ? 'not known: a stand-in that nobody has' : `at site ${layout.facts?.site}`
    return [`# address of ${name}, ${where}`, `define ${at(name)} = ${known ?? NOWHERE}`]
  })
  return lines.length === 0 ? [] : [...lines, '']
}

function centralOf(layout: Layout, nat: Nat): readonly CentralService[] {
  return [...nat.reaches].sort().map((name) => {
    const service = layout.stack.services.find((candidate) => candidate.name === name)
    if (service === undefined) throw new Error(`stack ${layout.stack.name} declares no service "${name}"`)
    return service
  })
}

function at(service: string): string {
  return `at_${service}`
}

function entry({ segment }: Door): string {
  return `${interfaceIs('iifname', segment.interface)} ip saddr ${segment.prefix_text}`
}

/** The connection was opened to this service's own fixed address: two services may be at one address of the site. */
function passing({ service, fixed }: Door): string {
  return `ip daddr $${at(service.name)} ct status dnat ct original ip daddr ${fixed}`
}

function port({ service }: Door): string {
  return `${service.protocol} dport ${service.port}`
}

function words({ segment, service }: Door): string {
  return `${segment.name} reaches ${service.name}`
}
