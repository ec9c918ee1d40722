import { type Customers, verb } from '../../lab/demo/story.ts'
import type { Report } from '../../src/report/report.ts'

export type Moved = {
  /** The longest time between two accepted orders, as the customers wrote it down. */
  readonly outage_ms: number
  readonly stop_ms: number
  readonly last_copy_ms: number
  readonly estimated_ms: number | undefined
  readonly reported_ms: number | undefined
}

export async function oneMove(customers: Customers, to: string): Promise<Moved> {
  const report = await verb('move', 'shop', '--to', to)
  const from = Date.parse(report.decided_at)
  const until = Date.parse(report.ended_at ?? '')
  const accepted = (await customers.attempts())
    .flatMap((each) => (each.acked_at === null ? [] : [each.acked_at]))
    .filter((at) => at > from - 1000 && at < until)
    .sort((a, b) => a - b)
  return {
    outage_ms: Math.max(...accepted.slice(1).map((at, index) => at - (accepted[index] ?? at))),
    stop_ms: span(report, (each) => each.phase === 'withdraw' && !each.id.startsWith('claim')),
    last_copy_ms: span(report, (each) => each.phase === 'last-copy'),
    estimated_ms: report.numbers.estimated_outage_ms,
    reported_ms: report.numbers.outage_ms,
  }
}

export type Drilled = { readonly verdict_ms: number; readonly clean_up_ms: number }

export async function oneDrill(): Promise<Drilled> {
  const { drill } = await verb('drill', 'shop')
  return { verdict_ms: drill?.verdict_ms ?? Number.NaN, clean_up_ms: drill?.clean_up_ms ?? Number.NaN }
}

function span(report: Report, of: (step: Report['steps'][number]) => boolean): number {
  const steps = report.steps.filter((each) => of(each) && each.from_ms !== undefined)
  const from = Math.min(...steps.map((each) => each.from_ms ?? 0))
  return Math.max(...steps.map((each) => (each.from_ms ?? 0) + (each.took_ms ?? 0))) - from
}
