import { useMutation } from '@tanstack/react-query'
import { Link } from 'wouter'
import { type Answer, call } from '../api/client.ts'
import { queries, useAnswer } from '../api/queries.ts'
import { useNow } from '../lib/now.ts'
import { useTitle } from '../lib/title.ts'
import { capital, duration, sent, touchWord } from '../lib/words.ts'
import { Findings } from '../parts/findings.tsx'
import { Mark, OutcomeMark } from '../parts/marks.tsx'
import { Moment } from '../parts/moment.tsx'
import { Failed, Shown } from '../parts/states.tsx'
import { Waterfall } from '../parts/waterfall.tsx'

type Report = Answer<'operation'>

/** An operation at work, and afterwards its report: the same page, so that its address can be shared at any time. */
export function Operation({ operation }: { readonly operation: string }) {
  useTitle(operation)
  const report = useAnswer('operation', { operation })
  return <Shown of={report}>{(data) => <Reported report={data} />}</Shown>
}

function Reported({ report }: { readonly report: Report }) {
  return (
    <>
      <p className="crumbs">
        <Link href="/">Overview</Link> / <Link href={`/stacks/${report.stack}`}>{report.stack}</Link> /{' '}
        {report.operation}
      </p>
      <h1>
        {capital(report.verb)} {report.stack} <OutcomeMark outcome={report.outcome} />
      </h1>
      <p className="summary">{report.summary}</p>
      <p className="muted">
        Decided by {report.by} at <Moment at={report.decided_at} />
        {report.ended_at !== undefined && (
          <>
            , ended at <Moment at={report.ended_at} />
          </>
        )}
      </p>
      <Remedy report={report} />
      {report.failures.length > 0 && (
        <ul className="findings">
          {report.failures.map((failure) => (
            <li key={failure.step} className={failure.optional ? 'warn' : 'bad'}>
              <strong>{failure.step}</strong> {failure.site !== undefined && `at ${failure.site}: `}
              {failure.what}
            </li>
          ))}
        </ul>
      )}
      {report.left.length > 0 && (
        <div className="note bad">
          <p>
            <strong>Could not be taken back:</strong>
          </p>
          <ul>
            {report.left.map((each) => (
              <li key={each}>{each}</li>
            ))}
          </ul>
        </div>
      )}
      <Numbers report={report} />
      {report.drill !== undefined && <Drill stack={report.stack} drill={report.drill} />}
      <h2>Steps</h2>
      <Waterfall report={report} />
      <Log operation={report.operation} open={report.outcome === 'running'} />
      <h2>Touched outside the stack</h2>
      <ul>
        {report.touches.map((touch) => (
          <li key={touch.what}>
            <strong>{touchWord(touch.kind)}</strong> {touch.what}
          </li>
        ))}
        <li>
          {report.physical_devices_touched} physical devices
          {report.physical_otherwise !== undefined && (
            <>
              ; with VLANs and contexts on them{' '}
              <Link href={`/stacks/${report.stack}/touchpoints`}>
                {report.physical_otherwise.touches} touches on {report.physical_otherwise.devices}
              </Link>
            </>
          )}
        </li>
      </ul>
      <h2>Not tested</h2>
      {report.not_tested.length === 0 ? (
        <p>Nothing is listed.</p>
      ) : (
        <ul>
          {report.not_tested.map((each) => (
            <li key={each}>{each}</li>
          ))}
        </ul>
      )}
      <Findings findings={report.findings} />
      <p>
        The report <a href={`/api/v1/operations/${report.operation}/report.txt`}>as text</a>,{' '}
        <a href={`/api/v1/operations/${report.operation}/report.html`}>as a file to keep</a>
      </p>
    </>
  )
}

function Remedy({ report }: { readonly report: Report }) {
  const act = useMutation({
    mutationFn: (what: 'resume' | 'abort') => call(what, { params: { operation: report.operation } }),
    onSettled: () => void queries.invalidateQueries(),
  })
  if (!report.resumable && !report.abortable) return null
  return (
    <div className="note warn">
      <p>
        {report.outcome === 'interrupted'
          ? 'The controller that ran it is gone. Nothing goes on by itself.'
          : 'It is stuck past its point of no return: it can only be finished.'}
      </p>
      {report.resumable && (
        <button type="button" className="primary" disabled={act.isPending} onClick={() => act.mutate('resume')}>
          Resume
        </button>
      )}{' '}
      {report.abortable && (
        <button type="button" disabled={act.isPending} onClick={() => act.mutate('abort')}>
          Abort: take back what was done
        </button>
      )}
      {act.error !== null && <Failed error={act.error} />}
    </div>
  )
}

function Numbers({ report }: { readonly report: Report }) {
  const now = useNow()
  const { numbers } = report
  const facts: (readonly [string, string, string?])[] = []
  if (report.outcome === 'running')
    facts.push(['Since the decision', duration(Math.max(0, now - Date.parse(report.decided_at)))])
  if (numbers.rto_ms !== undefined)
    facts.push(['RTO', duration(numbers.rto_ms), 'from the decision to the first good answer a client got'])
  if (numbers.outage_ms !== undefined) facts.push(['Outage', duration(numbers.outage_ms), 'as a client saw it'])
  if (numbers.point_age_ms !== undefined)
    facts.push(['RPO', duration(numbers.point_age_ms), 'age of the launched point'])
  if (numbers.loss !== undefined)
    facts.push([
      'Loss',
      `${numbers.loss.lost} of ${numbers.loss.acknowledged}`,
      `acknowledged records; ${numbers.loss.lost_before_point} of them older than the point`,
    ])
  if (numbers.pause_ms !== undefined) facts.push(['Pause', duration(numbers.pause_ms), 'of the stateful machines'])
  if (numbers.limit !== undefined) facts.push(['Limit', numbers.limit, 'of the line'])
  if (numbers.sent_bytes !== undefined)
    facts.push(['Sent', sent(numbers.sent_bytes), numbers.incremental === false ? 'in full' : 'changes only'])
  if (numbers.took_ms !== undefined) facts.push(['Took', duration(numbers.took_ms)])
  if (numbers.address !== undefined) facts.push(['Clients reach it at', numbers.address])
  if (facts.length === 0) return null
  return (
    <div className="facts">
      {facts.map(([label, value, words]) => (
        <div key={label} className="fact">
          <span className="label">{label}</span>
          <span className="big">{value}</span>
          {words !== undefined && <span className="muted">{words}</span>}
        </div>
      ))}
    </div>
  )
}

const tones = { passed: 'good', failed: 'bad', open: 'busy' } as const

function Drill({ stack, drill }: { readonly stack: string; readonly drill: NonNullable<Report['drill']> }) {
  return (
    <section aria-labelledby="drill">
      <h2 id="drill">
        Drill {drill.drill} at {drill.site} <Mark tone={tones[drill.verdict]}>{drill.verdict}</Mark>
      </h2>
      {drill.kept && (
        <p className="note warn">
          The bubble was left up. When it has been looked into,{' '}
          <Link href={`/stacks/${stack}/ask/drill?do=stop`}>remove it</Link>, or{' '}
          <Link href={`/stacks/${stack}/ask/drill?do=promote`}>make it the stack</Link>.
        </p>
      )}
      <dl>
        {drill.rows.map((row) => (
          <div key={row.name}>
            <dt>{row.name}</dt>
            <dd>{row.value}</dd>
          </div>
        ))}
      </dl>
    </section>
  )
}

/** While it runs the newest lines come first, so that they are in sight. */
function Log({ operation, open }: { readonly operation: string; readonly open: boolean }) {
  const log = useAnswer('operationLog', { operation })
  return (
    <details open={open}>
      <summary>Journal</summary>
      <Shown of={log}>
        {(lines) => (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and has to by keyboard
          <ol className="log" tabIndex={0} aria-label="journal">
            {(open ? lines.toReversed() : lines).map((line) => (
              <li key={`${line.at} ${line.step ?? ''} ${line.text}`}>
                <Moment at={line.at} />
                <span>
                  {line.step !== undefined && <strong>{line.step}</strong>} {line.text}
                </span>
              </li>
            ))}
          </ol>
        )}
      </Shown>
    </details>
  )
}
