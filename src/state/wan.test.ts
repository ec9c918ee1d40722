import { describe, expect, test } from 'vitest'
import { limitAt, parseHours, parseRate_bps, rateWords, type Wan } from './wan.ts'

test('rates as tc(8) and Incus write them', () => {
  expect(['200Mbit', '1.5Gbit', '800kbit'].map(parseRate_bps)).toEqual([200e6, 1.5e9, 800e3])
  expect(['200', '200 Mbit', 'fast', '-1Mbit', '200MB'].map(parseRate_bps)).toEqual(Array(5).fill(undefined))
  expect([50e6, 1.5e9, 800e3].map(rateWords)).toEqual(['50 Mbit/s', '1.5 Gbit/s', '800 kbit/s'])
})

test('hours are days and a span of the day', () => {
  expect(parseHours('mon-fri 08:00-18:00')).toEqual({ days: [1, 2, 3, 4, 5], from_min: 480, to_min: 1080 })
  expect(parseHours('sat,sun 10:00-12:30')).toEqual({ days: [6, 0], from_min: 600, to_min: 750 })
  expect(parseHours('fri-mon 22:00-06:00')?.days).toEqual([5, 6, 0, 1])
  for (const text of ['mon-fri', 'someday 08:00-18:00', 'mon 8-18', 'mon 25:00-26:00', 'mon 08:00-08:00'])
    expect(parseHours(text), text).toBeUndefined()
})

describe('what holds', () => {
  const wan = (hours: string, zone: string): Wan => ({
    limit_bps: 200e6,
    office: { limit_bps: 50e6, hours: parseHours(hours)! },
    zone,
    relay: undefined,
  })
  const at = (hours: string, zone: string, time: string) => limitAt(wan(hours, zone), new Date(time)) / 1e6
  test('is less in the office hours of the site, in its own zone', () => {
    // A Friday; Zurich is an hour ahead of UTC in November.
    expect(at('mon-fri 08:00-18:00', 'Europe/Zurich', '2026-11-27T06:59:59Z')).toBe(200)
    expect(at('mon-fri 08:00-18:00', 'Europe/Zurich', '2026-11-27T07:00:00Z')).toBe(50)
    expect(at('mon-fri 08:00-18:00', 'Europe/Zurich', '2026-11-27T17:00:00Z')).toBe(200)
    expect(at('mon-fri 08:00-18:00', 'Europe/Zurich', '2026-11-28T10:00:00Z')).toBe(200)
  })
  test('goes on over midnight from the day on which it began', () => {
    expect(at('fri 22:00-06:00', 'UTC', '2026-11-28T05:00:00Z')).toBe(50)
    expect(at('fri 22:00-06:00', 'UTC', '2026-11-27T05:00:00Z')).toBe(200)
  })
})
