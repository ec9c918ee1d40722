import type { Answer } from '../api/client.ts'
import { useNow } from '../lib/now.ts'
import { duration } from '../lib/words.ts'

type Report = Answer<'operation'>
type Step = Report['steps'][number]

/** Every step against the clock that began with the decision. */
export function Waterfall({ report }: { readonly report: Report }) {
  const now = useNow()
  const since_ms = Math.max(0, now - Date.parse(report.decided_at))
  const end = (step: Step) =>
    step.from_ms === undefined
      ? 0
      : step.from_ms + (step.took_ms ?? (step.state === 'running' ? since_ms - step.from_ms : 0))
  const total = Math.max(1, ...report.steps.map(end), ...report.phases.map((phase) => phase.to_ms))
  const share = (ms: number) => `${Math.min(100, (ms / total) * 100)}%`
  const done = report.steps.filter((step) => step.state === 'done').length
  return (
    <>
      <p className="muted" role="status">
        {done} of {report.steps.length} done, {duration(total)}
      </p>
      <ol className="waterfall">
        <li className="axis" aria-hidden="true">
          <span className="name muted">since the decision</span>
          <span className="lane">
            {[0, 0.25, 0.5, 0.75].map((part) => (
              <span key={part} className="tick" style={{ left: `${part * 100}%` }}>
                {part === 0 ? '0' : duration(total * part)}
              </span>
            ))}
          </span>
          <span className="took">{duration(total)}</span>
        </li>
        {report.steps.map((step) => (
          <li key={step.id} className={step.state.replace(' ', '-')} title={step.reason}>
            <span className="name">
              {step.id} <span className="muted">{step.site}</span>
            </span>
            <span className="lane" aria-hidden="true">
              {step.from_ms !== undefined && (
                <span
                  className="span"
                  style={{ left: share(step.from_ms), width: share(Math.max(0, end(step) - step.from_ms)) }}
                />
              )}
            </span>
            <span className="took">
              {step.state === 'done'
                ? duration(step.took_ms ?? 0)
                : step.state === 'running'
                  ? `${duration(Math.max(0, end(step) - (step.from_ms ?? 0)))} so far`
                  : step.state}
            </span>
          </li>
        ))}
      </ol>
    </>
  )
}
