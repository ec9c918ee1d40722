import { networksAround } from '../lib/networks.ts'
import type { Traffic } from './forms.ts'
import { type Carried, trafficWords } from './groups.ts'
import { clip } from './problems-of-schema.ts'
import { OUTSIDE, type PlacedEnd } from './rule-ends.ts'
import type { RuleFile } from './schema.ts'
import type { Rule } from './stack.ts'
import type { Report } from './view.ts'

type Range = { readonly first: number; readonly last: number }
type Decided = { readonly range: Range; readonly verdict: Rule['verdict']; readonly door: number | undefined }

/** What the rules before have decided. */
export type Earlier = {
  /** By protocol, origin and target. */
  readonly pairs: Map<string, Decided[]>
  /** What the outside address of the firewall already leads to. */
  readonly targets: {
    readonly protocol: string
    readonly range: Range
    readonly from: string
    readonly to: PlacedEnd
  }[]
}

/** A rule that is right in itself. */
export type Judged = {
  readonly rule: RuleFile
  readonly verdict: Rule['verdict']
  readonly carried: readonly Carried[]
  readonly from: readonly PlacedEnd[]
  readonly to: readonly PlacedEnd[]
}

/** With more pairs than this in one rule the question is not asked: a file of 1 MiB must not take minutes. */
const MAX_PAIRS = 4096
/** Nor with more targets than this; nobody has so many. */
const MAX_TARGETS = 2000

/** A rule that earlier ones cover, or whose port of the outside address leads elsewhere, matches nothing. */
export function checkEarlier(judged: Judged, earlier: Earlier, report: Report): void {
  const { rule, verdict, carried, from, to } = judged
  const pairs = from.length * to.length > MAX_PAIRS ? [] : from.flatMap((a) => to.map((b) => ({ a, b })))
  if (pairs.length === 0) return
  for (const { traffic, at } of carried) {
    const words = trafficWords(traffic)
    const parts = partsOf(traffic)
    const verdicts = parts.flatMap(({ protocol, range }) =>
      pairs.map(({ a, b }) => decidedBefore(earlier, protocol, a, b, range, judged)),
    )
    if (verdicts.every((each) => each !== undefined)) {
      const said = new Set(verdicts.map((each) => (each === 'allow' ? 'allow' : 'deny')))
      const what = `a rule can never match: earlier ones already ${[...said].join(' or ')} ${words} from ${list(rule.from)} to ${list(rule.to)}`
      const hint = said.has(verdict) ? 'remove it' : 'put it before them: the first rule that matches decides'
      report('error', at, what, hint)
    } else {
      const door = rule.at === undefined ? parts : parts.map((part) => ({ ...part, range: only(rule.at ?? 0) }))
      const other =
        verdict === 'allow'
          ? door.map(({ protocol, range }) => leadsElsewhere(earlier, protocol, range, from, to)).find(Boolean)
          : undefined
      if (other !== undefined) {
        const outside = rule.at === undefined ? words : `port ${rule.at}`
        const what = `a rule can never match from outside: ${outside} already leads to "${clip(other)}"`
        report(
          'error',
          at,
          what,
          'the firewall has one outside address: choose another port for one of them, such as at: 8443',
        )
      }
    }
    for (const { protocol, range } of parts) {
      for (const { a, b } of pairs) {
        const key = pairKey(protocol, nameOf(a), nameOf(b))
        const decided = earlier.pairs.get(key) ?? []
        earlier.pairs.set(key, decided)
        decided.push({ range, verdict, door: rule.at })
        if (verdict === 'deny' || !a.sides.includes(OUTSIDE) || !b.single || protocol === 'icmp') continue
        if (earlier.targets.length < MAX_TARGETS)
          earlier.targets.push({
            protocol,
            range: rule.at === undefined ? range : only(rule.at),
            from: nameOf(a),
            to: b,
          })
      }
    }
  }
}

function partsOf({ protocol, ports, icmp }: Traffic): readonly { readonly protocol: string; readonly range: Range }[] {
  const all = { first: 0, last: 65535 }
  if (protocol === 'any') return ['tcp', 'udp', 'icmp'].map((each) => ({ protocol: each, range: all }))
  if (protocol !== 'icmp') return [{ protocol, range: ports ?? all }]
  return [{ protocol, range: icmp === undefined ? all : only(ICMP_NUMBERS[icmp]) }]
}

/** RFC 792. */
const ICMP_NUMBERS = { 'echo-request': 8, 'timestamp-request': 13 }

function only(value: number): Range {
  return { first: value, last: value }
}

function decidedBefore(
  earlier: Earlier,
  protocol: string,
  from: PlacedEnd,
  to: PlacedEnd,
  range: Range,
  { rule, verdict }: Judged,
): Rule['verdict'] | undefined {
  const outside = from.sides.includes(OUTSIDE)
  const holds = (decided: Decided, target: string): boolean => {
    if (decided.range.first > range.first || range.last > decided.range.last) return false
    if (decided.verdict === 'deny' || !outside) return true
    // Allowed to `anyone` opens nothing from outside, where only single targets can be reached; nor does another port there.
    const opened = target !== 'anyone' || to.end.kind === 'anyone'
    return opened && (verdict === 'deny' || decided.door === rule.at)
  }
  for (const a of wider(from)) {
    for (const b of wider(to)) {
      const found = earlier.pairs.get(pairKey(protocol, a, b))?.find((decided) => holds(decided, b))
      if (found !== undefined) return found.verdict
    }
  }
  return undefined
}

/** Another target at the same port of the outside address, for the same clients. */
function leadsElsewhere(
  earlier: Earlier,
  protocol: string,
  range: Range,
  from: readonly PlacedEnd[],
  to: readonly PlacedEnd[],
): string | undefined {
  const origins = new Set(from.filter(({ sides }) => sides.includes(OUTSIDE)).map(nameOf))
  const targets = to.filter(({ single }) => single).map(nameOf)
  if (origins.size === 0 || targets.length === 0) return undefined
  return earlier.targets.find(
    (known) =>
      known.protocol === protocol &&
      known.range.first <= range.last &&
      range.first <= known.range.last &&
      (origins.has(known.from) || known.from === 'anyone') &&
      targets.some((target) => target !== nameOf(known.to)),
  )?.to.word
}

/** The end itself and what contains it. */
function wider(placed: PlacedEnd): readonly string[] {
  const { end, sides } = placed
  if (end.kind === 'anyone') return ['anyone']
  const around =
    end.kind === 'prefix'
      ? networksAround(end.prefix).map((prefix) => `prefix ${prefix}`)
      : sides.map((side) => `segment ${side}`)
  return [nameOf(placed), ...around, 'anyone']
}

function nameOf({ end }: PlacedEnd): string {
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

function pairKey(protocol: string, from: string, to: string): string {
  return `${protocol} from ${from} to ${to}`
}

function list(words: readonly string[]): string {
  return words.length <= 4
    ? words.map(clip).join(', ')
    : `${words.slice(0, 3).map(clip).join(', ')} and ${words.length - 3} more`
}
