import { formatAddress, formatPrefix, type Prefix } from '../lib/ip.ts'
import type { PortRange } from '../stack/stack.ts'

/** One nftables file; see nft(8). It replaces everything, because an appliance has no other rules. */
export function nftablesFile(
  head: readonly string[],
  chains: readonly Chain[],
  /** Declared before the chains that use them: limits and sets. */
  objects: readonly string[] = [],
): string {
  const declared = objects.length === 0 ? [] : [...objects.map((line) => `  ${line}`), '']
  const body = [...declared, ...chains.flatMap((chain, index) => [...(index === 0 ? [] : ['']), ...chainLines(chain)])]
  const lines = ['#!/usr/sbin/nft -f', 'flush ruleset', '', ...head, 'table inet lifeboat {', ...body, '}']
  return `${lines.join('\n')}\n`
}

export type Chain = {
  readonly name: string
  readonly hook: string
  readonly policy: 'accept' | 'drop'
  readonly rules: readonly string[]
}

/** `words` explain the rule to whoever reads the counters. */
export function rule(match: readonly string[], verdict: string, words?: string): string {
  const comment = words === undefined ? [] : [`comment "${commentOf(words)}"`]
  return [...match.filter((part) => part !== ''), 'counter', verdict, ...comment].join(' ')
}

/** NFTNL_UDATA_COMMENT_MAXLEN is 128, with the final zero. */
const COMMENT_BYTES = 120

/** What every filter chain begins with. */
export const STATEFUL: readonly string[] = [
  rule(['ct state established,related'], 'accept'),
  rule(['ct state invalid'], 'drop', 'belongs to nothing'),
]

export function interfaceIs(way: 'iifname' | 'oifname', name: string): string {
  return `${way} "${name}"`
}

/** The version of IP that a rule is about, where nothing else in it says so. */
export const IPV6 = 'meta nfproto ipv6'

/** As they are written, one by one. */
export function textList(addresses: readonly string[]): string {
  return list([...new Set(addresses)])
}

/** Neighbouring addresses are written as a range. */
export function addressList(addresses: readonly number[]): string {
  const sorted = [...new Set(addresses)].sort((a, b) => a - b)
  const ranges: { first: number; last: number }[] = []
  for (const value of sorted) {
    const open = ranges.at(-1)
    if (open !== undefined && open.last === value - 1) open.last = value
    else ranges.push({ first: value, last: value })
  }
  return list(
    ranges.map(({ first, last }) =>
      first === last ? formatAddress(first) : `${formatAddress(first)}-${formatAddress(last)}`,
    ),
  )
}

export function prefixList(prefixes: readonly Prefix[]): string {
  return list(prefixes.map(formatPrefix))
}

export function portsOf({ first, last }: PortRange): string {
  return first === last ? `${first}` : `${first}-${last}`
}

function list(parts: readonly string[]): string {
  return parts.length === 1 && !parts[0]?.includes('-') ? `${parts[0]}` : `{ ${parts.join(', ')} }`
}

function chainLines({ name, hook, policy, rules }: Chain): string[] {
  return [`  chain ${name} {`, `    type ${hook}; policy ${policy};`, ...rules.map((line) => `    ${line}`), '  }']
}

export function commentOf(words: string): string {
  const plain = words
    .replace(/[^\x20-\x7e]/g, '?')
    .replaceAll('"', "'")
    .replaceAll('\\', '/')
  return plain.length <= COMMENT_BYTES ? plain : `${plain.slice(0, COMMENT_BYTES - 3)}...`
}
