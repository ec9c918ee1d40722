import { describe, expect, test } from 'vitest'
import { drillAt, elsewhere, needsGuard, ownerOf, replicateAt, type Task } from './due.ts'
import type { Seen } from './seen.ts'

const now = new Date('2026-11-22T12:00:00Z')
const peers = (state: 'answers' | 'silent' | 'none', seen_at?: string) =>
  new Map([['west', { site: 'west', state, ...(seen_at === undefined ? {} : { seen_at }) }]])
const task: Task = {
  stack: 'shop',
  task: 'replicate',
  cycles: [],
  failures: 0,
  last_at: undefined,
  last: undefined,
  next_at: undefined,
}
const at = (time: string) => Date.parse(`2026-11-22T${time}Z`)
const seen = (more: Partial<Seen>): Seen =>
  ({
    stack: 'shop',
    active: 'east',
    standby: 'west',
    protected: true,
    rpo_ms: 60_000,
    newest_point_at: '2026-11-22T11:59:50Z',
    proof: undefined,
    drill: undefined,
    status: { sites: [] },
    ...more,
  }) as unknown as Seen

describe('who does it', () => {
  test('the controller at the standby, wherever the roles have gone', () => {
    expect(ownerOf(seen({}), 'west', peers('none'), now, 60_000).here).toBe(true)
    expect(ownerOf(seen({}), 'east', peers('answers'), now, 60_000).here).toBe(false)
    expect(ownerOf(seen({ active: 'west', standby: 'east' }), 'east', peers('answers'), now, 60_000).here).toBe(true)
  })
  test('the other one, where there is none, or when that one has been silent for a minute', () => {
    expect(ownerOf(seen({}), 'east', peers('none'), now, 60_000).here).toBe(true)
    expect(ownerOf(seen({}), 'east', peers('silent', '2026-11-22T11:59:30Z'), now, 60_000).here).toBe(false)
    expect(ownerOf(seen({}), 'east', peers('silent', '2026-11-22T11:58:30Z'), now, 60_000).here).toBe(true)
  })
  test('the active one where no standby is seen; nobody where nothing is', () => {
    expect(ownerOf(seen({ standby: undefined }), 'east', peers('answers'), now, 60_000).here).toBe(true)
    expect(ownerOf(seen({ standby: undefined, active: undefined }), 'east', peers('answers'), now, 60_000).here).toBe(
      false,
    )
  })
})

describe('what the other controller is at', () => {
  const runs = [{ stack: 'shop', verb: 'move' as const, operation: 'x-move-shop-1' }]
  const at_work = (state: 'answers' | 'silent', seen_at: string) =>
    new Map([['west', { site: 'west', state, seen_at, runs }]])
  test('is left to it, also when it was lost a moment ago', () => {
    expect(elsewhere('shop', at_work('answers', '2026-11-22T12:00:00Z'), now, 60_000)).toContain('x-move-shop-1')
    expect(elsewhere('shop', at_work('silent', '2026-11-22T11:59:30Z'), now, 60_000)).toContain('x-move-shop-1')
  })
  test('but not when it is at what the task goes on beside: a drill there is no reason to miss the target', () => {
    const drilling = [{ stack: 'shop', verb: 'drill' as const, operation: 'x-drill-shop-1' }]
    const west = { site: 'west', state: 'answers' as const, seen_at: '2026-11-22T12:00:00Z', runs: drilling }
    const drills = new Map([['west', west]])
    expect(elsewhere('shop', drills, now, 60_000)).toContain('x-drill-shop-1')
    expect(elsewhere('shop', drills, now, 60_000, ['drill', 'rescue'])).toBeUndefined()
    expect(elsewhere('shop', at_work('answers', '2026-11-22T12:00:00Z'), now, 60_000, ['drill', 'rescue'])).toContain(
      'x-move-shop-1',
    )
  })
  test('but not when it is gone, and no other stack is', () => {
    expect(elsewhere('shop', at_work('silent', '2026-11-22T11:58:30Z'), now, 60_000)).toBeUndefined()
    expect(elsewhere('wiki', at_work('answers', '2026-11-22T12:00:00Z'), now, 60_000)).toBeUndefined()
  })
})

describe('when a cycle begins', () => {
  test('so early that its point is complete in time, by the longest of the recent ones', () => {
    const cycle = { began_ms: at('11:59:48'), taken_ms: at('11:59:50'), complete_ms: at('11:59:52'), incremental: true }
    const due = replicateAt(seen({}), { ...task, cycles: [cycle], last_at: at('11:59:52') }, now.getTime()) ?? 0
    expect(due + 4000).toBeLessThan(at('12:00:50'))
    expect(due).toBeGreaterThan(at('12:00:30'))
  })
  test('at half the target where nothing is known of its length', () => {
    expect(replicateAt(seen({}), task, now.getTime())).toBe(at('12:00:20'))
  })
  test('later each time it fails, a minute apart at most', () => {
    const after = (failures: number) =>
      replicateAt(seen({}), { ...task, failures, last_at: now.getTime() }, now.getTime()) ?? 0
    expect([1, 2, 3, 20].map((failures) => after(failures) - now.getTime())).toEqual([1000, 2000, 4000, 60_000])
  })
  test('never where nothing is protected or nobody is active', () => {
    expect(replicateAt(seen({ protected: false }), task, now.getTime())).toBeUndefined()
    expect(replicateAt(seen({ active: undefined }), task, now.getTime())).toBeUndefined()
  })
})

describe('when a drill begins', () => {
  const nightly = { every: '0 3 * * *', within_ms: 2 * 3_600_000 }
  test('at its next time in UTC', () => {
    expect(drillAt(seen({ drill: nightly }), task, now)).toBe(Date.parse('2026-11-23T03:00:00Z'))
  })
  test('late, but not later than its window; then the next time', () => {
    expect(drillAt(seen({ drill: nightly }), task, new Date(at('04:59:00')))).toBe(at('03:00:00'))
    expect(drillAt(seen({ drill: nightly }), task, new Date(at('05:01:00')))).toBe(Date.parse('2026-11-23T03:00:00Z'))
  })
  test('once: also where the other controller or a person has drilled meanwhile', () => {
    const proof = { started_at: '2026-11-22T03:00:05Z' } as Seen['proof']
    expect(drillAt(seen({ drill: nightly, proof }), task, new Date(at('03:30:00')))).toBe(
      Date.parse('2026-11-23T03:00:00Z'),
    )
  })
  test('not without a standby and a point', () => {
    expect(drillAt(seen({ drill: nightly, newest_point_at: undefined }), task, now)).toBeUndefined()
  })
})

test('the guard is needed where two are active, or something runs or is paused where it should not', () => {
  const site = (role: string, power?: string) => ({ role, instances: power === undefined ? [] : [{ power }] })
  const of = (...sites: readonly object[]) => needsGuard(seen({ status: { sites } as never }))
  expect(of(site('active', 'running'), site('standby'))).toBe(false)
  expect(of(site('active', 'running'), site('active', 'stopped'))).toBe(true)
  expect(of(site('active', 'running'), site('stale', 'running'))).toBe(true)
  expect(of(site('active', 'paused'), site('standby'))).toBe(true)
})

test('a cycle begins as much earlier as a limit makes it longer', () => {
  const cycle = {
    ...{ began_ms: at('11:59:48'), taken_ms: at('11:59:50'), complete_ms: at('11:59:52') },
    ...{ incremental: true, sent_bytes: 10_000_000 },
  }
  const due = (limit_bps?: number) =>
    replicateAt(seen({}), { ...task, cycles: [cycle], last_at: at('11:59:52') }, now.getTime(), limit_bps) ?? 0
  // 80 Mbit at 20 Mbit/s are 4 s more, half as long again.
  expect(due() - due(20e6)).toBe(6000)
  expect(due(1e12)).toBeCloseTo(due(), 0)
})
