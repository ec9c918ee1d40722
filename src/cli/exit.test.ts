import { afterEach, expect, test, vi } from 'vitest'
import { EngineError } from '../engine/error.ts'
import { StackProblems } from '../lifeboat.ts'
import { exit, reportError } from './exit.ts'
import { SitesProblems } from './sites.ts'

const said = vi.spyOn(console, 'error').mockImplementation(() => {})

afterEach(() => said.mockClear())

test.each([
  [
    'problems of a stack file',
    new StackProblems([{ level: 'error', at: { file: 'a.yaml', line: 2, column: 3 }, what: 'no', hint: 'yes' }]),
    exit.problems,
    'a.yaml:2:3: no',
  ],
  ['problems of the site file', new SitesProblems('sites.yaml:1:1: no'), exit.problems, 'sites.yaml:1:1'],
  [
    'a file that is not there',
    Object.assign(new Error('ENOENT: ...'), { code: 'ENOENT', path: '/x' }),
    exit.problems,
    'there is no file /x',
  ],
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
])('%s is a message without a stack trace', (_, error, code, told) => {
  expect(reportError(error)).toBe(code)
  expect(said).toHaveBeenCalledOnce()
  expect(said.mock.calls[0]?.[0]).toEqual(expect.stringContaining(told))
})

test('a bug shows its stack', () => {
  const bug = new TypeError('x is undefined')
  expect(reportError(bug)).toBe(exit.failed)
  expect(said).toHaveBeenCalledWith(bug)
})
