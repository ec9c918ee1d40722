import { commonOf, isIn, isWithin } from '../lib/networks.ts'
import type { PortRange } from '../stack/stack.ts'
import type { Exception } from './compiled.ts'
import type { Passage, Side } from './passages.ts'

/**
 * What is denied of a passage by those of `closed`, which come before it: `all` of it, or the parts, each once. What `all`
 * passages allowed before them stays allowed.
 */
export function denials(
  all: readonly Passage[],
  closed: readonly Passage[],
  passage: Passage,
): 'all' | readonly Exception[] {
  const found = new Map<string, Exception>()
  for (const each of closed) {
    if (!meet(each, passage)) continue
    const traffic =
      portsWithin(each.ports, passage.ports) && (each.rule.icmp ?? passage.rule.icmp) === passage.rule.icmp
    const whole = traffic && within(each.from, passage.from) && within(each.to, passage.to)
    if (whole && !all.slice(0, all.indexOf(each)).some((before) => allows(before, passage))) return 'all'
    const exception = { from: each.from.names, to: each.to.names, ports: each.ports, why: each.words }
    found.set(JSON.stringify(exception), exception)
  }
  return [...found.values()]
}

const allows = (before: Passage, passage: Passage): boolean => before.rule.verdict === 'allow' && meet(before, passage)

/** Some packet is of both. */
function meet(a: Passage, b: Passage): boolean {
  if (a.protocol !== b.protocol || legOf(a.from) !== legOf(b.from) || legOf(a.to) !== legOf(b.to)) return false
  if (a.rule.icmp !== undefined && b.rule.icmp !== undefined && a.rule.icmp !== b.rule.icmp) return false
  if (a.ports !== undefined && b.ports !== undefined && (a.ports.last < b.ports.first || b.ports.last < a.ports.first))
    return false
  return sharing(a.from, b.from) && sharing(a.to, b.to)
}

function legOf({ at }: Side): string | undefined {
  return at.outside ? undefined : at.segment.name
}

function sharing({ match: a }: Side, { match: b }: Side): boolean {
  if (a.by === 'any' || b.by === 'any') return true
  if (a.by === 'addresses')
    return a.addresses.some((value) =>
      b.by === 'prefixes' ? b.prefixes.some((each) => isIn(value, each)) : b.addresses.includes(value),
    )
  return a.prefixes.some((each) =>
    b.by === 'prefixes'
      ? b.prefixes.some((other) => commonOf(each, other) !== undefined)
      : b.addresses.some((value) => isIn(value, each)),
  )
}

/** Everything of `inner` is in `outer`. A prefix is in no list of addresses: nobody lists all of them. */
function within({ match: outer }: Side, { match: inner }: Side): boolean {
  if (outer.by === 'any') return true
  if (inner.by === 'any') return false
  if (inner.by === 'addresses')
    return inner.addresses.every((value) =>
      outer.by === 'prefixes' ? outer.prefixes.some((each) => isIn(value, each)) : outer.addresses.includes(value),
    )
  return (
    outer.by === 'prefixes' && inner.prefixes.every((each) => outer.prefixes.some((other) => isWithin(each, other)))
  )
}

function portsWithin(outer: PortRange | undefined, inner: PortRange | undefined): boolean {
  if (outer === undefined) return true
  return inner !== undefined && outer.first <= inner.first && inner.last <= outer.last
}
