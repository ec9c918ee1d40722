import type { Firewall, Rule } from '../stack/stack.ts'
import type { ConfigFile } from './compiled.ts'
import type { Family } from './layout.ts'
import { commentOf, rule } from './nftables.ts'

/** What a rule of the file has beside its verdict: a limit and a line in the log. */

/** One for each rule of the file: what it expands to shares it. */
export function limits(firewall: Firewall, ipv6: boolean): readonly string[] {
  const seen = new Set<number>()
  return firewall.rules.flatMap(({ number, limit }) => {
    if (limit === undefined || seen.has(number)) return []
    seen.add(number)
    return limit.each_client
      ? (['ipv4', ...(ipv6 ? ['ipv6'] : [])] as const).map(
          (type) =>
            `set ${type === 'ipv4' ? 'clients' : 'networks'}${number} { type ${type}_addr; size ${CLIENTS}; flags dynamic; timeout ${FORGOTTEN[limit.per]}; }`,
        )
      : [`limit limit${number} { rate over ${rateOf(limit)} }`]
  })
}

/**
 * Beyond the limit a connection is dropped, whatever rules come after: the first rule that matches decides. Over IPv6 a
 * client has a whole /64 of addresses, and is counted as that.
 */
export function limited({ number, limit, words }: Rule, match: readonly string[], family: Family): string[] {
  if (limit === undefined) return []
  const over = limit.each_client
    ? family === 4
      ? `update @clients${number} { ip saddr limit rate over ${rateOf(limit)} }`
      : `update @networks${number} { ip6 saddr & ffff:ffff:ffff:ffff:: limit rate over ${rateOf(limit)} }`
    : `limit name "limit${number}"`
  return [rule([...match, over], 'drop', `over the limit: ${words}`)]
}

/** The kernel's own log is the machine's, not the appliance's: so by nfnetlink to a logger of the appliance. */
export function logged({ log, words }: Rule, match: readonly string[]): string[] {
  if (!log) return []
  const line = `limit rate ${LINES_A_SECOND}/second burst ${2 * LINES_A_SECOND} packets log prefix "${commentOf(words)}:" group ${GROUP}`
  return [[...match.filter((part) => part !== ''), line].join(' ')]
}

/** A flood must not fill the journal, which is small, with itself alone. */
const LINES_A_SECOND = 10
const GROUP = 1

/** With so many clients remembered, further ones are let in unlimited. */
const CLIENTS = 65535
/** A client is forgotten when it could have its whole burst again. */
const FORGOTTEN = { second: '10s', minute: '5m', hour: '2h' }

/** A whole second's, minute's or hour's worth may come at once. */
function rateOf({ count, per }: NonNullable<Rule['limit']>): string {
  return `${count}/${per} burst ${count} packets`
}

/** ulogd(8): from the group to syslog, which is the journal of the appliance. */
export const LOGGER: ConfigFile = {
  path: '/etc/ulogd.conf',
  text: `[global]
logfile="syslog"
loglevel=7
stack=rules:NFLOG,base:BASE,interfaces:IFINDEX,text:IP2STR,line:PRINTPKT,journal:SYSLOG

[rules]
group=${GROUP}
netlink_qthreshold=1

[journal]
facility=LOG_LOCAL0
level=LOG_INFO
`,
}
