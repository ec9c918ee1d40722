import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { openMetrics } from './metrics.ts'

const folder = join(import.meta.dirname, '../../examples/controller')
const names = (text: string) => new Set(text.match(/\blifeboat_[a-z_]+/g))

test('rules and dashboard are about numbers that there are', () => {
  const there = new Set(
    openMetrics().names.flatMap((name) => [name, ...['bucket', 'sum', 'count'].map((end) => `${name}_${end}`)]),
  )
  for (const file of ['alerts.yaml', 'grafana.json'])
    for (const name of names(readFileSync(join(folder, file), 'utf8')))
      expect(there, `${file}: ${name}`).toContain(name)
})

test('every rule says what it means, and the dashboard has no two panels in one place', () => {
  type Rules = { groups: { rules: { alert: string; expr: string; annotations: Record<string, string> }[] }[] }
  const { groups } = parse(readFileSync(join(folder, 'alerts.yaml'), 'utf8')) as Rules
  for (const rule of groups.flatMap((group) => group.rules))
    expect(rule, rule.alert).toMatchObject({ expr: expect.any(String), annotations: { summary: expect.any(String) } })
  type Board = { panels: { id: number; gridPos: { x: number; y: number } }[] }
  const { panels } = JSON.parse(readFileSync(join(folder, 'grafana.json'), 'utf8')) as Board
  expect(new Set(panels.map((each) => each.id)).size).toBe(panels.length)
  expect(new Set(panels.map(({ gridPos }) => `${gridPos.x} ${gridPos.y}`)).size).toBe(panels.length)
})
