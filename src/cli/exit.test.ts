import { afterEach, expect, test, vi } from 'vitest'
import { EngineError } from '../engine/error.ts'
import { StackProblems } from '../lifeboat.ts'
import { StoreError } from '../store/error.ts'
import { JournalLost } from '../store/operation.ts'
import { exit, reportError } from './exit.ts'
import { SitesProblems } from './sites.ts'

const said = vi.spyOn(console, 'error').mockImplementation(() => {})
const written = vi.spyOn(process.stdout, 'write').mockImplementation(() => true)
const { argv } = process

afterEach(() => {
  said.mockClear()
  written.mockClear()
  process.argv = argv
  process.exitCode = undefined
})

const system = (code: string, path?: string) =>
  Object.assign(new Error(`${code}: no way, open`), { code, ...(path === undefined ? {} : { path }) })
const full = new StoreError('journals cannot be kept in /x: no space is left', 'make room there')

const cases: readonly (readonly [string, Error, number, string])[] = [
  [
    'problems of a stack file',
    new StackProblems([{ level: 'error', at: { file: 'a.yaml', line: 2, column: 3 }, what: 'no', hint: 'yes' }]),
    exit.problems,
    'a.yaml:2:3: no',
  ],
  ['problems of the site file', new SitesProblems('sites.yaml:1:1: no'), exit.problems, 'sites.yaml:1:1'],
  ['a file that is not there', system('ENOENT', '/x'), exit.problems, 'there is no file /x'],
  ['a file of somebody else', system('EACCES', '/x'), exit.problems, '/x is not open to this user'],
  ['a disk that is full', system('ENOSPC', '/x'), exit.problems, '/x cannot be written: no space is left'],
  ['what the system says in its own words', system('EMFILE'), exit.problems, 'EMFILE: no way, open'],
  [
    'a site that does not answer',
    new EngineError('unreachable', 'east', 'observe', 'east cannot be reached'),
    exit.problems,
    'lifeboat: east cannot be reached',
  ],
  [
    'a stack that somebody else works on',
    Object.assign(new Error('locked by 12'), { name: 'StackLocked' }),
    exit.person,
    'locked by 12',
  ],
  ['journals that cannot be kept', full, exit.problems, 'make room there'],
  ['an operation that was not begun', new JournalLost('ID', false, full), exit.problems, 'ID was not begun'],
  ['an operation without a journal', new JournalLost('ID', true, full), exit.person, 'lifeboat resume ID'],
]

test.each(cases)('%s is a message without a stack trace', (_, error, code, told) => {
  expect(reportError(error)).toBe(code)
  expect(said).toHaveBeenCalledOnce()
  expect(said.mock.calls[0]?.[0]).toEqual(expect.stringContaining(told))
  expect(written).not.toHaveBeenCalled()
})

test.each(cases)('%s is one JSON value where that was asked for', (_, error, code) => {
  process.argv = [...argv, '--json']
  reportError(error)
  const value = JSON.parse(written.mock.calls.map(([text]) => String(text)).join('')) as {
    readonly problems?: readonly unknown[]
    readonly refused?: readonly { readonly what: string; readonly needs: string }[]
  }
  if (value.problems === undefined) expect(value.refused?.[0]?.needs).toBe(code === exit.person ? 'person' : 'change')
  else expect(value.problems).toHaveLength(1)
})

test('a bug shows its stack, and that it is one', () => {
  const bug = new TypeError('x is undefined')
  expect(reportError(bug)).toBe(exit.failed)
  expect(said).toHaveBeenCalledWith(bug)
  expect(said.mock.calls.flat().join('\n')).toContain('lifeboat history')
})
