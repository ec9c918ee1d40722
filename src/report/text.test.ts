import { expect, test } from 'vitest'
import type { JournalEvent } from '../execute/journal.ts'
import type { Plan } from '../plan/plan.ts'
import { step } from '../plan/step.ts'
import { reportOf } from './report.ts'
import { planText, reportText, stepLine } from './text.ts'

const area = { kind: 'stack', stack: 'shop' } as const
const point = {
  name: 'p20260101-000000-000',
  taken_at: '2025-12-31T23:59:57.500Z',
  complete_at: '2025-12-31T23:59:58.000Z',
  pause_ms: 80,
  sent_bytes: 73_000,
  incremental: true,
  machines: ['db1'],
  digest: '0'.repeat(64),
}
const get = { method: 'GET', url: 'https://shop.example.com/', status: 200 } as const
const plan: Plan = {
  verb: 'failover',
  stack: 'shop',
  made_at: '2026-01-01T00:00:00.000Z',
  summary: 'launch shop at west',
  steps: [
    step('build', 'west', 'area', { do: 'area', area }, 'a home', { undo: [{ do: 'remove-area', area }] }),
    step('verify', 'west', 'check 1', { do: 'check', place: 'client', check: get, within_s: 60 }, 'a client', {
      after: ['area'],
      point_of_no_return: true,
    }),
    step('clean', 'west', 'drop', { do: 'remove-area', area }, 'not needed', { after: ['check 1'], optional: true }),
  ],
  touches: [{ kind: 'dns-record', what: 'shop.example.com' }],
  not_tested: ['the real ingress'],
  point,
  undoable: true,
  findings: [{ level: 'warning', what: 'the clock of west is 70 s off', hint: 'set it', needs: undefined }],
}
const at = (ms: number) => new Date(Date.parse(plan.made_at) + ms).toISOString()
const failure = { what: 'refused', code: 'rejected', site: 'west', call: 'removeArea', detail: 'line one\nline two' }
const begun: readonly JournalEvent[] = [
  { type: 'planned', at: at(0), operation: 'op-1', by: 'root@ops', plan },
  { type: 'step-started', at: at(100), step: 'area' },
  { type: 'step-done', at: at(300), step: 'area', found: {} },
]
const done: readonly JournalEvent[] = [
  ...begun,
  { type: 'step-started', at: at(300), step: 'check 1' },
  { type: 'step-done', at: at(4_900), step: 'check 1', found: { at: at(4_850), tries: 3 } },
  { type: 'step-started', at: at(4_900), step: 'drop' },
  { type: 'step-failed', at: at(5_000), step: 'drop', failure },
  { type: 'ended', at: at(5_000), outcome: 'done' },
]

test('numbers are what was measured in the journal, from the decision on', () => {
  const report = reportOf(done)
  expect(report).toMatchObject({ outcome: 'done', physical_devices_touched: 0, left: [] })
  expect(report.numbers).toMatchObject({ rto_ms: 4_850, point_age_ms: 2_500, took_ms: 5_000, pause_ms: undefined })
  expect(report.phases).toEqual([
    { phase: 'build', from_ms: 100, to_ms: 300 },
    { phase: 'verify', from_ms: 300, to_ms: 4_900 },
    { phase: 'clean', from_ms: 4_900, to_ms: 5_000 },
  ])
  expect(report.steps.map(({ state }) => state)).toEqual(['done', 'done', 'failed'])
  expect(report.failures).toMatchObject([{ step: 'drop', optional: true, code: 'rejected' }])
})

test('a report for people tells the outcome, the numbers, what failed, what was touched and what was not tested', () => {
  const text = reportText(reportOf(done))
  for (const told of [
    'failover shop: done in 5.0 s',
    'operation op-1',
    '4.8 s from the decision to the first good answer',
    '2.5 s old at the decision',
    'not measured: no record of acknowledged writes was compared',
    'drop: refused (west, removeArea) - the operation went on',
    'line two',
    'the clock of west is 70 s off',
    'DNS record  shop.example.com',
    'physical devices: 0',
    'the real ingress',
  ])
    expect(text).toContain(told)
})

test('a measured loss is told with the oldest, and what is older than the point', () => {
  const loss = { acknowledged: 9, present: 7, lost: 2, lost_before_point: 0, oldest_lost_at: at(-1_000) }
  const text = reportText(reportOf([...done, { type: 'loss', at: at(6_000), loss }]))
  expect(text).toContain(`2 of 9 acknowledged, the oldest acknowledged ${at(-1_000)}; 0 older than the point`)
})

test('an operation without an end is running, or its controller died; one taken back touched nothing', () => {
  expect(reportText(reportOf(begun))).toContain('not finished: it is running, or its controller died')
  const undone = reportOf([
    ...begun,
    { type: 'step-failed', at: at(400), step: 'check 1', failure },
    { type: 'unwinding', at: at(400), because: 'check 1: refused' },
    { type: 'undone', at: at(450), step: 'area' },
    { type: 'ended', at: at(500), outcome: 'undone' },
  ])
  expect(reportText(undone)).toContain('failed in 500 ms; everything was taken back')
  expect(reportText(undone)).not.toContain('DNS record')
  expect(undone.steps.map((each) => stepLine(each))).toContainEqual(expect.stringContaining('area at west: undone'))
})

test('what could not be taken back needs a person, and is named', () => {
  const report = reportOf([
    ...begun,
    { type: 'unwinding', at: at(400), because: 'x' },
    { type: 'undo-failed', at: at(450), step: 'area', left: 'remove area stack at west', failure },
    { type: 'ended', at: at(500), outcome: 'stuck' },
  ])
  expect(reportText(report)).toContain('not everything could be taken back')
  expect(reportText(report)).toContain('remove area stack at west')
})

test('a plan shows order, reason, undo and where there is no way back', () => {
  const lines = planText(plan).split('\n')
  const of = (id: string) => lines.find((line) => line.includes(` ${id} `)) ?? ''
  expect(of('area')).toMatch(/^ +1 +build +west +area +a home, can be undone$/)
  expect(of('check 1')).toMatch(/^ +2 .*no return from here/)
  expect(of('drop')).toMatch(/^ +3 .*may fail$/)
  expect(planText(plan)).toContain('physical devices: 0')
})

test('a journal without a plan is no journal', () => {
  expect(() => reportOf([])).toThrow('no journal')
})

test('what was sent, where nobody could count it, is not told as nothing', () => {
  const report = reportOf(done)
  const cycle = { ...report, numbers: { ...report.numbers, sent_bytes: 0, incremental: true } }
  expect(reportText(cycle)).toMatch(/sent +bytes not counted, incremental/)
})
