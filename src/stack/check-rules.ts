import { checkEarlier, type Earlier } from './check-earlier.ts'
import { checkFamilies } from './check-families.ts'
import { checkRawRules } from './check-raw.ts'
import { unknownHint } from './check-references.ts'
import type { Traffic } from './forms.ts'
import { type Carried, carriedBy, trafficWords } from './groups.ts'
import { clip } from './problems-of-schema.ts'
import { endsOf, OUTSIDE, type PlacedEnd } from './rule-ends.ts'
import type { RuleFile } from './schema.ts'
import type { Path } from './source.ts'
import type { Rule } from './stack.ts'
import type { Report, View } from './view.ts'

/** Services of load balancers that some rule lets reach; `outside`: by someone outside of the stack. */
export type Open = { readonly any: ReadonlySet<string>; readonly outside: ReadonlySet<string> }

/** Every rule can match something that no earlier rule has matched: what is written is what happens. */
export function checkRules(view: View, report: Report): Open {
  const open = { any: new Set<string>(), outside: new Set<string>() }
  for (const [name, { firewall }] of Object.entries(view.file.appliances)) {
    if (firewall === undefined) continue
    checkRawRules(firewall, ['appliances', name, 'firewall', 'raw'], report)
    const earlier: Earlier = { pairs: new Map(), targets: [] }
    for (const [index, rule] of firewall.rules.entries()) {
      const at = ['appliances', name, 'firewall', 'rules', index]
      const from = endsOf(view, name, firewall.inside, rule.from, [...at, 'from'], 'from', report)
      const to = endsOf(view, name, firewall.inside, rule.to, [...at, 'to'], 'to', report)
      const verdict = verdictOf(rule, at, report)
      const carried = trafficOf(view, rule, at, report)
      // A rule that is wrong in itself still shows whom its writer wants to let in: that is one problem, not two.
      const outside = from === undefined || to === undefined || from.some(({ sides }) => sides.includes(OUTSIDE))
      for (const service of verdict === 'deny' ? [] : rule.to.filter((word) => view.balanced.has(word))) {
        open.any.add(service)
        if (outside) open.outside.add(service)
      }
      if (from === undefined || to === undefined || carried === undefined || verdict === undefined) continue
      if (!checkSides(from, verdict === 'deny' ? to.map((end) => ({ ...end, single: true })) : to, at, report)) continue
      if (!checkPorts(view, carried, to, verdict, report) || !checkDoor(rule, carried, from, at, report)) continue
      if (!checkFamilies(verdict, carried, from, to, at, report)) continue
      checkEarlier({ rule, verdict, carried, from, to }, earlier, report)
    }
  }
  return open
}

function verdictOf(rule: RuleFile, at: Path, report: Report): Rule['verdict'] | undefined {
  if ((rule.allow === undefined) !== (rule.deny === undefined)) return rule.allow === undefined ? 'deny' : 'allow'
  const what = rule.allow === undefined ? 'a rule without "allow" or "deny"' : 'a rule with "allow" and "deny"'
  report('error', at, what, 'such as { allow: tcp/443, from: anyone, to: public }; write a rule for each of them')
  return undefined
}

/** What the rule is about; undefined where a group is a problem. */
function trafficOf(view: View, rule: RuleFile, at: Path, report: Report): readonly Carried[] | undefined {
  const key = rule.allow === undefined ? 'deny' : 'allow'
  let good = true
  for (const [index, written] of (rule.allow ?? rule.deny ?? []).entries()) {
    if (!('group' in written) || view.groups.get(written.group)?.of === 'ports') continue
    good = false
    const { declared, any } = view.names.group
    if (any || (declared.has(written.group) && !view.groups.has(written.group))) continue
    const here = [...at, key, index]
    if (declared.has(written.group))
      report('error', here, `"${clip(written.group)}" is a group of prefixes`, 'here is the place of a group of ports')
    else
      report(
        'error',
        here,
        `unknown group of ports "${clip(written.group)}"`,
        declared.size > 0 ? unknownHint(view, ['group'], written.group) : 'write tcp/PORT, or declare it in `groups`',
      )
  }
  return good ? carriedBy(view, rule, at).filter((each) => each !== undefined) : undefined
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
  const told = new Set<string>()
  const dead = (spot: Path, what: string, hint: string) => {
    if (told.has(`${spot}`)) return
    told.add(`${spot}`)
    report('error', spot, `a rule can never match: ${what}`, hint)
    good = false
  }
  for (const end of to) {
    const { sides, single, index } = end
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
  for (const { sides, word, index } of from) {
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

/** A service is reached at the port it listens on. Of a group of ports one is enough. */
function checkPorts(
  view: View,
  carried: readonly Carried[],
  to: readonly PlacedEnd[],
  verdict: Rule['verdict'],
  report: Report,
): boolean {
  let good = true
  const places = new Map(carried.map(({ at }) => [JSON.stringify(at), at]))
  for (const { end } of to) {
    const listen = end.kind === 'balanced' ? view.balanced.get(end.service)?.service.listen : undefined
    if (end.kind !== 'balanced' || listen === undefined) continue
    for (const [key, at] of places) {
      const meant = carried.filter((each) => JSON.stringify(each.at) === key).map(({ traffic }) => traffic)
      if (meant.some((each) => opens(each, listen.port))) continue
      // In a list each service may mean another of the ports.
      if (places.size > 1 && to.length > 1) continue
      const words = meant.map(trafficWords).join(', ')
      const what = `a rule can never match: ${words} is ${verdict === 'allow' ? 'allowed' : 'denied'}, but "${clip(end.service)}" listens on tcp/${listen.port}`
      report('error', at, what, `did you mean tcp/${listen.port}?`)
      good = false
    }
  }
  return good
}

function opens({ protocol, ports }: Traffic, port: number): boolean {
  if (protocol === 'icmp' || protocol === 'any') return true
  return protocol === 'tcp' && ports !== undefined && ports.first <= port && port <= ports.last
}

/** `at` is one port of the outside address, for one port inside. */
function checkDoor(
  rule: RuleFile,
  carried: readonly Carried[],
  from: readonly PlacedEnd[],
  at: Path,
  report: Report,
): boolean {
  if (rule.limit !== undefined && rule.allow === undefined) {
    report(
      'error',
      [...at, 'limit'],
      'a limit goes with what is allowed',
      'what is denied is dropped anyway: remove it',
    )
    return false
  }
  if (rule.at === undefined) return true
  const [only, more] = carried.map(({ traffic }) => traffic)
  const one = more === undefined && only?.ports !== undefined && only.ports.first === only.ports.last
  if (rule.allow === undefined || !one) {
    const hint = 'such as { allow: tcp/22, at: 2222, from: anyone, to: bastion }'
    report('error', [...at, 'at'], '`at` goes with one port that is allowed', hint)
    return false
  }
  if (from.some(({ sides }) => sides.includes(OUTSIDE))) return true
  const what = `\`at\` is a port of the outside address, but "${clip(rule.from.join(', '))}" is inside`
  report('error', [...at, 'at'], what, 'remove it: from inside the port is the one of the target')
  return false
}
