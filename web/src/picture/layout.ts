import { type Edge, type Node, type Picture, rowsOf } from './rows.ts'

/** A network or segment: a line from left to right. */
export type Line = { readonly node: Node; readonly y: number; readonly from: number; readonly to: number }

/** One thing, or all machines of a kind in a segment. */
export type Box = {
  readonly id: string
  readonly kind: Node['kind']
  readonly title: string
  readonly members: readonly Node[]
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** Where a box is on a line: `beside` for an appliance that goes on past it. */
export type Joint = {
  readonly id: string
  readonly box: string
  readonly line: string
  readonly x: number
  readonly from: number
  readonly to: number
  readonly beside: boolean
  /** Address of the leg, for an appliance. */
  readonly address: string
  /** What may pass into the box here. */
  readonly flows: readonly Edge[]
  readonly labels: readonly string[]
  /** Which side of the joint its labels are at. */
  readonly side: 'left' | 'right'
}

export type Layout = {
  readonly width: number
  readonly height: number
  readonly lines: readonly Line[]
  readonly boxes: readonly Box[]
  readonly joints: readonly Joint[]
}

/** More of a kind are counted, not listed. */
export const most_members = 6

const sizes = {
  /** For the name of a line, before the first appliance. */
  gutter: 168,
  bar: 124,
  /** For the labels beside an appliance. */
  labels: 148,
  box: 178,
  gap: 22,
  /** From a line to a box that hangs on it. */
  drop: 32,
  /** From a line to the end of an appliance that spans to it. */
  stub: 10,
  /** Between two lines, at least: room for an appliance's name. */
  row: 98,
  head: 26,
  member: 17,
  top: 44,
} as const

/**
 * A stack as a network person draws it: networks are lines, what spans them are the appliances, what hangs on them are
 * machines. Clients at the top, central services at the bottom, firewalls and balancers at the left, NAT boxes at the right.
 */
export function layout(picture: Picture): Layout {
  const rows = rowsOf(picture)
  const rowOf = (id: string) => rows.findIndex((row) => row.id === id)
  const legs = picture.edges.filter((edge) => edge.kind === 'leg' && rowOf(edge.to) >= 0)
  const hung = hangingOf(picture, legs)
  const spans = spansOf(picture, legs, rowOf)

  // Down: each line below what hangs on the one before.
  const ys: number[] = []
  let y = sizes.top + sizes.drop
  for (const row of rows) {
    ys.push(y)
    const deepest = Math.max(0, ...hung.filter((each) => each.line === row.id).map((each) => each.height))
    y += Math.max(sizes.row, deepest === 0 ? 0 : sizes.drop + deepest + 28)
  }

  // Across: columns of appliances, then machines, then NAT boxes.
  const left = columnsOf(spans.filter((each) => each.node.kind !== 'nat'))
  const right = columnsOf(spans.filter((each) => each.node.kind === 'nat'))
  const leftWidth = left.count * (sizes.bar + sizes.labels)
  const middle = sizes.gutter + leftWidth
  const rowWidths = rows.map((row) => hung.filter((each) => each.line === row.id).length * (sizes.box + sizes.gap))
  const middleWidth = Math.max(sizes.box, ...rowWidths)
  const rightAt = middle + middleWidth
  const width = rightAt + right.count * (sizes.labels + sizes.bar) + 8

  const bars = spans.map((span): Box => {
    const nat = span.node.kind === 'nat'
    const column = (nat ? right : left).of.get(span.node.id) ?? 0
    const x = nat
      ? rightAt + sizes.labels + column * (sizes.labels + sizes.bar)
      : sizes.gutter + column * (sizes.bar + sizes.labels)
    const top = ys[span.first]! + sizes.stub
    // On one line alone there is nothing to span to.
    const bottom = span.first === span.last ? top + 56 : ys[span.last]! - sizes.stub
    return { ...boxOf([span.node]), x, y: top, width: sizes.bar, height: bottom - top }
  })
  const placed = new Map<string, number>()
  const hanging = hung.map(({ box, line, height }): Box => {
    const index = placed.get(line) ?? 0
    placed.set(line, index + 1)
    const x = middle + index * (sizes.box + sizes.gap)
    return { ...box, x, y: ys[rowOf(line)]! + sizes.drop, width: sizes.box, height }
  })
  const above = aboveOf(picture, sizes.gutter)
  const boxes = [...above, ...bars, ...hanging]
  const joints = [
    ...(rows[0]?.id === 'network:outside' ? above.map((box) => jointAbove(box, ys[0]!)) : []),
    ...bars.flatMap((box) => jointsOfBar(picture, legs, box, rows, ys)),
    ...hung.map(({ box, line }, index) =>
      jointOfHanging(picture, hanging[index] ?? { ...empty, ...box }, line, ys[rowOf(line)]!),
    ),
  ]
  const lines = rows.map((node, index): Line => {
    const ends = joints.filter((joint) => joint.line === node.id).map((joint) => joint.x + (joint.beside ? 0 : 12))
    return { node, y: ys[index]!, from: 0, to: Math.max(sizes.gutter, ...ends) }
  })
  const height = Math.max(...boxes.map((box) => box.y + box.height), ...ys) + 12
  return { width: Math.max(width, ...above.map((box) => box.x + box.width)), height, lines, boxes, joints }
}

const empty = { x: 0, y: 0, width: 0, height: 0 } as const

function boxOf(members: readonly Node[]): Omit<Box, keyof typeof empty> {
  const first = members[0]!
  const title = members.length > 1 ? `${first.group ?? first.name} × ${members.length}` : first.name
  return { id: members.length > 1 ? `${first.group} ${first.id}` : first.id, kind: first.kind, title, members }
}

type Hung = { readonly box: Omit<Box, keyof typeof empty>; readonly line: string; readonly height: number }

/** Machines by kind below their segment, central services below theirs. */
function hangingOf(picture: Picture, legs: readonly Edge[]): readonly Hung[] {
  const groups = new Map<string, Node[]>()
  for (const node of picture.nodes) {
    if (node.kind !== 'machine' && node.kind !== 'service') continue
    const line = node.kind === 'service' ? 'network:services' : legs.find((leg) => leg.from === node.id)?.to
    if (line === undefined) continue
    const key = `${line} ${node.kind === 'machine' ? (node.group ?? node.id) : node.id}`
    groups.set(key, [...(groups.get(key) ?? []), node])
  }
  return [...groups].flatMap(([key, members]) => {
    const line = key.split(' ')[0]!
    const lines = members[0]!.kind === 'machine' ? Math.min(members.length, most_members + 1) : 1
    return { box: boxOf(members), line, height: sizes.head + sizes.member * lines + 6 }
  })
}

type Span = { readonly node: Node; readonly first: number; readonly last: number }

function spansOf(picture: Picture, legs: readonly Edge[], rowOf: (id: string) => number): readonly Span[] {
  return picture.nodes
    .filter((node) => ['firewall', 'load-balancer', 'nat'].includes(node.kind))
    .flatMap((node) => {
      const at = legs.filter((leg) => leg.from === node.id).map((leg) => rowOf(leg.to))
      return at.length === 0 ? [] : [{ node, first: Math.min(...at), last: Math.max(...at) }]
    })
    .sort((a, b) => a.first - b.first || a.last - b.last)
}

/** As few columns as there may be; one that ends at a line leaves room for one that begins there. */
function columnsOf(spans: readonly Span[]): { readonly count: number; readonly of: ReadonlyMap<string, number> } {
  const ends: number[] = []
  const of = new Map<string, number>()
  for (const { node, first, last } of spans) {
    const free = ends.findIndex((end) => end <= first)
    const column = free < 0 ? ends.length : free
    ends[column] = Math.max(last, first + 0.5)
    of.set(node.id, column)
  }
  return { count: ends.length, of }
}

function aboveOf(picture: Picture, x: number): readonly Box[] {
  const nodes = picture.nodes.filter((node) => node.kind === 'clients' || node.kind === 'ingress')
  let at = x
  return nodes.map((node): Box => {
    const width = Math.max(sizes.bar, 24 + 8 * node.name.length)
    const box = { ...boxOf([node]), x: at, y: 2, width, height: sizes.top - 2 }
    at += width + sizes.gap
    return box
  })
}

function jointAbove(box: Box, y: number): Joint {
  const x = box.x + box.width / 2
  const none = { beside: false, address: '', flows: [], labels: [], side: 'right' } as const
  return { id: `${box.id} above`, box: box.id, line: 'network:outside', x, from: box.y + box.height, to: y, ...none }
}

function jointsOfBar(
  picture: Picture,
  legs: readonly Edge[],
  box: Box,
  rows: readonly Node[],
  ys: readonly number[],
): readonly Joint[] {
  const node = box.members[0]!
  const side = node.kind === 'nat' ? 'left' : 'right'
  return legs
    .filter((leg) => leg.from === node.id)
    .map((leg): Joint => {
      const y = ys[rows.findIndex((row) => row.id === leg.to)]!
      const beside = y > box.y && y < box.y + box.height
      const edge = y <= box.y ? box.y : box.y + box.height
      const flows = picture.edges.filter((each) => entersAt(each, node, leg.to, legs))
      const address = leg.to.startsWith('network:') ? 'by DHCP' : (leg.words.split(' ')[1] ?? '')
      const x = beside ? (side === 'left' ? box.x : box.x + box.width) : box.x + box.width / 2
      const [from, to] = beside ? [y, y] : [Math.min(y, edge), Math.max(y, edge)]
      return {
        id: leg.id,
        box: box.id,
        line: leg.to,
        x,
        from,
        to,
        beside,
        address,
        flows,
        labels: labelsOf(flows, picture),
        side,
      }
    })
}

/** Whether something may pass into the appliance from a network: to itself, or through it. */
function entersAt(edge: Edge, appliance: Node, line: string, legs: readonly Edge[]): boolean {
  if (edge.kind !== 'flow' || edge.upkeep === true || edge.from === appliance.id) return false
  if (edge.counted?.appliance !== appliance.id) return false
  if (edge.from === 'clients') return line === 'network:outside'
  return edge.from === line || legs.some((leg) => leg.from === edge.from && leg.to === line)
}

function jointOfHanging(picture: Picture, box: Box, line: string, y: number): Joint {
  const ids = new Set(box.members.map((each) => each.id))
  const flows = picture.edges.filter((edge) => edge.kind === 'flow' && edge.upkeep !== true && ids.has(edge.to))
  const labels = [...new Set(flows.map((flow) => flow.label ?? ''))].filter((each) => each !== '')
  const x = box.x + 24
  const shown = labels.length === 0 ? [] : [labels.join(', ')]
  return {
    id: `${box.id} ${line}`,
    box: box.id,
    line,
    x,
    from: y,
    to: box.y,
    beside: false,
    address: '',
    flows,
    labels: shown,
    side: 'right',
  }
}

const most_labels = 3

/** `tcp/443 public`: the port, and what it leads to. */
function labelsOf(flows: readonly Edge[], picture: Picture): readonly string[] {
  const name = (edge: Edge) => edge.service ?? picture.nodes.find((node) => node.id === edge.to)?.name ?? ''
  const all = [...new Set(flows.map((flow) => `${flow.label ?? ''} ${name(flow)}`.trim()))]
  return all.length <= most_labels
    ? all
    : [...all.slice(0, most_labels - 1), `and ${all.length - most_labels + 1} more`]
}
