import type { Carried } from './groups.ts'
import { clip } from './problems-of-schema.ts'
import { OUTSIDE, type PlacedEnd } from './rule-ends.ts'
import type { Path } from './source.ts'
import { PROXIED_PORTS, type Rule } from './stack.ts'
import type { Report } from './view.ts'

/**
 * A packet has one family from end to end, and IPv6 crosses the outside leg of a firewall only as TCP, from clients to
 * its proxy (docs/decisions/013): a rule that could match nothing else is a slip.
 */
export function checkFamilies(
  verdict: Rule['verdict'],
  carried: readonly Carried[],
  from: readonly PlacedEnd[],
  to: readonly PlacedEnd[],
  at: Path,
  report: Report,
): boolean {
  let good = true
  const told = new Set<string>()
  const dead = (spot: Path, what: string, hint: string) => {
    // A group is one word and several ends.
    if (told.has(`${spot}`)) return
    told.add(`${spot}`)
    report('error', spot, `a rule can never match: ${what}`, hint)
    good = false
  }
  const alone = (ends: readonly PlacedEnd[], others: readonly PlacedEnd[], role: 'from' | 'to') => {
    for (const end of ends) {
      const { index } = end
      if (others.some((other) => meets(end, other))) continue
      const family = end.families.v4 ? 'IPv4' : 'IPv6'
      const what = `"${clip(end.word)}" is ${family}, and ${others.map(({ word }) => `"${clip(word)}"`).join(', ')} is not`
      dead(
        [...at, role, index],
        what,
        'a packet has one family: give the segment a prefix of it, or name another prefix',
      )
    }
  }
  alone(from, to, 'from')
  if (good) alone(to, from, 'to')
  if (!good) return false
  for (const end of to) {
    if (!isOutside6(end)) continue
    const what = `IPv6 does not leave the stack, and "${clip(end.word)}" is outside`
    dead(
      [...at, 'to', end.index],
      what,
      'a firewall translates no IPv6: name an IPv4 prefix, or make it a central service',
    )
  }
  if (verdict === 'deny') return good
  checkWidth(carried, from, to, report)
  if (carried.some(({ traffic: { protocol } }) => protocol === 'tcp' || protocol === 'any')) return good
  if (to.some(({ routed }) => routed)) return good
  for (const end of from) {
    if (!isOutside6(end)) continue
    const what = `IPv6 from outside comes in by TCP alone, and "${clip(end.word)}" is there`
    dead(
      [...at, 'from', end.index],
      what,
      'the proxy of the firewall carries TCP: allow tcp/PORT, or name an IPv4 prefix',
    )
  }
  return good
}

/** A machine at many ports: over IPv4 they are translated, over IPv6 each would be a socket of the proxy. */
function checkWidth(carried: readonly Carried[], from: readonly PlacedEnd[], to: readonly PlacedEnd[], report: Report) {
  const inward = from.some(({ sides, families }) => families.v6 && sides.includes(OUTSIDE))
  const target = to.find(({ end, single, families }) => single && families.v6 && end.kind === 'machine')
  if (!inward || target === undefined) return
  for (const { traffic, at } of carried) {
    const { protocol, ports } = traffic
    if (protocol !== 'tcp' && protocol !== 'any') continue
    if (ports !== undefined && ports.last - ports.first < PROXIED_PORTS) continue
    const what = `over IPv6 nobody outside reaches "${clip(target.word)}" by this: the proxy opens ${PROXIED_PORTS} ports of a rule at most`
    report('warning', at, what, 'name the ports that it listens on')
  }
}

function meets(a: PlacedEnd, b: PlacedEnd): boolean {
  return (a.families.v4 && b.families.v4) || (a.families.v6 && b.families.v6)
}

function isOutside6({ families, sides }: PlacedEnd): boolean {
  return !families.v4 && sides.every((side) => side === OUTSIDE)
}
