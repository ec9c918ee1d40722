import type { Answer } from '../api/client.ts'

export type Node = Answer<'picture'>['nodes'][number]

/** A box of the drawing: one thing, or all machines of a kind. */
export type Box = {
  readonly id: string
  readonly kind: Node['kind']
  readonly title: string
  readonly members: readonly Node[]
  readonly within: string | undefined
  readonly width: number
  readonly height: number
}

export type Line = {
  readonly id: string
  readonly from: string
  readonly to: string
  readonly kind: 'leg' | 'flow'
  readonly label: string
  readonly words: readonly string[]
}

export type Drawn = { readonly boxes: readonly Box[]; readonly lines: readonly Line[] }

const width = 170

/**
 * What is drawn of a picture: machines of a kind are one box with a line for each, in the box of their segment; what
 * is said of the same two boxes is one arrow.
 */
export function drawn(picture: Answer<'picture'>): Drawn {
  const segmentOf = new Map(
    picture.edges.filter((edge) => edge.kind === 'leg').map((edge) => [edge.from, edge.to] as const),
  )
  const boxOf = new Map<string, string>()
  const groups = new Map<string, Node[]>()
  for (const node of picture.nodes) {
    const id = node.kind === 'machine' ? `${node.group ?? node.name} ${segmentOf.get(node.id) ?? ''}` : node.id
    boxOf.set(node.id, id)
    groups.set(id, [...(groups.get(id) ?? []), node])
  }
  const boxes = [...groups].map(([id, members]): Box => {
    const first = members[0]!
    const machine = first.kind === 'machine'
    const title =
      machine && first.group !== undefined && members.length > 1 ? `${first.group} × ${members.length}` : first.name
    const lines = machine ? Math.min(members.length, most_members + 1) : first.addresses.length
    return {
      id,
      kind: first.kind,
      title,
      members,
      within: machine ? segmentOf.get(first.id) : undefined,
      width: first.kind === 'segment' ? width + 32 : width,
      height: 40 + 18 * (lines + (machine || first.name.length + first.kind.length < 20 ? 0 : 1)),
    }
  })
  return { boxes, lines: linesOf(picture, boxOf, boxes) }
}

/** More of a kind are counted, not listed. */
export const most_members = 6

function linesOf(
  picture: Answer<'picture'>,
  boxOf: ReadonlyMap<string, string>,
  boxes: readonly Box[],
): readonly Line[] {
  const inhabited = new Set(boxes.map((box) => box.within))
  const found = new Map<string, { from: string; to: string; kind: 'leg' | 'flow'; words: Set<string> }>()
  for (const edge of picture.edges) {
    let from = boxOf.get(edge.from)
    let to = boxOf.get(edge.to)
    if (from === undefined || to === undefined) continue
    // A machine stands in its segment; the line would say it twice.
    if (edge.kind === 'leg' && boxes.some((box) => box.id === from && box.within === to)) continue
    const kind = boxes.find((box) => box.id === from)?.kind
    // Drawn the way that traffic goes: through an empty segment to the balancer, from a segment to the NAT box.
    if (edge.kind === 'leg' && ((kind === 'load-balancer' && !inhabited.has(to)) || kind === 'nat'))
      [from, to] = [to, from]
    const key = `${edge.kind} ${from} ${to}`
    const line = found.get(key) ?? { from, to, kind: edge.kind, words: new Set<string>() }
    line.words.add(edge.words)
    found.set(key, line)
  }
  // Where something is let pass, the cable need not be drawn too.
  return [...found].flatMap(([id, line]) => {
    const target = boxes.find((box) => box.id === line.to)
    const flows = [...found.values()].some(
      (other) =>
        other.kind === 'flow' &&
        other.from === line.from &&
        (other.to === line.to || boxes.some((box) => box.id === other.to && box.within === target?.id)),
    )
    if (line.kind === 'leg' && flows) return []
    const words = [...line.words]
    return [{ id, from: line.from, to: line.to, kind: line.kind, words, label: labelOf(line.kind, words) }]
  })
}

function labelOf(kind: 'leg' | 'flow', words: readonly string[]): string {
  if (kind === 'leg') return ''
  const short = words.map((each) => (each.includes(' by ') ? each.split(' by ')[0]! : '')).filter(Boolean)
  return [...new Set(short)].join(', ')
}
