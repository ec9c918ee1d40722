import { expect, test } from 'vitest'
import { virtualClock } from '../../lib/clock.ts'
import { openThrottle } from './throttle.ts'

test('each failure after the fifth waits twice as long, nothing is locked for good, and success forgets', async () => {
  const clock = virtualClock(new Date('2026-01-01T00:00:00Z'), { auto: false })
  const throttle = openThrottle(clock)
  const fail = (times: number) => {
    for (let n = 0; n < times; n++) throttle.failed('user root', 'from ::1')
  }
  fail(4)
  throttle.check('user root')
  fail(1)
  expect(() => throttle.check('user root')).toThrow('too many tries')
  expect(() => throttle.check('user other', 'from ::1')).toThrow('too many tries')
  throttle.check('user other')
  await clock.advance(1001)
  throttle.check('user root')
  fail(30)
  await clock.advance(14 * 60_000)
  expect(() => throttle.check('user root')).toThrow('too many tries')
  await clock.advance(2 * 60_000)
  throttle.check('user root')
  throttle.succeeded('user root')
  throttle.failed('user root')
  throttle.check('user root')
})
