import { expect, test } from 'vitest'
import { isHalfMade } from './observe.ts'

const made = {
  name: 'db1',
  architecture: 'x86_64',
  description: '',
  ephemeral: false,
  config: { 'volatile.apply_template': 'copy' },
  devices: {},
  profiles: [],
  status: 'Stopped',
  last_used_at: '1970-01-01T00:00:00Z',
}

test('an instance that was never started and has not been noted for its first start is half made', () => {
  expect(isHalfMade({ ...made, config: {} })).toBe(true)
  expect(isHalfMade({ ...made, config: {}, last_used_at: '0001-01-01T00:00:00Z' })).toBe(true)
  expect(isHalfMade(made)).toBe(false)
  expect(isHalfMade({ ...made, config: { 'volatile.apply_template': 'create' } })).toBe(false)
})

test('one that has run is whole: the note goes with the first start', () => {
  expect(isHalfMade({ ...made, config: {}, last_used_at: '2026-11-22T21:56:24Z' })).toBe(false)
  expect(isHalfMade({ ...made, config: {}, status: 'Running' })).toBe(false)
})
