import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { compile } from '../../src/compile/compile.ts'
import { edgesOf } from '../../src/server/picture-flows.ts'
import { parseStack } from '../../src/stack/parse.ts'
import { layout } from '../../web/src/picture/layout.ts'
import { type Node, type Picture, rowsOf } from '../../web/src/picture/rows.ts'

/** The picture of a stack file, without anything that runs. */
function pictureOf(file: string): Picture {
  const { stack, problems } = parseStack(readFileSync(file, 'utf8'), file)
  if (stack === undefined) throw new Error(JSON.stringify(problems))
  const compiled = compile(stack, { site: 'east', services: { ldap: '10.101.0.10', billing: '10.101.0.20' } })
  const plain = (id: string, kind: Node['kind'], name: string): Node => ({
    id,
    kind,
    name,
    addresses: [],
    health: 'unknown',
    notes: [],
  })
  const nodes = [
    plain('clients', 'clients', 'clients'),
    plain('network:outside', 'network', 'outside'),
    plain('network:services', 'network', 'services'),
    ...stack.ingress.map(({ name }) => plain(`ingress:${name}`, 'ingress', name)),
    ...compiled.segments.map(({ name }) => plain(`segment:${name}`, 'segment', name)),
    ...compiled.instances.map(
      (each): Node => ({
        ...plain(each.name, each.kind === 'machine' ? 'machine' : each.role, each.name),
        ...(each.kind === 'machine' ? { group: each.group } : {}),
      }),
    ),
    ...stack.services.map(({ name }) => plain(`central:${name}`, 'service', name)),
  ]
  return { stack: stack.name, at: '2026-11-27T00:00:00Z', nodes, edges: [...edgesOf(stack, compiled)] }
}

const shop = join(import.meta.dirname, '../../examples/shop/stack.yaml')
const others = ['several-nats', 'between-segments', 'dual-stack', 'single-segment', 'policy', 'to-internet'].map(
  (name) => join(import.meta.dirname, '../golden', name, 'stack.yaml'),
)

test('networks are in the order in which a request reaches them', () => {
  expect(rowsOf(pictureOf(shop)).map((row) => row.name)).toEqual(['outside', 'front', 'web', 'app', 'data', 'services'])
})

test('each rule is at the place where it lets something in', () => {
  const { joints } = layout(pictureOf(shop))
  const at = (box: string) =>
    Object.fromEntries(joints.filter((each) => each.box === box).map(({ line, labels }) => [line, labels]))
  expect(at('fw')).toEqual({ 'network:outside': ['tcp/443 public'], 'segment:front': [] })
  expect(at('lb')).toEqual({
    'segment:front': ['tcp/443 public'],
    'segment:web': ['tcp/8080 internal'],
    'segment:app': ['tcp/5432 database'],
    'segment:data': [],
  })
  expect(at('nat')).toEqual({ 'segment:app': ['tcp/5432 billing', 'tcp/389 ldap'], 'network:services': [] })
  expect(at('db db1')).toEqual({ 'segment:data': ['tcp/5432'] })
})

test.each([shop, ...others])('%s: everything has a place of its own, within the picture', (file) => {
  const picture = pictureOf(file)
  const { boxes, lines, joints, width, height } = layout(picture)
  const shown = new Set(
    boxes.flatMap((box) => box.members.map((each) => each.id)).concat(lines.map((line) => line.node.id)),
  )
  const asked = picture.nodes.filter((node) => node.kind !== 'service' && node.kind !== 'network')
  expect(asked.filter((node) => !shown.has(node.id)).map((node) => node.id)).toEqual([])
  for (const box of boxes) {
    expect(box.x).toBeGreaterThanOrEqual(0)
    expect(box.x + box.width, box.id).toBeLessThanOrEqual(width)
    expect(box.y + box.height, box.id).toBeLessThanOrEqual(height)
    for (const other of boxes) {
      if (other === box) continue
      const apart =
        box.x + box.width <= other.x ||
        other.x + other.width <= box.x ||
        box.y + box.height <= other.y ||
        other.y + other.height <= box.y
      expect(apart, `${box.id} and ${other.id}`).toBe(true)
    }
  }
  for (const joint of joints) {
    const line = lines.find((each) => each.node.id === joint.line)
    expect(line === undefined || line.to >= joint.x, joint.id).toBe(true)
  }
})
