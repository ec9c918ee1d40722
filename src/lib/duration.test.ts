import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatBytes, formatDuration, formatSent, parseDuration_s } from './duration.ts'

test.each([
  ['10s', 10],
  ['5m', 300],
  ['1h30m', 5_400],
  ['2d', 172_800],
  ['0s', 0],
])('%s is %d seconds', (text, seconds) => expect(parseDuration_s(text)).toBe(seconds))

test.each(['', '10', 's', '1.5h', '-1s', '30m1h', '10 s', '1s1s', '99999999999999999999s'])(
  '%j is no duration',
  (text) => expect(parseDuration_s(text)).toBeUndefined(),
)

test.each([
  [0, '0 ms'],
  [12.4, '12 ms'],
  [999.6, '1.0 s'],
  [4_230, '4.2 s'],
  [59_949, '59.9 s'],
  [59_960, '1 min'],
  [200_000, '3 min 20 s'],
  [3_599_600, '1 h'],
  [7_500_000, '2 h 5 min'],
  [273_600_000, '3 d 4 h'],
  [-1_500, '-1.5 s'],
])('%d ms reads %s', (ms, text) => expect(formatDuration(ms)).toBe(text))

test('no text ever says 60 of a unit that has a larger one', () => {
  fc.assert(fc.property(fc.nat(400_000_000), (ms) => !/\b(60(\.0)? (s|min)|1000 ms|24 h)\b/.test(formatDuration(ms))))
})

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1.0 kB'],
  [280_000, '280 kB'],
  [999_600, '1.0 MB'],
  [1_234_567, '1.2 MB'],
  [9_960_000, '10 MB'],
  [529_000_000, '529 MB'],
])('%d bytes read %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

test('a transfer of no bytes is one that nobody could count', () => {
  expect(formatSent(0)).toBe('bytes not counted')
  expect(formatSent(204_000)).toBe('204 kB')
})
