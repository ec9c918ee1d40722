import { clip } from './problems-of-schema.ts'
import { portWords } from './resolve.ts'
import { OUTSIDE, type PlacedEnd } from './rule-ends.ts'
import type { RuleFile } from './schema.ts'
import type { Path } from './source.ts'
import type { Report } from './view.ts'

type Range = { readonly first: number; readonly last: number }

/** What the rules before have allowed. */
export type Earlier = {
  /** Port ranges by protocol, origin and target. */
  readonly pairs: Map<string, Range[]>
  /** What the outside address of the firewall already leads to. */
  readonly targets: {
    readonly protocol: string
    readonly range: Range
    readonly from: string
    readonly to: PlacedEnd
  }[]
}

/** With more pairs than this in one rule the question is not asked: a file of 1 MiB must not take minutes. */
const MAX_PAIRS = 4096
/** Nor with more targets than this; nobody has so many. */
const MAX_TARGETS = 2000

/** A rule that earlier ones cover, or whose port of the outside address leads elsewhere, matches nothing. */
export function checkEarlier(
  rule: RuleFile,
  from: readonly PlacedEnd[],
  to: readonly PlacedEnd[],
  at: Path,
  earlier: Earlier,
  report: Report,
): void {
  const pairs = from.length * to.length > MAX_PAIRS ? [] : from.flatMap((a) => to.map((b) => ({ a, b })))
  for (const [nth, allow] of rule.allow.entries()) {
    if (pairs.length === 0) return
    const range = allow.ports ?? { first: 0, last: 0 }
    const words = portWords(allow)
    if (pairs.every(({ a, b }) => covered(earlier, allow.protocol, a, b, range))) {
      const what = `a rule can never match: earlier ones already allow ${words} from ${list(rule.from)} to ${list(rule.to)}`
      report('error', [...at, 'allow', nth], what, 'remove it')
    } else {
      const other = leadsElsewhere(earlier, allow.protocol, range, from, to)
      if (other !== undefined) {
        const what = `a rule can never match from outside: ${words} already leads to "${clip(other)}"`
        report(
          'error',
          [...at, 'allow', nth],
          what,
          'the firewall has one outside address: choose another port for one of them',
        )
      }
    }
    for (const { a, b } of pairs) {
      const key = pairKey(allow.protocol, nameOf(a), nameOf(b))
      const ranges = earlier.pairs.get(key) ?? []
      earlier.pairs.set(key, ranges)
      ranges.push(range)
      if (a.sides.includes(OUTSIDE) && b.single && allow.protocol !== 'icmp' && earlier.targets.length < MAX_TARGETS) {
        earlier.targets.push({ protocol: allow.protocol, range, from: nameOf(a), to: b })
      }
    }
  }
}

function covered(earlier: Earlier, protocol: string, from: PlacedEnd, to: PlacedEnd, range: Range): boolean {
  // To `anyone` opens nothing from outside, where only single targets can be reached.
  const targets = wider(to).filter(
    (name) => name !== 'anyone' || to.end.kind === 'anyone' || !from.sides.includes(OUTSIDE),
  )
  return wider(from).some((a) =>
    targets.some((b) =>
      earlier.pairs.get(pairKey(protocol, a, b))?.some(({ first, last }) => first <= range.first && range.last <= last),
    ),
  )
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
  const segment = placed.end.kind === 'prefix' ? [] : placed.sides.map((side) => `segment ${side}`)
  return [nameOf(placed), ...(placed.end.kind === 'anyone' ? [] : segment), 'anyone']
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
