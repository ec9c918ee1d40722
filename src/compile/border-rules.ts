import { formatPrefix } from '../lib/ip.ts'
import { formatPrefix6, looksLike6 } from '../lib/ip6.ts'
import { leaseRules6 } from './appliance-rules6.ts'
import type { Border, Door } from './border.ts'
import { nftablesFile, rule } from './nftables.ts'

/**
 * The filter of the border. Whatever crosses it is counted by name and direction; what no line allows is refused, so that
 * whoever sent it hears at once. What the client itself asks for goes to the bubble only.
 */
export function borderRules(border: Omit<Border, 'files'>): string {
  const { services, site_leg } = border
  const doors = services?.doors ?? []
  const allowed = doors.filter((door) => door.how === 'allow')
  const denied = doors.filter((door) => door.how === 'deny')
  const named = countersOf(border).map((name) => `  counter ${name} { }`)
  const bubble = services === undefined ? 'outside' : '{ outside, services }'
  return nftablesFile(
    ['table inet lifeboat {', ...named, '}', ''],
    [
      {
        name: 'forward',
        hook: 'filter hook forward priority filter',
        policy: 'drop',
        rules: [
          ...(services === undefined
            ? []
            : allowed.flatMap((door) => [
                `iifname "services" oifname "site" ${fromBubble(services, door)} ${to(door)} counter name left_${counterLabel(door)} accept`,
                `iifname "site" oifname "services" ct state established ${from(door)} counter name came_${counterLabel(door)} accept`,
              ])),
          ...(site_leg
            ? [
                // An offer to an address that the border has not got yet; its DHCP client hears it all the same.
                'iifname "site" udp sport 67 udp dport 68 drop',
                'iifname "site" oifname "services" ct state related counter name came_errors accept',
                'iifname "site" counter name stopped_from_site drop',
              ]
            : []),
          // Where an allowed service has the same address, the border does not have it.
          ...denied.flatMap((door) => refusals(`iifname "services" ${to(door)}`, `denied_${counterLabel(door)}`)),
          ...refusals('iifname "outside"', 'refused_outside'),
          ...(services === undefined ? [] : refusals('iifname "services"', 'refused_services')),
        ],
      },
      ...(site_leg
        ? [
            {
              name: 'hide',
              hook: 'nat hook postrouting priority srcnat',
              policy: 'accept' as const,
              rules: [rule(['oifname "site"'], 'masquerade')],
            },
          ]
        : []),
      {
        name: 'input',
        hook: 'filter hook input priority filter',
        policy: 'drop',
        rules: [
          'iifname "lo" accept',
          ...(site_leg
            ? [
                'iifname "site" udp sport 67 udp dport 68 accept',
                ...(services?.ipv6 === undefined ? [] : leaseRules6('site').in),
                'iifname "site" counter name stopped_from_site drop',
              ]
            : []),
          rule(['ct state established,related'], 'accept'),
          rule([`iifname ${bubble}`, 'udp dport 67'], 'accept', 'addresses for the outer legs'),
          ...(border.outside.ipv6 === undefined ? [] : leg6('outside')),
          ...(services?.ipv6 === undefined
            ? []
            : [
                ...leg6('services'),
                rule(['iifname "services" udp dport 547'], 'accept', 'IPv6 addresses for the outer legs'),
              ]),
          ...denied.flatMap((door) => refusals(`iifname "services" ${to(door)}`, `denied_${counterLabel(door)}`)),
          ...refusals('iifname "outside"', 'refused_outside'),
          ...(services === undefined ? [] : refusals('iifname "services"', 'refused_services')),
        ],
      },
      {
        name: 'output',
        hook: 'filter hook output priority filter',
        policy: 'accept',
        rules: site_leg
          ? [
              'oifname "site" udp sport 68 udp dport 67 counter accept',
              ...(services?.ipv6 === undefined ? [] : leaseRules6('site').out),
              'oifname "site" counter name stopped_own drop',
            ]
          : [],
      },
    ],
  )
}

/** Names of the counters, for whoever reads them: `left_*` went out of the bubble, `came_*` answered, the rest did not pass. */
export function countersOf({ services, site_leg }: Omit<Border, 'files'>): readonly string[] {
  const doors = services?.doors ?? []
  return [
    ...doors.flatMap((door) =>
      door.how === 'allow' ? [`left_${counterLabel(door)}`, `came_${counterLabel(door)}`] : [],
    ),
    ...doors.flatMap((door) => (door.how === 'deny' ? [`denied_${counterLabel(door)}`] : [])),
    ...(site_leg ? ['came_errors', 'stopped_from_site', 'stopped_own'] : []),
    'refused_outside',
    ...(services === undefined ? [] : ['refused_services']),
  ]
}

/** What a leg on which the border gives IPv6 addresses has to hear. */
function leg6(leg: string): string[] {
  return [
    rule(
      [
        `iifname "${leg}" ip6 hoplimit 255`,
        'icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert }',
      ],
      'accept',
      'IPv6 addresses for the outer legs',
    ),
    rule(
      [`iifname "${leg}" icmpv6 type { mld-listener-report, mld2-listener-report }`],
      'drop',
      'nobody is told who listens',
    ),
  ]
}

function fromBubble(services: NonNullable<Border['services']>, { address }: Door): string {
  return looksLike6(address)
    ? `ip6 saddr { ${(services.ipv6?.prefixes ?? []).map(formatPrefix6).join(', ')} }`
    : `ip saddr ${formatPrefix(services.prefix)}`
}

function refusals(match: string, counter: string): string[] {
  return [
    `${match} meta l4proto tcp counter name ${counter} reject with tcp reset`,
    `${match} counter name ${counter} reject with icmpx admin-prohibited`,
  ]
}

const ipOf = (address: string): string => (looksLike6(address) ? 'ip6' : 'ip')
const to = ({ address, protocol, port }: Door): string => `${ipOf(address)} daddr ${address} ${protocol} dport ${port}`
const from = ({ address, protocol, port }: Door): string =>
  `${ipOf(address)} saddr ${address} ${protocol} sport ${port}`

/** A name as nft takes it; services are DNS labels. */
export const counterLabel = ({ name }: Pick<Door, 'name'>): string => name.replaceAll('-', '_')
