import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

/** The program where it can see nothing, or is given nonsense: it says so, and never that all is well. */
let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lifeboat-blind-'))
  const east = '{ incus: { socket: /nonexistent/unix.socket }, outside: { bridge: outside } }'
  writeFileSync(join(folder, 'sites.yaml'), `lifeboat-sites: 1\nstate: state\nsites: { east: ${east} }\n`)
  writeFileSync(join(folder, 'empty.yaml'), '')
  writeFileSync(join(folder, 'list.yaml'), '- 1\n')
})
afterAll(() => rmSync(folder, { recursive: true }))

test.concurrent.each([[['status']], [['guard', '--json']]])(
  '%j: no site answers, and that is no success',
  async (argv) => {
    const ran = await lifeboat('sites.yaml', ...argv)
    expect(ran.exit).toBe(1)
    expect(ran.stderr).toContain('no stack at any site that answers, and nothing is known of the others')
    expect(ran.stderr).toContain('east: Incus of east cannot be reached')
  },
)

test.concurrent.each([
  ['empty.yaml', /empty\.yaml:1:1: the file is empty: it begins with `lifeboat-sites: 1`/],
  ['list.yaml', /list\.yaml:1:1: these are not names with values: it begins with `lifeboat-sites: 1`/],
  ['.', /is a directory, and a file is needed/],
])('a site file that is none: %s', async (file, words) => {
  const ran = await lifeboat(file, 'status', 'shop')
  expect(ran.exit).toBe(1)
  expect(ran.stderr).toMatch(words)
  expect(ran.stderr).not.toContain('    at ')
})

test('an epoch that is no number', async () => {
  const ran = await lifeboat('sites.yaml', 'rescue', 'shop', '--epoch', 'abc')
  expect(ran).toMatchObject({ exit: 64, stderr: expect.stringContaining('an epoch is a number from 1 on') })
})

function lifeboat(
  sites: string,
  ...argv: readonly string[]
): Promise<{ exit: number; stdout: string; stderr: string }> {
  const main = join(import.meta.dirname, 'main.ts')
  const all = ['--disable-warning=ExperimentalWarning', main, '--sites', join(folder, sites), ...argv]
  const env = { ...process.env, NODE_COMPILE_CACHE: join(import.meta.dirname, '../../node_modules/.cache/lifeboat') }
  return new Promise((resolve) =>
    execFile(process.execPath, all, { env }, (error, stdout, stderr) =>
      resolve({ exit: error === null ? 0 : Number(error.code), stdout, stderr }),
    ),
  )
}
