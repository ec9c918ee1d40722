import { unknownHint } from './check-references.ts'
import { contains, formatPrefix, hostBitsSet, overlaps, parsePrefix } from './ipv4.ts'
import { clip } from './problems-of-schema.ts'
import { endOf, portWords } from './resolve.ts'
import type { RuleFile } from './schema.ts'
import type { Path } from './source.ts'
import type { End } from './stack.ts'
import { own, type Report, type View } from './view.ts'

/** Services of load balancers that some rule lets reach; `outside`: by someone outside of the stack. */
export type Open = { readonly any: ReadonlySet<string>; readonly outside: ReadonlySet<string> }

/** Side of a firewall that an end is at: the name of a segment, or the world outside. */
type Side = { readonly end: End; readonly side: string }
const OUTSIDE = ' outside'

/** Every rule can match something that no earlier rule has matched: what is written is what happens. */
export function checkRules(view: View, report: Report): Open {
  const open = { any: new Set<string>(), outside: new Set<string>() }
  for (const [name, { firewall }] of Object.entries(view.file.appliances)) {
    if (firewall === undefined) continue
    const inside = new Set(firewall.inside)
    // A leg whose segment is misspelt may be meant for any of them.
    const unsure = firewall.inside.some((segment) => !view.names.segment.declared.has(segment))
    const before: Before = { pairs: new Map(), targets: [] }
    for (const [index, rule] of firewall.rules.entries()) {
      const at = ['appliances', name, 'firewall', 'rules', index]
      const from = sides(view, name, unsure ? undefined : inside, rule.from, [...at, 'from'], 'from', report)
      const to = sides(view, name, unsure ? undefined : inside, rule.to, [...at, 'to'], 'to', report)
      // A rule that is wrong in itself still shows whom its writer wants to let in: that is one problem, not two.
      const meant = rule.to.filter((word) => view.balanced.has(word))
      const outside = from === undefined || to === undefined || from.some(({ side }) => side === OUTSIDE)
      for (const service of meant) {
        open.any.add(service)
        if (outside) open.outside.add(service)
      }
      if (from === undefined || to === undefined) continue
      if (!checkPairs(from, to, at, report) || !checkTargets(view, rule, from, to, at, report)) continue
      checkEarlier(rule, from, to, at, before, report)
    }
  }
  return open
}

/** The ends with their sides; undefined where one of them can not be judged or is a problem. */
function sides(
  view: View,
  firewall: string,
  inside: ReadonlySet<string> | undefined,
  words: readonly string[],
  at: Path,
  role: 'from' | 'to',
  report: Report,
): readonly Side[] | undefined {
  const found: Side[] = []
  const seen = new Set<string>()
  for (const [index, word] of words.entries()) {
    const spot = [...at, index]
    const problem = (what: string, hint: string | undefined) => report('error', spot, what, hint)
    if (seen.has(word)) problem(`"${clip(word)}" is named twice`, 'remove one of them')
    seen.add(word)
    const end = endOf(view, word)
    if (end === undefined) {
      const { segment, machine, balanced } = view.names
      if (segment.any || machine.any || balanced.any) continue
      if (view.names.central.declared.has(word)) {
        problem(`"${clip(word)}" is a central service: no firewall leads to it`, 'add it to `reaches` of a NAT box')
      } else
        problem(
          `unknown machine, service or segment "${clip(word)}"`,
          unknownHint(view, role === 'to' ? 'balanced' : 'machine', word),
        )
      continue
    }
    if (end.kind === 'balanced' && role === 'from') {
      problem(
        `a rule can never match from service "${clip(word)}": services open no connections`,
        'name machines or a segment',
      )
      continue
    }
    const side = sideOf(view, end, problem)
    if (side === undefined) continue
    if (side !== OUTSIDE && inside !== undefined && !inside.has(side)) {
      const what = `a rule of ${clip(firewall)} can never match: "${clip(word)}" is in segment "${clip(side)}", where ${clip(firewall)} has no leg`
      problem(what, `it has legs in ${[...inside].slice(0, 8).map(clip).join(', ')}`)
      continue
    }
    found.push({ end, side })
  }
  return found.length === words.length ? found : undefined
}

function sideOf(view: View, end: End, problem: (what: string, hint: string | undefined) => void): string | undefined {
  switch (end.kind) {
    case 'anyone':
      return OUTSIDE
    case 'segment':
      return end.segment
    case 'machine':
      return own(view.file.machines, end.machine)?.segment
    case 'balanced':
      return view.balanced.get(end.service)?.service.listen.segment
    case 'prefix': {
      const prefix = parsePrefix(end.prefix)
      if (prefix === undefined) problem(`"${clip(end.prefix)}" is not an IPv4 prefix`, 'such as 203.0.113.0/24')
      else if (hostBitsSet(end.prefix, prefix))
        problem(`host bits are set in ${end.prefix}`, `did you mean ${formatPrefix(prefix)}?`)
      else {
        for (const [name, segment] of view.prefixes) {
          if (prefix.length === 0 || !overlaps(prefix, segment)) continue
          if (contains(segment, prefix)) return name
          problem(
            `prefix ${end.prefix} overlaps segment "${name}"`,
            'a rule leads from one side of the firewall to another: name the segment',
          )
          return undefined
        }
        return OUTSIDE
      }
      return undefined
    }
  }
}

/** A firewall sees only what goes from one of its sides to another. */
function checkPairs(from: readonly Side[], to: readonly Side[], at: Path, report: Report): boolean {
  const origins = new Set(from.map(({ side }) => side))
  const targets = new Set(to.map(({ side }) => side))
  let good = true
  const dead = (role: 'from' | 'to', index: number, side: string) => {
    const what =
      side === OUTSIDE
        ? 'a rule can never match: both ends are outside of the stack'
        : `a rule can never match: both ends are in segment "${clip(side)}"`
    const hint =
      side === OUTSIDE
        ? 'name something inside of it'
        : 'within a segment machines talk freely, no firewall is between them'
    report('error', [...at, role, index], what, hint)
    good = false
  }
  for (const [index, { side }] of to.entries()) if (origins.size === 1 && origins.has(side)) dead('to', index, side)
  if (!good) return false
  for (const [index, { side }] of from.entries()) if (targets.size === 1 && targets.has(side)) dead('from', index, side)
  return good
}

/** A service is reached at the port it listens on; from outside only what has one address can be reached at all. */
function checkTargets(
  view: View,
  rule: RuleFile,
  from: readonly Side[],
  to: readonly Side[],
  at: Path,
  report: Report,
): boolean {
  const outside = from.some(({ side }) => side === OUTSIDE)
  let good = true
  const problem = (spot: Path, what: string, hint: string) => {
    report('error', spot, what, hint)
    good = false
  }
  for (const [index, { end, side }] of to.entries()) {
    if (end.kind === 'balanced') {
      const listen = view.balanced.get(end.service)?.service.listen
      if (listen === undefined) continue
      for (const [nth, { protocol, ports }] of rule.allow.entries()) {
        if (
          protocol === 'icmp' ||
          (protocol === 'tcp' && ports !== undefined && ports.first <= listen.port && listen.port <= ports.last)
        )
          continue
        const what = `a rule can never match: ${portWords({ protocol, ports })} is allowed, but "${clip(end.service)}" listens on tcp/${listen.port}`
        problem([...at, 'allow', nth], what, `did you mean tcp/${listen.port}?`)
      }
    } else if (outside && side !== OUTSIDE) {
      const machine = end.kind === 'machine' ? own(view.file.machines, end.machine) : undefined
      if (machine !== undefined && (machine.count ?? 1) === 1) continue
      const what = `a rule can never match: from outside "${clip(rule.to[index] ?? '')}" has no single address`
      problem(
        [...at, 'to', index],
        what,
        'clients reach a service of a load balancer, or a single machine, at the outside address of the firewall',
      )
    }
  }
  return good
}

type Range = { readonly first: number; readonly last: number }
type Before = {
  /** Allowed port ranges by protocol, origin and target. */
  readonly pairs: Map<string, Range[]>
  /** What the outside address already leads to. */
  readonly targets: { protocol: string; range: Range; to: string; from: string }[]
}

/** With more pairs than this in one rule the question is not asked: a file of 1 MiB must not take minutes. */
const MAX_PAIRS = 4096

function checkEarlier(
  rule: RuleFile,
  from: readonly Side[],
  to: readonly Side[],
  at: Path,
  before: Before,
  report: Report,
): void {
  for (const [nth, allow] of rule.allow.entries()) {
    if (from.length * to.length > MAX_PAIRS) return
    const range = allow.ports ?? { first: 0, last: 0 }
    const spot = [...at, 'allow', nth]
    const pairs = from.flatMap((a) => to.map((b) => ({ a, b })))
    const covered = pairs.every(({ a, b }) =>
      wider(a).some((x) => wider(b).some((y) => allows(before, allow.protocol, x, y, range))),
    )
    const clash = covered ? undefined : clashing(before, allow.protocol, range, from, to)
    if (covered) {
      const what = `a rule can never match: an earlier one already allows ${portWords(allow)} from ${list(rule.from)} to ${list(rule.to)}`
      report('error', spot, what, 'remove it')
    } else if (clash !== undefined) {
      const what = `a rule can never match: from outside ${portWords(allow)} already leads to "${clip(clash)}"`
      report('error', spot, what, 'the firewall has one outside address: choose another port for one of them')
    }
    for (const { a, b } of pairs) {
      const key = `${allow.protocol} ${word(a)} ${word(b)}`
      before.pairs.set(key, [...(before.pairs.get(key) ?? []), range])
      if (a.side === OUTSIDE && b.side !== OUTSIDE && allow.protocol !== 'icmp') {
        before.targets.push({ protocol: allow.protocol, range, from: word(a), to: word(b) })
      }
    }
  }
}

function allows(before: Before, protocol: string, from: string, to: string, range: Range): boolean {
  const ranges = before.pairs.get(`${protocol} ${from} ${to}`)
  return ranges?.some(({ first, last }) => first <= range.first && range.last <= last) ?? false
}

/** Another target of the same port of the outside address, for the same clients. */
function clashing(
  before: Before,
  protocol: string,
  range: Range,
  from: readonly Side[],
  to: readonly Side[],
): string | undefined {
  const origins = new Set(from.filter(({ side }) => side === OUTSIDE).map(word))
  const targets = to.filter(({ side }) => side !== OUTSIDE).map(word)
  if (origins.size === 0 || targets.length === 0) return undefined
  const other = before.targets.find(
    (known) =>
      known.protocol === protocol &&
      known.range.first <= range.last &&
      range.first <= known.range.last &&
      (origins.has(known.from) || known.from === 'anyone') &&
      targets.some((target) => target !== known.to),
  )
  return other?.to.replace(/^\w+ /, '')
}

/** The end itself and what contains it. */
function wider(side: Side): readonly string[] {
  return [word(side), side.side === OUTSIDE ? 'anyone' : `segment ${side.side}`]
}

function word({ end }: Side): string {
  switch (end.kind) {
    case 'anyone':
      return 'anyone'
    case 'prefix':
      return `prefix ${end.prefix}`
    case 'segment':
      return `segment ${end.segment}`
    case 'machine':
      return `machine ${end.machine}`
    case 'balanced':
      return `balanced ${end.service}`
  }
}

function list(words: readonly string[]): string {
  return words.length <= 4
    ? words.map(clip).join(', ')
    : `${words.slice(0, 3).map(clip).join(', ')} and ${words.length - 3} more`
}
