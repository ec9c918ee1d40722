import { expect, test } from 'vitest'
import { kept } from './retention.ts'

const point = (taken_at: string) => ({ name: `p${taken_at}`, taken_at })
const names = (...times: readonly string[]) => new Set(times.map((at) => `p${at}`))

test('the last ones stay', () => {
  const points = ['2026-03-01T10:00:02Z', '2026-03-01T10:00:01Z', '2026-03-01T10:00:00Z'].map(point)
  expect(kept(points, { last: 2, hourly: 0, daily: 0 })).toEqual(names('2026-03-01T10:00:02Z', '2026-03-01T10:00:01Z'))
})

test('the last one is the one that came to be last, also where its controller has a clock that is an hour behind', () => {
  const points = ['2026-03-01T10:00:03Z', '2026-03-01T11:00:02Z', '2026-03-01T11:00:01Z'].map(point)
  expect(kept(points, { last: 1, hourly: 0, daily: 0 })).toEqual(names('2026-03-01T10:00:03Z'))
})

test('the newest of each of the last hours and days that have one stays; hours without a point do not count', () => {
  const points = [
    '2026-03-03T10:40:00Z',
    '2026-03-03T10:20:00Z',
    '2026-03-03T08:59:59Z',
    '2026-03-03T08:00:00Z',
    '2026-03-02T23:00:00Z',
    '2026-02-27T12:00:00Z',
  ].map(point)
  expect(kept(points, { last: 1, hourly: 3, daily: 0 })).toEqual(
    names('2026-03-03T10:40:00Z', '2026-03-03T08:59:59Z', '2026-03-02T23:00:00Z'),
  )
  expect(kept(points, { last: 1, hourly: 0, daily: 3 })).toEqual(
    names('2026-03-03T10:40:00Z', '2026-03-02T23:00:00Z', '2026-02-27T12:00:00Z'),
  )
})

test('the newest point is never given up', () => {
  expect(kept([point('2026-03-01T10:00:00Z')], { last: 0, hourly: 0, daily: 0 })).toEqual(names('2026-03-01T10:00:00Z'))
  expect(kept([], { last: 3, hourly: 1, daily: 1 })).toEqual(new Set())
})
