import type { KeyboardEvent } from 'react'
import type { Counts } from './counts.ts'
import { type Box, type Joint, type Layout, type Line, most_members } from './layout.ts'
import type { Node } from './rows.ts'

type Point = {
  readonly pick: (id: string | undefined) => void
  readonly point: (id: string | undefined) => void
  readonly picked: string | undefined
}
type Props = Point & {
  readonly laid: Layout
  readonly counts: Counts
  /** What is pointed at: it and what belongs to it is drawn stronger. */
  readonly lit: string | undefined
}

/** Lines, boxes and what joins them; each can be pointed at, picked and reached by keyboard. */
export function Drawing({ laid, counts, lit, ...point }: Props) {
  const related = relatedTo(laid, lit)
  const classOf = (id: string) => (lit === undefined ? '' : related.has(id) ? 'lit' : 'dim')
  return (
    // biome-ignore lint/a11y/noSvgWithoutTitle: the section around it names it; a title would hide what the parts say
    <svg viewBox={`0 0 ${laid.width} ${laid.height}`} style={{ minWidth: laid.width * 0.72, maxWidth: laid.width }}>
      <defs>
        <marker
          id="tip"
          viewBox="0 0 8 8"
          refX="7"
          refY="4"
          markerWidth="7"
          markerHeight="7"
          orient="auto-start-reverse"
        >
          <path className="tip" d="M0 0 8 4 0 8z" />
        </marker>
      </defs>
      {laid.lines.map((line) => (
        <NetLine key={line.node.id} line={line} className={classOf(line.node.id)} {...point} />
      ))}
      {laid.joints.map((joint) => (
        <Join key={joint.id} joint={joint} className={classOf(joint.id)} />
      ))}
      {laid.boxes.map((box) => (
        <BoxShape key={box.id} box={box} laid={laid} counts={counts} className={classOf(box.id)} {...point} />
      ))}
      {laid.joints
        .filter((joint) => joint.labels.length > 0)
        .map((joint) => (
          <Labels key={joint.id} joint={joint} className={classOf(joint.id)} {...point} />
        ))}
    </svg>
  )
}

/** The thing itself, what it is joined with, and what may pass there. */
function relatedTo(laid: Layout, id: string | undefined): ReadonlySet<string> {
  if (id === undefined) return new Set()
  const found = new Set([id])
  for (const joint of laid.joints) {
    if (joint.id === id) for (const each of [joint.box, joint.line]) found.add(each)
    if (joint.box === id) for (const each of [joint.id, joint.line]) found.add(each)
    if (joint.line === id) for (const each of [joint.id, joint.box]) found.add(each)
  }
  const picked = laid.joints.find((joint) => joint.id === id)
  for (const flow of picked?.flows ?? [])
    for (const other of laid.joints)
      if (other.flows.some((each) => each.service !== undefined && each.service === flow.service))
        for (const each of [other.id, other.box]) found.add(each)
  return found
}

function handlers(id: string, { pick, point, picked }: Point) {
  const toggle = () => pick(picked === id ? undefined : id)
  return {
    role: 'button' as const,
    tabIndex: 0,
    'aria-pressed': picked === id,
    onClick: toggle,
    onKeyDown: (event: KeyboardEvent) => {
      if (event.key !== 'Enter' && event.key !== ' ') return
      event.preventDefault()
      toggle()
    },
    onMouseEnter: () => point(id),
    onMouseLeave: () => point(undefined),
    onFocus: () => point(id),
    onBlur: () => point(undefined),
  }
}

function NetLine({ line, className, ...point }: Point & { readonly line: Line; readonly className: string }) {
  const { node, y, from, to } = line
  return (
    <g className={`net ${node.kind} ${className}`} {...handlers(node.id, point)}>
      <rect className="reach" x={from} y={y - 30} width={160} height={44} />
      <line x1={from} x2={to} y1={y} y2={y} />
      <text x={from} y={y - 17} className="name">
        {cut(node.name, 22)}
      </text>
      <text x={from} y={y - 5} className="small">
        {node.kind === 'segment' ? node.addresses[0] : 'network of the site'}
      </text>
    </g>
  )
}

/** An arrow where something may pass into the box, a plain line where it is only connected. */
function Join({ joint, className }: { readonly joint: Joint; readonly className: string }) {
  const { x, from, to, beside, flows, side } = joint
  const arrow = flows.length > 0
  if (beside) {
    const away = side === 'left' ? -26 : 26
    return (
      <g className={`join ${className}`}>
        {arrow && (
          <path d={`M${x + away} ${from}H${x + (side === 'left' ? -2 : 2)}`} markerEnd="url(#tip)" className="way" />
        )}
        <circle cx={x} cy={from} r="3.5" />
      </g>
    )
  }
  return (
    <g className={`join ${className}`}>
      <path
        d={`M${x} ${from}V${arrow ? to - 1 : to}`}
        {...(arrow ? { markerEnd: 'url(#tip)', className: 'way' } : {})}
      />
    </g>
  )
}

function Labels({ joint, className, ...point }: Point & { readonly joint: Joint; readonly className: string }) {
  const { x, from, to, side, labels, beside } = joint
  const hanging = !beside && to > from && to - from > 20
  const left = side === 'left'
  const at = beside ? x + (left ? -10 : 10) : hanging ? x + 9 : x + (left ? -72 : 72)
  const top = hanging ? from + 19 : Math.min(from, to) + 17
  const longest = Math.max(...labels.map((each) => each.length))
  return (
    <g className={`rules ${className}`} {...handlers(joint.id, point)}>
      <rect
        className="reach"
        x={left ? at - longest * 6.6 : at - 2}
        y={top - 13}
        width={longest * 6.6 + 4}
        height={labels.length * 14 + 4}
      />
      {labels.map((label, index) => (
        <text key={label} x={at} y={top + index * 14} textAnchor={left ? 'end' : 'start'}>
          {cut(label, 24)}
        </text>
      ))}
    </g>
  )
}

function BoxShape({
  box,
  laid,
  counts,
  className,
  ...point
}: Point & { readonly box: Box; readonly laid: Layout; readonly counts: Counts; readonly className: string }) {
  const { x, y, width, height, kind, title, members } = box
  const stateful = members.some((each) => each.stateful === true)
  const look = `shape ${kind} ${stateful ? 'stateful' : ''} ${worst(members)} ${className}`
  return (
    <g className={look} {...handlers(box.id, point)}>
      <rect
        x={x}
        y={y}
        width={width}
        height={height}
        rx={kind === 'clients' || kind === 'ingress' || kind === 'service' ? 14 : 5}
      />
      {kind === 'machine' ? (
        <Machines box={box} counts={counts} stateful={stateful} />
      ) : ['firewall', 'load-balancer', 'nat'].includes(kind) ? (
        <Appliance box={box} joints={laid.joints.filter((joint) => joint.box === box.id)} />
      ) : (
        <>
          <text x={x + 11} y={y + 18} className="name">
            {title}
          </text>
          <text x={x + 11} y={y + 33} className="small">
            {kind === 'ingress' ? 'name of clients' : kind === 'service' ? members[0]!.addresses[0] : 'from outside'}
          </text>
        </>
      )}
    </g>
  )
}

function Machines({
  box,
  counts,
  stateful,
}: {
  readonly box: Box
  readonly counts: Counts
  readonly stateful: boolean
}) {
  const { x, y, width, members } = box
  const shown = members.slice(0, most_members)
  return (
    <>
      <text x={x + 10} y={y + 18} className="name">
        {cut(box.title, 18)}
      </text>
      {stateful && (
        <text x={x + width - 10} y={y + 18} className="small" textAnchor="end">
          stateful
        </text>
      )}
      {shown.map((each, index) => {
        const servers = counts.servers({ machine: each.name })
        const idle = servers.length > 0 && servers.every((server) => !server.up)
        const line = y + 35 + index * 17
        return (
          <g key={each.id} className={each.health}>
            <circle className="dot" cx={x + 14} cy={line - 4} r="4" />
            <text x={x + 24} y={line}>
              {cut(each.name, 11)}
            </text>
            <text x={x + width - 10} y={line} className="small" textAnchor="end">
              {each.health === 'bad' ? each.power : idle ? 'not serving' : each.addresses[0]?.split(/[ ,]/)[0]}
            </text>
          </g>
        )
      })}
      {members.length > most_members && (
        <text x={x + 24} y={y + 35 + most_members * 17} className="small">
          and {members.length - most_members} more
        </text>
      )}
    </>
  )
}

/** Its name between the first two lines, and at each line the address that it has there. */
function Appliance({ box, joints }: { readonly box: Box; readonly joints: readonly Joint[] }) {
  const { x, y, width, height, title, kind, members } = box
  const center = x + width / 2
  const last = Math.max(...joints.map((joint) => Math.max(joint.from, joint.to)))
  return (
    <>
      <text x={center} y={y + 33} className="name" textAnchor="middle">
        {cut(title, 16)}
      </text>
      <text x={center} y={y + 47} className="small" textAnchor="middle">
        {members[0]?.power !== undefined && members[0].power !== 'running'
          ? members[0].power
          : kind === 'nat'
            ? 'NAT'
            : kind.replace('-', ' ')}
      </text>
      {joints.map((joint) => {
        const end = joint.beside
          ? joint.from + 13
          : Math.max(joint.from, joint.to) === last && joint.from >= y + height - 1
            ? y + height - 5
            : y + 13
        return (
          <text key={joint.id} x={center} y={end} className="small" textAnchor="middle">
            {cut(joint.address, 19)}
          </text>
        )
      })}
    </>
  )
}

const cut = (text: string, most: number): string => (text.length <= most ? text : `${text.slice(0, most - 1)}…`)

function worst(nodes: readonly Node[]): string {
  return ['bad', 'warning', 'good'].find((each) => nodes.some((node) => node.health === each)) ?? 'unknown'
}
