import { describe, expect, it } from 'vitest'
import { digest } from '../lib/digest.ts'
import { reportHtml } from './html.ts'
import type { Report, StepReport } from './report.ts'

const point = {
  name: 'p20261122-194655-425',
  taken_at: '2026-11-22T19:46:55.900Z',
  complete_at: '2026-11-22T19:46:56.600Z',
  pause_ms: 95,
  sent_bytes: 204_000,
  incremental: true,
  machines: ['db1', 'db2'],
  digest: 'a'.repeat(64),
}

const step = (id: string, more: Partial<StepReport> = {}): StepReport => ({
  id,
  phase: 'build',
  site: 'west',
  reason: `reason of ${id}`,
  state: 'done',
  from_ms: 1_300,
  took_ms: 200,
  ...more,
})

const failover: Report = {
  operation: '20261122T194658-failover-shop-0a8d',
  verb: 'failover',
  stack: 'shop',
  summary: 'launch shop at west from point p20261122-194655-425, taken 2.5 s ago, under epoch 2',
  by: 'root@ops',
  decided_at: '2026-11-22T19:46:58.388Z',
  ended_at: '2026-11-22T19:47:03.280Z',
  outcome: 'done',
  phases: [
    { phase: 'claim', from_ms: 1_300, to_ms: 1_340 },
    { phase: 'build', from_ms: 1_340, to_ms: 1_900 },
    { phase: 'verify', from_ms: 2_700, to_ms: 4_892 },
  ],
  steps: [
    step('check 1 at client', { phase: 'verify', from_ms: 4_700, took_ms: 192 }),
    step('claim', { phase: 'claim', from_ms: 1_300, took_ms: 40 }),
    step('make db1', { from_ms: 1_640, took_ms: 260 }),
    step('stop db1 at east', { phase: 'stop', site: 'east', state: 'failed', from_ms: 1_340, took_ms: 900 }),
  ],
  numbers: {
    rto_ms: 4_892,
    point_age_ms: 2_488,
    point,
    pause_ms: undefined,
    sent_bytes: undefined,
    incremental: undefined,
    took_ms: 4_892,
    loss: {
      acknowledged: 289,
      present: 248,
      lost: 41,
      lost_before_point: 0,
      oldest_lost_at: '2026-11-22T19:46:56.007Z',
    },
    address: '198.51.100.196',
  },
  touches: [
    { kind: 'dns-record', what: 'shop.example.com A, TTL 2 s' },
    { kind: 'dhcp-lease', what: 'fw on the outside network of west (02:cb:cc:c4:42:8f)' },
  ],
  physical_devices_touched: 0,
  not_tested: ['clients other than client: their resolvers and paths'],
  findings: [
    { level: 'note', what: 'root@ops states that east is down', hint: 'look at it when it returns', needs: undefined },
  ],
  failures: [
    {
      step: 'stop db1 at east',
      what: 'Incus of east cannot be reached',
      code: 'unreachable',
      site: 'east',
      call: 'power stop',
      detail: undefined,
      optional: true,
    },
  ],
  left: [],
}

describe('a report as a page', () => {
  it('is as it was looked at (update it with vitest -u and look at it in a browser again)', async () => {
    await expect(reportHtml(failover)).toMatchFileSnapshot('html.golden.html')
  })

  it('is the same for the same report', () => {
    expect(reportHtml(structuredClone(failover))).toBe(reportHtml(failover))
  })

  it('holds every word of the report as text and none as markup', () => {
    const hostile = `</style><script src="//x">alert('&amp;')</script>`
    const page = reportHtml(poisoned(failover, hostile))
    expect(page).not.toContain('<script')
    expect(page.match(/<\/style>/g)).toHaveLength(1)
    expect(page).not.toContain(`alert('`)
    // As a browser would show it: as often as it was put in, but for what the page does not show.
    expect(textOf(page).split(hostile).length - 1).toBeGreaterThanOrEqual(25)
  })

  it('lists every failure with its place and what its console said', () => {
    const failures = ['one', 'two'].map((name) => ({
      step: `ready ${name}`,
      what: `not ready within 60 s: ${name}`,
      code: 'unmet',
      site: 'west',
      call: `exec ${name}`,
      detail: `--- ${name}, end of its console\n[FAILED] Failed to start ${name}`,
      optional: false,
    }))
    const left = ['remove instance stack/db1 at west']
    const text = textOf(reportHtml({ ...failover, outcome: 'stuck', failures, left }))
    for (const { step, what, site, call, detail } of failures)
      for (const words of [step, what, site, call, detail]) expect(text).toContain(words)
    expect(text).toContain('Could not be taken back')
    expect(text).toContain(left[0])
    expect(text).toContain('not everything could be taken back')
  })

  it('says what was not measured, and does not list touch points of what was taken back', () => {
    const { loss: _, ...numbers } = failover.numbers
    const unmeasured = textOf(reportHtml({ ...failover, numbers: { ...numbers, loss: undefined } }))
    expect(unmeasured).toContain('not measured')
    expect(textOf(reportHtml({ ...failover, outcome: 'undone' }))).not.toContain('DNS record')
  })

  it('says of a drill what was seen and of what there is no evidence', () => {
    const drill = {
      drill: 'd1',
      site: 'west',
      verdict: 'failed',
      verdict_ms: undefined,
      clean_up_ms: undefined,
      kept: false,
      checks: [{ words: 'GET https://shop.example.com/healthz is 200', good: false, total_ms: undefined }],
      matrix: { pass: 7, stopped: 31, no_evidence: 1 },
      without_evidence: ['web1 to db1 tcp/5432'],
      border: undefined,
      untouched: undefined,
      shell: undefined,
    } as const
    const text = textOf(reportHtml({ ...failover, verb: 'drill', drill }))
    expect(text).toContain('FAILED')
    expect(text).toContain('7 declared flows passed, 31 undeclared ones were stopped, 1 without evidence')
    expect(text).toContain('no evidenceweb1 to db1 tcp/5432')
    expect(text).toContain('no evidence of what left the bubble')
  })

  it('fetches nothing and runs nothing', () => {
    const page = reportHtml(failover)
    expect(page).not.toMatch(/\b(src|href|url)\s*[=(]|@import|\son\w+=|javascript:/i)
    expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`)
  })

  it('carries the digest of what report --json prints', () => {
    const json = JSON.parse(JSON.stringify(failover, undefined, 2))
    expect(reportHtml(failover)).toContain(digest(json))
  })
})

/** The report with every text of it followed by the poison, but for words of a fixed list. */
function poisoned<T>(value: T, poison: string): T {
  const fixed = ['outcome', 'state', 'phase', 'kind', 'level', 'verb', 'decided_at', 'ended_at']
  if (typeof value === 'string') return `${value}${poison}` as T
  if (Array.isArray(value)) return value.map((each) => poisoned(each, poison)) as T
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, fixed.includes(key) ? each : poisoned(each, poison)]),
  ) as T
}

/** What a reader sees: without tags, entities resolved. */
function textOf(page: string): string {
  const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }
  return page
    .slice(page.indexOf('<body>'))
    .replaceAll(/<[^>]*>/g, '')
    .replaceAll(/&(\w+|#39);/g, (_, name: string) => entities[name] ?? '')
}
