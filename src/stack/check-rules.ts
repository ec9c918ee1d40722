import { checkEarlier, type Earlier } from './check-earlier.ts'
import { clip } from './problems-of-schema.ts'
import { portWords } from './resolve.ts'
import { endsOf, OUTSIDE, type PlacedEnd } from './rule-ends.ts'
import type { RuleFile } from './schema.ts'
import type { Path } from './source.ts'
import type { Report, View } from './view.ts'

/** Services of load balancers that some rule lets reach; `outside`: by someone outside of the stack. */
export type Open = { readonly any: ReadonlySet<string>; readonly outside: ReadonlySet<string> }

/** Every rule can match something that no earlier rule has matched: what is written is what happens. */
export function checkRules(view: View, report: Report): Open {
  const open = { any: new Set<string>(), outside: new Set<string>() }
  for (const [name, { firewall }] of Object.entries(view.file.appliances)) {
    if (firewall === undefined) continue
    const earlier: Earlier = { pairs: new Map(), targets: [] }
    for (const [index, rule] of firewall.rules.entries()) {
      const at = ['appliances', name, 'firewall', 'rules', index]
      const from = endsOf(view, name, firewall.inside, rule.from, [...at, 'from'], 'from', report)
      const to = endsOf(view, name, firewall.inside, rule.to, [...at, 'to'], 'to', report)
      // A rule that is wrong in itself still shows whom its writer wants to let in: that is one problem, not two.
      const outside = from === undefined || to === undefined || from.some(({ sides }) => sides.includes(OUTSIDE))
      for (const service of rule.to.filter((word) => view.balanced.has(word))) {
        open.any.add(service)
        if (outside) open.outside.add(service)
      }
      if (from === undefined || to === undefined) continue
      if (!checkSides(from, to, at, report) || !checkPorts(view, rule, to, at, report)) continue
      checkEarlier(rule, from, to, at, earlier, report)
    }
  }
  return open
}

/**
 * A firewall sees only what goes from one of its sides to another, and from outside it has one address: so from there
 * only a service or a single machine can be reached.
 */
function checkSides(from: readonly PlacedEnd[], to: readonly PlacedEnd[], at: Path, report: Report): boolean {
  const origins = new Set(from.flatMap(({ sides }) => sides))
  const targets = new Set(to.filter(({ single }) => single).flatMap(({ sides }) => sides))
  const plain = new Set(to.flatMap(({ sides }) => sides))
  let good = true
  const dead = (spot: Path, what: string, hint: string) => {
    report('error', spot, `a rule can never match: ${what}`, hint)
    good = false
  }
  for (const [index, end] of to.entries()) {
    const { sides, single } = end
    const place = [...at, 'to', index]
    if (reaches(origins, sides, single)) {
      if (!origins.has(OUTSIDE) || single || !sides.every((side) => side !== OUTSIDE)) continue
      const what = `from outside "${clip(end.word)}" has no single address, so this rule lets nobody in from there`
      report(
        'warning',
        place,
        what,
        'name a service of a load balancer, or a single machine; or the segments it is from',
      )
    } else if ([...origins].every((side) => sides.length === 1 && side === sides[0])) {
      if (sides[0] === OUTSIDE) dead(place, 'both ends are outside of the stack', 'name something inside of it')
      else
        dead(
          place,
          `both ends are in segment "${clip(sides[0] ?? '')}"`,
          'within a segment machines talk freely, no firewall is between them',
        )
    } else {
      dead(
        place,
        `from outside "${clip(end.word)}" has no single address`,
        'clients reach a service of a load balancer, or a single machine, at the outside address of the firewall',
      )
    }
  }
  if (!good) return false
  for (const [index, { sides, word }] of from.entries()) {
    if (sides.some((side) => differs(side === OUTSIDE ? targets : plain, side))) continue
    dead(
      [...at, 'from', index],
      `nothing of what "${clip(word)}" may reach is on another side of the firewall`,
      'within a segment machines talk freely; remove it',
    )
  }
  return good
}

function reaches(origins: ReadonlySet<string>, targets: readonly string[], single: boolean): boolean {
  return targets.some((target) => [...origins].some((origin) => origin !== target && (origin !== OUTSIDE || single)))
}

function differs(sides: ReadonlySet<string>, side: string): boolean {
  return sides.size > (sides.has(side) ? 1 : 0)
}

/** A service is reached at the port it listens on. */
function checkPorts(view: View, rule: RuleFile, to: readonly PlacedEnd[], at: Path, report: Report): boolean {
  let good = true
  for (const { end } of to) {
    const listen = end.kind === 'balanced' ? view.balanced.get(end.service)?.service.listen : undefined
    if (end.kind !== 'balanced' || listen === undefined) continue
    for (const [nth, { protocol, ports }] of rule.allow.entries()) {
      if (protocol === 'icmp') continue
      if (protocol === 'tcp' && ports !== undefined && ports.first <= listen.port && listen.port <= ports.last) continue
      // In a list each service may mean another of the ports.
      if (rule.allow.length > 1 && to.length > 1) continue
      const what = `a rule can never match: ${portWords({ protocol, ports })} is allowed, but "${clip(end.service)}" listens on tcp/${listen.port}`
      report('error', [...at, 'allow', nth], what, `did you mean tcp/${listen.port}?`)
      good = false
    }
  }
  return good
}
