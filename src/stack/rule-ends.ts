import { covers, overlaps, parsePrefix } from '../lib/ip.ts'
import { covers6, looksLike6, overlapOf6, parsePrefix6 } from '../lib/ip6.ts'
import { unknownHint } from './check-references.ts'
import { clip, clipTo } from './problems-of-schema.ts'
import { endOf } from './resolve.ts'
import type { Path } from './source.ts'
import type { End } from './stack.ts'
import { own, type Report, type View } from './view.ts'

/** An end of a rule, and the sides of the firewall it is at: names of segments, or the world outside. */
export type PlacedEnd = {
  readonly end: Single
  readonly word: string
  /** Of the word in its list: a group is one word and several ends. */
  readonly index: number
  readonly sides: readonly string[]
  /** It has one address, so that the outside address of the firewall can stand for it. */
  readonly single: boolean
  readonly families: Families
  /** Clients outside reach it over IPv6 by routing, at an address of the stack's own. */
  readonly routed: boolean
}

/** The families in which an end has addresses. */
export type Families = { readonly v4: boolean; readonly v6: boolean }

export type Single = Exclude<End, { kind: 'group' }>

/** No name of a segment. */
export const OUTSIDE = ' outside'

/** The ends with their sides; undefined where one of them is a problem, or can not be judged because of another one. */
export function endsOf(
  view: View,
  firewall: string,
  inside: readonly string[],
  words: readonly string[],
  at: Path,
  role: 'from' | 'to',
  report: Report,
): readonly PlacedEnd[] | undefined {
  // A leg whose segment is misspelt may be meant for any of them.
  const legs = inside.every((segment) => view.names.segment.declared.has(segment)) ? new Set(inside) : undefined
  const found: PlacedEnd[] = []
  let whole = true
  const seen = new Set<string>()
  for (const [index, word] of words.entries()) {
    const problem = (what: string, hint: string | undefined) => report('error', [...at, index], what, hint)
    if (seen.has(word)) problem(`"${clip(word)}" is named twice`, 'remove one of them')
    seen.add(word)
    const ends = membersOf(endOf(view, word))
    if (ends === undefined) {
      unknown(view, word, role, problem)
      whole = false
      continue
    }
    if (ends.some(({ kind }) => kind === 'balanced') && role === 'from') {
      problem(
        `a rule can never match from service "${clip(word)}": services open no connections`,
        'name machines or a segment',
      )
      whole = false
      continue
    }
    if (ends.length === 0) whole = false
    for (const end of ends) {
      const sides = sidesOf(view, end, inside, problem)
      const seenSides = legs === undefined ? undefined : sides?.filter((side) => side === OUTSIDE || legs.has(side))
      if (sides === undefined || seenSides === undefined) whole = false
      else if (seenSides.length > 0) {
        const families = familiesOf(view, end, seenSides)
        found.push({
          ...{ end, word, index, sides: seenSides, families },
          single: isSingle(view, end),
          routed: end.kind === 'balanced' && isRouted(view, end.service),
        })
      } else {
        const what = `a rule can never match: "${clip(word)}" is in segment "${clip(sides[0] ?? '')}", where ${clip(firewall)} has no leg`
        problem(what, `${clip(firewall)} has legs in ${inside.slice(0, 8).map(clip).join(', ')}`)
        whole = false
      }
    }
  }
  return whole ? found : undefined
}

/** The members of a group are judged one by one. */
function membersOf(end: End | undefined): readonly Single[] | undefined {
  if (end?.kind === 'group') return end.prefixes.map((prefix) => ({ kind: 'prefix', prefix }))
  return end && [end]
}

type Tell = (what: string, hint: string | undefined) => void

function unknown(view: View, word: string, role: 'from' | 'to', problem: Tell): void {
  const { segment, machine, balanced, central, group } = view.names
  if (segment.any || machine.any || balanced.any || group.any) return
  if (group.declared.has(word)) {
    if (view.groups.has(word))
      problem(`"${clip(word)}" is a group of ports`, 'here is the place of a group of prefixes')
  } else if (central.declared.has(word)) {
    problem(`"${clip(word)}" is a central service: no firewall leads to it`, 'add it to `reaches` of a NAT box')
  } else {
    const groups = group.declared.size > 0 ? (['group'] as const) : []
    const kinds = role === 'to' ? (['balanced', 'machine', 'segment'] as const) : (['machine', 'segment'] as const)
    const hint = unknownHint(view, [...kinds, ...groups], word)
    problem(`unknown ${role === 'to' ? 'machine, service or segment' : 'machine or segment'} "${clip(word)}"`, hint)
  }
}

/** `anyone` is any address on any side, as in compile/passages.ts. */
function sidesOf(view: View, end: Single, inside: readonly string[], problem: Tell): readonly string[] | undefined {
  switch (end.kind) {
    case 'anyone':
      return [OUTSIDE, ...inside]
    case 'segment':
      return [end.segment]
    case 'machine':
      return listOf(own(view.file.machines, end.machine)?.segment)
    case 'balanced':
      return listOf(view.balanced.get(end.service)?.service.listen.segment)
    case 'prefix': {
      if (looksLike6(end.prefix)) return sidesOf6(view, end.prefix, problem)
      const prefix = parsePrefix(end.prefix)
      if (!prefix.ok) {
        problem(clipTo(160, prefix.why), 'such as 203.0.113.0/24')
        return undefined
      }
      const within = [...view.prefixes].filter(([, segment]) => overlaps(segment, prefix.value))
      return within.some(([, segment]) => covers(segment, prefix.value))
        ? within.map(([name]) => name)
        : [OUTSIDE, ...within.map(([name]) => name)]
    }
  }
}

function sidesOf6(view: View, text: string, problem: Tell): readonly string[] | undefined {
  const prefix = parsePrefix6(text)
  if (!prefix.ok) {
    problem(clipTo(160, prefix.why), 'such as 2001:db8:1::/48')
    return undefined
  }
  const within = [...view.prefixes6].filter(([, segment]) => overlapOf6(segment, prefix.value) !== undefined)
  return within.some(([, segment]) => covers6(segment, prefix.value))
    ? within.map(([name]) => name)
    : [OUTSIDE, ...within.map(([name]) => name)]
}

function listOf(side: string | undefined): readonly string[] | undefined {
  return side === undefined ? undefined : [side]
}

/** `anyone` outside may have either; inside, what a segment has. */
function familiesOf(view: View, end: Single, sides: readonly string[]): Families {
  if (end.kind === 'prefix') return { v4: !looksLike6(end.prefix), v6: looksLike6(end.prefix) }
  return { v4: true, v6: sides.some((side) => side === OUTSIDE || view.prefixes6.has(side)) }
}

function isSingle(view: View, end: Single): boolean {
  if (end.kind === 'balanced') return true
  return end.kind === 'machine' && (own(view.file.machines, end.machine)?.count ?? 1) === 1
}

function isRouted({ file }: View, service: string): boolean {
  return Object.values(file.ingress).some(({ to, prefix = [] }) => to === service && prefix.some(looksLike6))
}
