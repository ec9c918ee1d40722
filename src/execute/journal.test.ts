import { expect, test } from 'vitest'
import { EngineError } from '../engine/error.ts'
import { failureOf, Unmet } from './failure.ts'
import { fold, type JournalEvent } from './journal.ts'

const at = '2026-01-01T00:00:00Z'
const failure = { what: 'no', code: 'rejected', site: 'west', call: 'clone', detail: undefined }
const started = (step: string): JournalEvent => ({ type: 'step-started', at, step })

test('a step is open until it is done or has failed; started again it is open again', () => {
  const events: JournalEvent[] = [started('a'), started('b'), started('c')]
  events.push(
    { type: 'step-done', at, step: 'a', found: { bytes: 1 } },
    { type: 'step-failed', at, step: 'b', failure },
  )
  const state = fold(events)
  expect([...state.done]).toEqual([['a', { bytes: 1 }]])
  expect([...state.open]).toEqual(['c'])
  expect([...state.failed.keys()]).toEqual(['b'])
  const again = fold([...events, started('b')])
  expect([...again.open]).toEqual(['c', 'b'])
  expect(again.failed.size).toBe(0)
})

test('an operation has ended until it is resumed or taken back; what was left is kept by name', () => {
  const ended: JournalEvent[] = [{ type: 'ended', at, outcome: 'stuck' }]
  expect(fold(ended).ended?.outcome).toBe('stuck')
  expect(fold([...ended, { type: 'resumed', at, by: 'x' }]).ended).toBeUndefined()
  const back = fold([
    ...ended,
    { type: 'unwinding', at, because: 'aborted by x' },
    { type: 'undone', at, step: 'a' },
    { type: 'undo-failed', at, step: 'b', left: 'remove network web at west', failure },
  ])
  expect(back).toMatchObject({ ended: undefined, unwinding: 'aborted by x', left: ['remove network web at west'] })
  expect([...back.undone]).toEqual(['a'])
})

test('an empty journal is of no operation', () => {
  expect(fold([])).toMatchObject({ plan: undefined, operation: undefined, ended: undefined })
})

test('failures of the world are written down; a bug goes on as it is', () => {
  const error = new EngineError('no-space', 'west', 'clone a -> b', 'the pool is full')
  expect(failureOf(error)).toEqual({
    what: 'the pool is full',
    code: 'no-space',
    site: 'west',
    call: 'clone a -> b',
    detail: undefined,
  })
  expect(failureOf(new Unmet('not ready', 'its console'))).toMatchObject({ code: 'unmet', detail: 'its console' })
  expect(failureOf(Object.assign(new Error('refused'), { name: 'OutsideError' }))).toMatchObject({ code: 'outside' })
  const bug = new TypeError('x is undefined')
  expect(() => failureOf(bug)).toThrow(bug)
})
