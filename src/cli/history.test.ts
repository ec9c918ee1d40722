import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { JournalEvent } from '../execute/journal.ts'
import type { Plan } from '../plan/plan.ts'
import { step } from '../plan/step.ts'
import { openStore, type Store } from '../store/store.ts'
import { historyOf, historyText } from './history.ts'

let dir = ''
let store: Store
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lifeboat-history-'))
  store = openStore(dir)
})
afterEach(() => rmSync(dir, { recursive: true }))

test('a journal is one line: when, what, how it ended, how long it took, from the decision to the first good answer', () => {
  journal('failover', '2026-11-22T19:46:58.388Z', [
    done('check', '2026-11-22T19:47:03.280Z', { at: '2026-11-22T19:47:03.280Z' }),
    { type: 'ended', at: '2026-11-22T19:47:03.318Z', outcome: 'done' },
  ])
  expect(historyOf(store)).toEqual([
    {
      operation: '2026-11-22T19-46-58-failover',
      verb: 'failover',
      stack: 'shop',
      outcome: 'done',
      by: 'root@ops',
      decided_at: '2026-11-22T19:46:58.388Z',
      took_ms: 4_930,
      rto_ms: 4_892,
      outage_ms: undefined,
      point: undefined,
      failed: 0,
    },
  ])
  expect(historyText(historyOf(store))).toMatch(/2026-11-22 19:46:58 +failover +shop +done +4\.9 s +4\.9 s +- +2026/)
})

test('what failed, and what has not ended, is not taken for done; a cycle that was taken back made no point', () => {
  const failure = { what: 'no', code: 'unmet', site: undefined, call: undefined, detail: undefined }
  journal('replicate', '2026-11-22T19:00:00.000Z', [
    { type: 'step-failed', at: '2026-11-22T19:00:01.000Z', step: 'check', failure },
    { type: 'ended', at: '2026-11-22T19:00:02.000Z', outcome: 'undone' },
  ])
  journal('replicate', '2026-11-22T19:01:00.000Z', [{ type: 'ended', at: '2026-11-22T19:01:01.000Z', outcome: 'done' }])
  journal('replicate', '2026-11-22T19:02:00.000Z', [])
  const [undone, made, open] = historyOf(store)
  expect(undone).toMatchObject({ outcome: 'undone', failed: 1, point: undefined })
  expect(made).toMatchObject({ outcome: 'done', point: 'p20261122-190000-000' })
  expect(open).toMatchObject({ outcome: 'running', took_ms: undefined, point: undefined })
  const text = historyText(historyOf(store))
  expect(text).toContain('undone, 1 failed')
  expect(text).toContain('not ended')
})

test('a journal that was never written further than its folder is left out, and the others are told', () => {
  store.append('2026-11-22T18-00-00-torn', { type: 'resumed', at: '2026-11-22T18:00:00.000Z', by: 'root@ops' })
  journal('deploy', '2026-11-22T19:00:00.000Z', [])
  expect(historyOf(store).map((each) => each.verb)).toEqual(['deploy'])
})

function journal(verb: Plan['verb'], made_at: string, events: readonly JournalEvent[]): void {
  const operation = `${made_at.slice(0, 19).replaceAll(':', '-')}-${verb}`
  const check = { method: 'GET', url: 'https://shop.example.com/', status: 200 } as const
  const plan: Plan = {
    verb,
    stack: 'shop',
    made_at,
    summary: 'point p20261122-190000-000 of db1 from east to west',
    steps: [step('verify', 'west', 'check', { do: 'check', place: 'client', check, within_s: 1 }, 'it answers')],
    touches: [],
    not_tested: [],
    point: undefined,
    undoable: true,
    findings: [],
  }
  for (const event of [{ type: 'planned', at: made_at, operation, by: 'root@ops', plan } as const, ...events])
    store.append(operation, event)
}

function done(name: string, at: string, found: Readonly<Record<string, string>>): JournalEvent {
  return { type: 'step-done', at, step: name, found }
}
