import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Plan } from '../plan/plan.ts'
import { step } from '../plan/step.ts'
import { attend } from './attend.ts'

const said = vi.spyOn(console, 'error').mockImplementation(() => {})
beforeEach(() => said.mockClear())

const nobody = { area: { kind: 'stack', stack: 'shop' }, name: 'nobody' } as const
const claim = step('claim', 'west', 'claim', { do: 'power', instance: nobody, verb: 'kill', within_s: 1 }, 'turn', {
  point_of_no_return: true,
})
const plan = { verb: 'failover', stack: 'shop', undoable: true, steps: [claim] } as unknown as Plan
const at = '2026-11-27T12:00:00.000Z'
let attention: ReturnType<typeof attend>
afterEach(() => attention.release())

test('the first signal asks for an end and says what will come of it, the second one changes nothing', () => {
  attention = attend(plan, {})
  process.emit('SIGINT', 'SIGINT')
  expect(attention.stop.reason).toBe('interrupted by SIGINT')
  expect(said.mock.lastCall?.[0]).toMatch(/failover shop ends .* everything is taken back/)
  process.emit('SIGINT', 'SIGINT')
  expect(attention.stop.reason).toBe('interrupted by SIGINT')
  expect(said.mock.lastCall?.[0]).toContain('cannot be cancelled')
})

test.each([
  ['begun in this command', {}, true],
  ['begun by a controller before', { before: [{ type: 'step-started', at, step: 'claim' } as const] }, false],
])('past the point of no return, %s, nothing is said of taking back', (_, options, tell) => {
  attention = attend(plan, options)
  if (tell) attention.watch({ type: 'step-started', at, step: 'claim' })
  process.emit('SIGTERM', 'SIGTERM')
  expect(said.mock.lastCall?.[0]).toMatch(/past its point of no return: .* lifeboat resume/)
})

test('a terminal that is gone ends nothing, but where that was asked for', () => {
  attention = attend(plan, {})
  process.emit('SIGHUP', 'SIGHUP')
  expect(attention.stop.aborted).toBe(false)
  attention.release()
  attention = attend(plan, { ends_at_hangup: true })
  process.emit('SIGHUP', 'SIGHUP')
  expect(attention.stop.aborted).toBe(true)
})

test('what is being taken back goes on', () => {
  attention = attend(plan, { unwinding: true })
  process.emit('SIGINT', 'SIGINT')
  expect(attention.stop.aborted).toBe(false)
  expect(said.mock.lastCall?.[0]).toContain('cannot be cancelled')
})

test('afterwards signals are the system’s again', () => {
  const before = process.listenerCount('SIGINT')
  attention = attend(plan, {})
  expect(process.listenerCount('SIGINT')).toBe(before + 1)
  attention.release()
  expect(process.listenerCount('SIGINT')).toBe(before)
})
