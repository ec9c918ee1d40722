import { expect, test } from 'vitest'
import { keptName, pointName, preparedName } from './naming.ts'

test('names of points sort by time and are valid in the name of an instance', () => {
  const times = [
    '2026-11-22T18:12:07.123Z',
    '2026-11-22T18:12:07.124Z',
    '2026-11-22T18:12:08.000Z',
    '2027-01-01T00:00:00.000Z',
  ]
  const names = times.map((at) => pointName(new Date(at)))
  expect(names[0]).toBe('p20261122-181207-123')
  expect([...names].sort()).toEqual(names)
  expect(keptName('db1', names[0] ?? '')).toMatch(/^[a-z][a-z0-9-]{0,62}$/)
})

test('another content has another name, so that it is built beside what works', () => {
  expect(preparedName('fw', 'aaaaaaaabbbb')).toBe('fw-aaaaaaaa')
  expect(preparedName('fw', 'aaaaaaaabbbb')).not.toBe(preparedName('fw', 'aaaaaaacbbbb'))
})
