import { afterEach, expect, test, vi } from 'vitest'
import type { Plan } from '../plan/plan.ts'
import { progress } from './progress.ts'

const said = vi.spyOn(console, 'log').mockImplementation(() => {})

afterEach(() => said.mockClear())

const plan: Plan = {
  verb: 'replicate',
  stack: 'shop',
  made_at: '2026-01-01T00:00:00.000Z',
  summary: 'a point',
  steps: [],
  touches: [],
  not_tested: [],
  point: undefined,
  undoable: true,
  findings: [],
}
const at = (ms: number) => new Date(Date.parse(plan.made_at) + ms).toISOString()
const failure = { what: 'the pool is full', code: 'no-space', site: 'west', call: 'receive', detail: undefined }

test('away from a terminal there is a line for each step that ended, with its time since the decision', () => {
  const { watch } = progress(plan, false)
  watch({ type: 'step-started', at: at(100), step: 'checkpoint' })
  watch({ type: 'step-started', at: at(100), step: 'receive db1' })
  watch({ type: 'progress', step: 'receive db1', text: '1.0 MB' })
  watch({ type: 'step-done', at: at(350), step: 'checkpoint', found: {} })
  watch({ type: 'step-failed', at: at(1_400), step: 'receive db1', failure })
  watch({ type: 'unwinding', at: at(1_400), because: 'receive db1: the pool is full' })
  watch({ type: 'undo-failed', at: at(1_500), step: 'checkpoint', left: 'remove snapshot p1', failure })
  watch({ type: 'ended', at: at(1_600), outcome: 'stuck' })
  const lines = said.mock.calls.map(([line]) => String(line).replaceAll(/ +/g, ' ').trim())
  expect(lines).toEqual([
    '350 ms done checkpoint 250 ms',
    '1.4 s FAILED receive db1 1.3 s the pool is full',
    'taking everything back: receive db1: the pool is full',
    '1.5 s LEFT checkpoint remove snapshot p1: the pool is full',
  ])
})

test('with --json nothing is shown', () => {
  const { watch, end } = progress(plan, true)
  watch({ type: 'step-done', at: at(350), step: 'checkpoint', found: {} })
  end()
  expect(said).not.toHaveBeenCalled()
})
