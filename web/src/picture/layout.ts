import type { ElkNode } from 'elkjs/lib/elk-api.js'
import ELK from 'elkjs/lib/elk-api.js'
import elkWorker from 'elkjs/lib/elk-worker.min.js?url'
import type { Drawn } from './drawn.ts'

const elk = new ELK({ workerUrl: elkWorker })

export type Placed = {
  readonly width: number
  readonly height: number
  readonly boxes: ReadonlyMap<
    string,
    { readonly x: number; readonly y: number; readonly width: number; readonly height: number }
  >
}

const options = {
  'elk.algorithm': 'layered',
  'elk.direction': 'RIGHT',
  'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
  'elk.layered.spacing.nodeNodeBetweenLayers': '36',
  'elk.layered.spacing.edgeNodeBetweenLayers': '14',
  'elk.spacing.nodeNode': '28',
  'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
}

/** Where every box goes: from the clients at the left to what the stack depends on at the right. */
export async function place(drawn: Drawn): Promise<Placed> {
  const leaf = (id: string): ElkNode => {
    const { width, height } = drawn.boxes.find((box) => box.id === id)!
    return { id, width, height }
  }
  const root: ElkNode = {
    id: 'root',
    layoutOptions: options,
    children: drawn.boxes
      .filter((box) => box.within === undefined)
      .map((box) => {
        const inner = drawn.boxes.filter((each) => each.within === box.id)
        if (inner.length === 0) return leaf(box.id)
        return {
          id: box.id,
          layoutOptions: { 'elk.padding': '[top=44,left=16,bottom=16,right=16]' },
          children: inner.map((each) => leaf(each.id)),
        }
      }),
    edges: drawn.lines.map((line) => ({
      id: line.id,
      sources: [line.from],
      targets: [line.to],
      ...(line.label === '' ? {} : { labels: [{ text: line.label, width: 7 * line.label.length, height: 18 }] }),
    })),
  }
  const laid = await elk.layout(root)
  const boxes = new Map<string, { x: number; y: number; width: number; height: number }>()
  const take = (node: ElkNode) => {
    boxes.set(node.id, { x: node.x ?? 0, y: node.y ?? 0, width: node.width ?? 0, height: node.height ?? 0 })
    for (const child of node.children ?? []) take(child)
  }
  for (const child of laid.children ?? []) take(child)
  return { boxes, width: laid.width ?? 1000, height: laid.height ?? 400 }
}
