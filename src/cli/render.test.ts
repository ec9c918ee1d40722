import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { SHOP } from '../stack/reference-stack.ts'
import { renderCommand } from './render.ts'

let folder: string
let exit_code: typeof process.exitCode

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lifeboat-render-'))
  exit_code = process.exitCode
  vi.spyOn(console, 'log').mockImplementation(() => {})
  vi.spyOn(console, 'error').mockImplementation(() => {})
  writeFileSync(join(folder, 'stack.yaml'), SHOP)
})

afterEach(() => {
  vi.restoreAllMocks()
  process.exitCode = exit_code
  rmSync(folder, { recursive: true })
})

test('the same stack gives the same files, and what a changed stack no longer has is removed', () => {
  render('out')
  const first = files('out')
  expect(first.get('fw/etc/nftables.conf')).toContain('allow tcp/443 from anyone to public')
  render('out')
  expect(files('out')).toEqual(first)

  writeFileSync(join(folder, 'stack.yaml'), SHOP.replaceAll(/\bfw:/g, 'wall:'))
  render('out')
  expect([...files('out').keys()].filter((path) => path.startsWith('fw/'))).toEqual([])
})

test('a folder with files of somebody else is left alone, unless forced', () => {
  render('.')
  expect(process.exitCode).toBe(64)
  expect(readdirSync(folder)).toEqual(['stack.yaml'])
  render('.', '--force')
  expect(readdirSync(folder)).toEqual(['.lifeboat-render', 'fw', 'lb', 'nat', 'stack.yaml'])
})

test('a stack with problems writes nothing', () => {
  writeFileSync(join(folder, 'stack.yaml'), SHOP.replace('inside: [front]', 'inside: [fornt]'))
  render('out')
  expect(process.exitCode).toBe(1)
  expect(readdirSync(folder)).toEqual(['stack.yaml'])
})

function render(output: string, ...more: string[]): void {
  renderCommand().parse(
    ['stack.yaml', '-o', output, ...more].map((word, index) =>
      index === 0 || index === 2 ? join(folder, word) : word,
    ),
    { from: 'user' },
  )
}

function files(output: string): ReadonlyMap<string, string> {
  const root = join(folder, output)
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return new Map(
    entries
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path.slice(root.length + 1), readFileSync(path, 'utf8')]),
  )
}
