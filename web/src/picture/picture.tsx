import {
  Background,
  BackgroundVariant,
  Controls,
  type Edge,
  Handle,
  MarkerType,
  type NodeProps,
  Position,
  ReactFlow,
  type Node as Shape,
} from '@xyflow/react'
import '@xyflow/react/dist/style.css'
import { useEffect, useMemo, useState } from 'react'
import { useAnswer } from '../api/queries.ts'
import { Moment } from '../parts/moment.tsx'
import { Failed, Shown, Waiting } from '../parts/states.tsx'
import { type Box, drawn, most_members, type Node } from './drawn.ts'
import { type Placed, place } from './layout.ts'

/** The stack as in its file: segments, appliances, machines, what may pass, and how each of them is at this moment. */
export default function Picture({ stack }: { readonly stack: string }) {
  const picture = useAnswer('picture', { stack }, { every_ms: 30_000 })
  return (
    <Shown of={picture}>
      {(data) => (
        <>
          <p className="muted">
            {data.site === undefined
              ? 'No site that answers is active: health is not known.'
              : `As seen at ${data.site}, `}
            <Moment at={data.at} />
          </p>
          <Drawing picture={data} />
          <AsList
            nodes={data.nodes}
            words={data.edges.filter((edge) => edge.kind === 'flow').map((edge) => edge.words)}
          />
        </>
      )}
    </Shown>
  )
}

type Data = { readonly box: Box }

function Drawing({ picture }: { readonly picture: Parameters<typeof drawn>[0] }) {
  const what = useMemo(() => drawn(picture), [picture])
  // Health changes often, the shape seldom: only a new shape is laid out again.
  const shape = JSON.stringify([
    what.boxes.map(({ id, width, height }) => [id, width, height]),
    what.lines.map((line) => line.id),
  ])
  const [placed, setPlaced] = useState<Placed>()
  const [failed, setFailed] = useState<Error>()
  // biome-ignore lint/correctness/useExhaustiveDependencies: the shape stands for what is drawn
  useEffect(() => {
    let gone = false
    place(what).then(
      (found) => {
        if (!gone) setPlaced(found)
      },
      (error: unknown) => {
        if (!gone) setFailed(error instanceof Error ? error : new Error(String(error)))
      },
    )
    return () => {
      gone = true
    }
  }, [shape])
  const nodes = useMemo(() => (placed === undefined ? [] : shapesOf(what.boxes, placed)), [what, placed])
  const edges = useMemo(
    () =>
      what.lines.map(
        (line): Edge => ({
          id: line.id,
          source: line.from,
          target: line.to,
          label: line.label,
          className: line.kind,
          ariaLabel: line.words.join('; '),
          ...(line.kind === 'flow' ? { markerEnd: { type: MarkerType.ArrowClosed } } : {}),
        }),
      ),
    [what],
  )
  if (failed !== undefined) return <Failed error={failed} />
  if (placed === undefined) return <Waiting />
  return (
    <div className="drawing" style={{ aspectRatio: `${placed.width} / ${placed.height + 40}` }}>
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={types}
        fitView
        fitViewOptions={{ padding: 0.05 }}
        minZoom={0.1}
        nodesDraggable={false}
        nodesConnectable={false}
        edgesFocusable={false}
        preventScrolling={false}
        zoomOnScroll={false}
        proOptions={{ hideAttribution: true }}
        aria-label={`picture of ${picture.stack}`}
      >
        <Background variant={BackgroundVariant.Dots} gap={18} size={1} />
        <Controls showInteractive={false} />
      </ReactFlow>
    </div>
  )
}

function shapesOf(boxes: readonly Box[], placed: Placed): Shape<Data>[] {
  // What is inside comes after what it is in, as the drawer asks for.
  const sorted = [...boxes].sort((a, b) => Number(a.within !== undefined) - Number(b.within !== undefined))
  return sorted.flatMap((box) => {
    const at = placed.boxes.get(box.id)
    if (at === undefined) return []
    return [
      {
        id: box.id,
        type: 'box',
        position: { x: at.x, y: at.y },
        width: at.width,
        height: at.height,
        data: { box },
        ...(box.within === undefined ? {} : { parentId: box.within }),
        focusable: true,
        selectable: false,
        ariaLabel: [box.title, box.kind, ...box.members.flatMap(told)].join(', '),
      },
    ]
  })
}

const types = { box: BoxShape }

function BoxShape({ data }: NodeProps<Shape<Data>>) {
  const { box } = data
  const first = box.members[0]!
  const shown = box.members.slice(0, most_members)
  return (
    <div
      className={`box ${box.kind} ${worst(box.members)}`}
      title={box.members.map((each) => told(each).join('\n')).join('\n\n')}
    >
      <Handle type="target" position={Position.Left} />
      <strong>{box.title}</strong>{' '}
      {box.kind !== 'machine' && box.kind !== box.title && <span className="kind">{box.kind.replace('-', ' ')}</span>}
      {box.kind === 'machine'
        ? shown.map((each) => (
            <span key={each.id} className={`member ${each.health}`}>
              <span className="dot" aria-hidden="true" /> {each.name}{' '}
              <span className="muted">{each.addresses[0]?.split(' ')[0]}</span>
            </span>
          ))
        : first.addresses.map((address) => (
            <span key={address} className="member">
              {address.replace(/ \(.*/, '')}
            </span>
          ))}
      {box.kind === 'machine' && box.members.length > most_members && (
        <span className="member">and {box.members.length - most_members} more</span>
      )}
      <Handle type="source" position={Position.Right} />
    </div>
  )
}

function told(node: Node): readonly string[] {
  return [
    `${node.name}${node.power === undefined ? '' : `: ${node.power}`}`,
    ...node.addresses,
    ...(node.stateful === true ? ['stateful: part of every point'] : []),
    ...node.notes,
  ]
}

function worst(nodes: readonly Node[]): string {
  return ['bad', 'warning', 'good'].find((each) => nodes.some((node) => node.health === each)) ?? 'unknown'
}

/** The same in words: for who does not see it, and for who searches in it. */
function AsList({ nodes, words }: { readonly nodes: readonly Node[]; readonly words: readonly string[] }) {
  return (
    <details>
      <summary>The same as a list</summary>
      <table className="rows">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">What</th>
            <th scope="col">Addresses</th>
            <th scope="col">State</th>
            <th scope="col">Notes</th>
          </tr>
        </thead>
        <tbody>
          {nodes.map((node) => (
            <tr key={node.id}>
              <th scope="row">{node.name}</th>
              <td data-label="What">{node.kind}</td>
              <td data-label="Addresses">{node.addresses.join('; ')}</td>
              <td data-label="State">{node.power ?? ''}</td>
              <td data-label="Notes">{node.notes.join('; ')}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <h3>What may pass</h3>
      <ul>
        {[...new Set(words)].map((each) => (
          <li key={each}>{each}</li>
        ))}
      </ul>
    </details>
  )
}
