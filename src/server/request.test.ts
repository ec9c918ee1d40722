import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { requestOf } from './request.ts'

const root = mkdtempSync(join(tmpdir(), 'lifeboat-request-'))
const stacks_dir = join(root, 'stacks')
mkdirSync(join(stacks_dir, 'shop'), { recursive: true })
writeFileSync(join(stacks_dir, 'shop', 'stack.yaml'), 'x')
writeFileSync(join(root, 'secret.yaml'), 'x')
mkdirSync(join(root, 'stacks-beside'))
writeFileSync(join(root, 'stacks-beside', 'stack.yaml'), 'x')
symlinkSync(join(root, 'secret.yaml'), join(stacks_dir, 'link.yaml'))
afterAll(() => rmSync(root, { recursive: true }))

const lookout = { seen: new Map() }
const deploy = (file: string, dir: string | undefined = stacks_dir) =>
  requestOf({ stacks_dir: dir, lookout }, { verb: 'deploy', file, remove: [], overwrite: [] })

test('a stack file is one below the stacks folder', () => {
  expect(deploy('shop/stack.yaml')).toMatchObject({ verb: 'deploy', file: join(stacks_dir, 'shop/stack.yaml') })
})

test.each([
  '../secret.yaml',
  'link.yaml',
  '/etc/passwd',
  'shop/../../secret.yaml',
  '../stacks-beside/stack.yaml',
  'nosuch.yaml',
  '..',
])('and %s is none', (file) => {
  expect(() => deploy(file)).toThrow('there is no stack file')
})

test('without a stacks folder nothing is deployed from here', () => {
  expect(() =>
    requestOf({ stacks_dir: undefined, lookout }, { verb: 'deploy', file: 'x', remove: [], overwrite: [] }),
  ).toThrow('no stacks folder')
})

test('a move without a place goes to the standby, and is refused where none is seen', () => {
  const seen = new Map([['shop', { standby: 'west' }]])
  expect(requestOf({ stacks_dir, lookout: { seen } }, { verb: 'move', stack: 'shop' })).toMatchObject({ to: 'west' })
  expect(() => requestOf({ stacks_dir, lookout }, { verb: 'move', stack: 'shop' })).toThrow('standby')
})
