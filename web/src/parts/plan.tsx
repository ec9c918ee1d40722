import type { Answer } from '../api/client.ts'
import { duration, touchWord } from '../lib/words.ts'
import { Findings } from './findings.tsx'
import { Ago } from './moment.tsx'

type Plan = Answer<'plan'>

/** The plan as a document: what, how long, what is touched, every step with its reason. */
export function PlanShown({ plan }: { readonly plan: Plan }) {
  const noReturn = plan.steps.find((step) => step.point_of_no_return)
  return (
    <section aria-labelledby="plan">
      <h2 id="plan">The plan</h2>
      <p className="summary">{plan.summary}</p>
      <Findings findings={plan.findings} />
      <div className="facts">
        <Estimate label="Takes about" ms={plan.estimate.took_ms} />
        <Estimate
          label="Outage for clients"
          ms={plan.estimate.outage_ms}
          none={plan.verb === 'drill' ? 'none' : undefined}
        />
        <Estimate
          label="Loss window"
          ms={plan.estimate.loss_window_ms}
          none={plan.verb === 'drill' || plan.verb === 'replicate' ? 'none' : undefined}
        />
        {plan.point !== undefined && (
          <div className="fact">
            <span className="label">Launches</span>
            <code>{plan.point.name}</code>
            <span className="muted">
              taken <Ago at={plan.point.taken_at} />
            </span>
          </div>
        )}
        <div className="fact">
          <span className="label">Way back</span>
          <span>
            {noReturn === undefined
              ? plan.undoable
                ? 'can be taken back to the end'
                : 'none'
              : `can be taken back until ${noReturn.id}`}
          </span>
        </div>
      </div>
      <p className="muted">The estimate rests on: {plan.estimate.from}.</p>
      <h3>Touched outside the stack</h3>
      {plan.touches.length === 0 ? (
        <p>Nothing. No physical device.</p>
      ) : (
        <ul>
          {plan.touches.map((touch) => (
            <li key={touch.what}>
              <strong>{touchWord(touch.kind)}</strong> {touch.what}
            </li>
          ))}
          <li>no physical device</li>
        </ul>
      )}
      {plan.not_tested.length > 0 && (
        <>
          <h3>Not tested by this</h3>
          <ul>
            {plan.not_tested.map((each) => (
              <li key={each}>{each}</li>
            ))}
          </ul>
        </>
      )}
      <details>
        <summary>{plan.steps.length} steps</summary>
        <table className="rows">
          <thead>
            <tr>
              <th scope="col">Phase</th>
              <th scope="col">Step</th>
              <th scope="col">Site</th>
              <th scope="col">Why</th>
              <th scope="col">Undo</th>
            </tr>
          </thead>
          <tbody>
            {plan.steps.map((step) => (
              <tr key={step.id} className={step.point_of_no_return ? 'no-return' : ''}>
                <td data-label="Phase">{step.phase}</td>
                <th scope="row">{step.id}</th>
                <td data-label="Site">{step.site}</td>
                <td data-label="Why">
                  {step.reason}
                  {step.optional && <span className="muted"> may fail</span>}
                </td>
                <td data-label="Undo">
                  {step.point_of_no_return ? 'point of no return' : step.undoable ? 'yes' : 'no'}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </section>
  )
}

function Estimate({
  label,
  ms,
  none,
}: {
  readonly label: string
  readonly ms: number | undefined
  readonly none?: string | undefined
}) {
  return (
    <div className="fact">
      <span className="label">{label}</span>
      <span className="big">{ms !== undefined ? duration(ms) : (none ?? 'not known')}</span>
    </div>
  )
}
