import { expect, test } from 'vitest'
import type { OperationEntry } from '../api/operations.ts'
import { agesBefore } from './before.ts'

const entry = (verb: OperationEntry['verb'], at: string, more: Partial<OperationEntry> = {}): OperationEntry => ({
  operation: `20261122T${at}-${verb}-shop-0000`,
  verb,
  stack: 'shop',
  outcome: 'done',
  by: 'ada',
  decided_at: `2026-11-22T${at.slice(0, 2)}:${at.slice(2, 4)}:${at.slice(4)}Z`,
  took_ms: 2000,
  failed: 0,
  ...more,
})
const cycle = (at: string, more: Partial<OperationEntry> = {}) =>
  entry('replicate', at, { point: `p20261122-${at}-500`, ...more })
const ages = (entries: readonly OperationEntry[]) => agesBefore(entries).map(({ age_ms }) => age_ms)

test('a cycle ends the age of the point before, the first one its own', () => {
  expect(ages([cycle('100010'), cycle('100000')])).toEqual([1500, 11_500])
  expect(agesBefore([cycle('100000')])[0]?.at.toISOString()).toBe('2026-11-22T10:00:02.000Z')
})

test('a cycle that made no point ends nothing', () => {
  expect(ages([cycle('100000'), cycle('100010', { outcome: 'undone' }), cycle('100020')])).toEqual([1500, 21_500])
})

test('where roles turned the age begins anew; a drill turns nothing', () => {
  expect(ages([cycle('100000'), entry('failover', '100100'), cycle('100200')])).toEqual([1500, 1500])
  expect(ages([cycle('100000'), entry('drill', '100005'), cycle('100010')])).toEqual([1500, 11_500])
})

test('stacks have nothing to do with each other', () => {
  expect(ages([cycle('100000'), cycle('100010', { stack: 'wiki' })])).toEqual([1500, 1500])
})
