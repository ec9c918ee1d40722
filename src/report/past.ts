import { fold, type JournalEvent } from '../execute/journal.ts'
import type { Past } from '../operations/situation.ts'
import { type Report, reportOf, type StepReport } from './report.ts'

/** What operations have shown that ended well, for an estimate of the next. Journals newest first. */
export function pastOf(journals: readonly (readonly JournalEvent[])[]): Past {
  const known = journals.flatMap((events) => {
    const state = fold(events)
    return state.ended?.outcome === 'done' ? [{ events, state, report: reportOf(events) }] : []
  })
  const of = (find: (report: Report) => { readonly site: string; readonly s: number } | undefined) =>
    known.flatMap(({ report }) => {
      const found = find(report)
      return found === undefined ? [] : [{ ...found, verb: report.verb, operation: report.operation }]
    })
  return {
    stops: of((report) =>
      span(report.steps.filter((each) => each.phase === 'withdraw' && !each.id.startsWith('claim'))),
    ),
    launches: of(launched),
    leases: known.flatMap(({ state, report }) =>
      report.verb === 'drill'
        ? []
        : report.steps.flatMap((each) => {
            const found = state.done.get(each.id)
            return each.id.startsWith('lease ') && found?.address !== undefined
              ? [
                  {
                    site: each.site,
                    appliance: each.id.slice(6),
                    address: String(found.address),
                    at: report.ended_at ?? report.decided_at,
                  },
                ]
              : []
          }),
    ),
  }
}

/** From the claim, or from the first clone, until all was ready and the checks were good. */
function launched(report: Report): { readonly site: string; readonly s: number } | undefined {
  const made = report.steps.filter((each) => each.phase === 'start' && each.state === 'done')
  const ended = report.steps.filter(
    (each) => each.phase === 'ready' || (each.phase === 'verify' && each.id.startsWith('check ')),
  )
  const first = report.steps.find((each) => each.id === 'claim')
  if (made.length === 0 || ended.length === 0) return undefined
  if (report.verb === 'deploy' && first === undefined) return undefined
  const moved = report.verb === 'move' || report.verb === 'failback'
  const built = report.steps.filter((each) => each.phase === 'build')
  const from = moved || report.verb === 'failover' ? first : built[0]
  const whole = span([...made, ...ended])
  if (from?.from_ms === undefined || whole === undefined) return undefined
  const to = Math.max(...ended.map((each) => (each.from_ms ?? 0) + (each.took_ms ?? 0)))
  return { site: made[0]?.site ?? '', s: (to - from.from_ms) / 1000 }
}

function span(steps: readonly StepReport[]): { readonly site: string; readonly s: number } | undefined {
  const ran = steps.filter((each) => each.from_ms !== undefined && each.took_ms !== undefined)
  if (ran.length === 0 || ran.length < steps.length) return undefined
  const from = Math.min(...ran.map((each) => each.from_ms ?? 0))
  const to = Math.max(...ran.map((each) => (each.from_ms ?? 0) + (each.took_ms ?? 0)))
  return { site: ran[0]?.site ?? '', s: (to - from) / 1000 }
}
