import { formatPrefix, parseAddress, parsePrefix, prefixesOf } from '../lib/ip.ts'
import { formatPrefix6, looksLike6, parsePrefix6 } from '../lib/ip6.ts'
import { type Traffic, traffic } from './forms.ts'
import type { RuleFile, StackFile } from './schema.ts'
import type { Path } from './source.ts'
import type { View } from './view.ts'

/** Prefixes or ports under one name. A member that is neither, or of the other kind, is a problem of `check-groups.ts`. */
export type Group =
  | { readonly of: 'prefixes'; readonly prefixes: readonly string[] }
  | { readonly of: 'ports'; readonly traffic: readonly Traffic[] }

/** A group is of the kind of its first member. */
export function groupsOf(groups: StackFile['groups']): ReadonlyMap<string, Group> {
  return new Map(
    Object.entries(groups).map(([name, members]): [string, Group] => {
      const found = members.map(memberOf)
      return found[0]?.is === 'traffic'
        ? [name, { of: 'ports', traffic: found.flatMap((each) => (each.is === 'traffic' ? [each.traffic] : [])) }]
        : [name, { of: 'prefixes', prefixes: found.flatMap((each) => (each.is === 'prefix' ? each.prefixes : [])) }]
    }),
  )
}

export type Member =
  /** Of a range of addresses: the fewest that are it. */
  | { readonly is: 'prefix'; readonly prefixes: readonly string[] }
  | { readonly is: 'traffic'; readonly traffic: Traffic }
  | { readonly is: 'neither'; readonly why: string | undefined }

export function memberOf(text: string): Member {
  const range = /^(\d[\d.]*\.\d+)-(\d[\d.]*\.\d+)$/.exec(text)
  if (range !== null) return rangeOf(range[1] ?? '', range[2] ?? '')
  const whole = prefixText(text)
  if (whole !== undefined) {
    const parsed = looksLike6(whole) ? parsePrefix6(whole) : parsePrefix(whole)
    return parsed.ok ? { is: 'prefix', prefixes: [whole] } : { is: 'neither', why: parsed.why }
  }
  const parsed = traffic.pattern.test(text) ? traffic.parse(text) : undefined
  return parsed === undefined || 'group' in parsed || parsed.protocol === 'any'
    ? { is: 'neither', why: undefined }
    : { is: 'traffic', traffic: parsed }
}

function rangeOf(from: string, to: string): Member {
  const [first, last] = [parseAddress(from), parseAddress(to)]
  if (!first.ok) return { is: 'neither', why: first.why }
  if (!last.ok) return { is: 'neither', why: last.why }
  if (first.value > last.value) return { is: 'neither', why: `${from} comes after ${to}` }
  return { is: 'prefix', prefixes: prefixesOf(first.value, last.value).map(formatPrefix) }
}

/** Text that is meant as a prefix; an address is one of itself. */
export function prefixText(word: string): string | undefined {
  if (/^[\d.]+\/\d+$/.test(word)) return word
  if (looksLike6(word)) return normal6(word.includes('/') ? word : `${word}/128`)
  return /^\d+(\.\d+){3}$/.test(word) ? `${word}/32` : undefined
}

/** IPv6 has many ways to write the same prefix: there is one from here on. What is no prefix is left as it is. */
export function normal6(text: string): string {
  const parsed = parsePrefix6(text)
  return parsed.ok ? formatPrefix6(parsed.value) : text
}

/** One kind of traffic of a rule, and where it was written. */
export type Carried = { readonly traffic: Traffic; readonly at: Path }

/** What a rule is about, groups opened; undefined where a group is not known or not of ports. */
export function carriedBy(view: View, rule: RuleFile, at: Path): readonly (Carried | undefined)[] {
  const key = rule.allow === undefined ? 'deny' : 'allow'
  return (rule.allow ?? rule.deny ?? []).flatMap((written, index): readonly (Carried | undefined)[] => {
    const here = [...at, key, index]
    if (!('group' in written)) return [{ traffic: written, at: here }]
    const group = view.groups.get(written.group)
    if (group?.of !== 'ports') return [undefined]
    return group.traffic.map((each) => ({ traffic: each, at: here }))
  })
}

export function trafficWords({ protocol, ports, icmp }: Omit<Traffic, 'protocol'> & { protocol: string }): string {
  if (ports !== undefined) return `${protocol}/${ports.first}${ports.last === ports.first ? '' : `-${ports.last}`}`
  return icmp === undefined || icmp === 'echo-request' ? protocol : `${protocol}/${icmp}`
}
