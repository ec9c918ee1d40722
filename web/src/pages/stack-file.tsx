import type { Answer } from '../api/client.ts'
import { useAnswer } from '../api/queries.ts'
import { count } from '../lib/words.ts'
import { Mark, type Tone } from '../parts/marks.tsx'
import { Shown } from '../parts/states.tsx'

type Difference = Answer<'differences'>['differences'][number]
const causes: Readonly<Record<Difference['by'], readonly [Tone, string]>> = {
  hand: ['bad', 'changed by hand'],
  file: ['warn', 'the file changed'],
  standby: ['warn', 'the standby lags behind'],
}

/** What is at the sites against the file that was deployed, looked at when the tab is opened. */
function Differences({ stack }: { readonly stack: string }) {
  const found = useAnswer('differences', { stack })
  return (
    <section aria-labelledby="differences">
      <h2 id="differences">Against what runs</h2>
      <Shown of={found}>
        {({ differences, unseen }) => (
          <>
            <p>
              {differences.length === 0 ? (
                <Mark tone={unseen.length === 0 ? 'good' : 'warn'}>no difference</Mark>
              ) : (
                <Mark tone="bad">{count(differences.length, 'difference')}</Mark>
              )}{' '}
              {unseen.length > 0 && 'not everything could be looked at'}{' '}
              <button type="button" className="quiet" disabled={found.isFetching} onClick={() => void found.refetch()}>
                {found.isFetching ? 'Looking' : 'Look again'}
              </button>
            </p>
            {differences.map((each) => (
              <article key={`${each.site} ${each.object} ${each.place} ${each.what}`} className="note plain">
                <p>
                  <Mark tone={causes[each.by][0]}>{causes[each.by][1]}</Mark>{' '}
                  <strong>
                    {each.object} at {each.site}
                  </strong>
                  : <code>{each.place}</code> {each.what}
                </p>
                {each.lines.length > 0 && <Patch lines={each.lines} of={`${each.object} ${each.place}`} />}
              </article>
            ))}
            {unseen.length > 0 && (
              <ul className="findings">
                {unseen.map((each) => (
                  <li key={each} className="warn">
                    <strong>not seen</strong> {each}
                  </li>
                ))}
              </ul>
            )}
          </>
        )}
      </Shown>
    </section>
  )
}

/** As diff(1) writes it: what is wanted, and with a plus what was found. */
function Patch({ lines, of }: { readonly lines: readonly string[]; readonly of: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and has to by keyboard
    <section tabIndex={0} aria-label={`difference of ${of}`}>
      <pre className="patch">
        {lines.map((line, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a line is known by its place
          <span key={index} className={line.startsWith('+') ? 'add' : line.startsWith('-') ? 'del' : ''}>
            {line}
            {'\n'}
          </span>
        ))}
      </pre>
    </section>
  )
}

/** The file as the sites hold it, and what does not follow it. */
export function StackFile({ stack }: { readonly stack: string }) {
  const file = useAnswer('file', { stack })
  return (
    <Shown of={file}>
      {(data) => (
        <>
          <dl>
            <dt>Deployed from</dt>
            <dd>
              <code>{data.file}</code>
            </dd>
            <dt>Digest</dt>
            <dd>
              <code>{data.digest.slice(0, 16)}</code>
            </dd>
            {data.held.map((each) => (
              <div key={each.site}>
                <dt>At {each.site}</dt>
                <dd>
                  {each.digest === undefined ? (
                    <Mark tone="warn">holds none</Mark>
                  ) : each.same ? (
                    <Mark tone="good">the same</Mark>
                  ) : (
                    <Mark tone="bad">another one: {each.digest.slice(0, 16)}</Mark>
                  )}
                </dd>
              </div>
            ))}
          </dl>
          <Differences stack={stack} />
          <h2>The file</h2>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and has to by keyboard */}
          <section className="file" tabIndex={0} aria-label={`stack file of ${stack}`}>
            <pre>
              <code>
                {data.text.split('\n').map((line, index) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: a line is known by its number
                  <span key={index} className="line">
                    {line}
                    {'\n'}
                  </span>
                ))}
              </code>
            </pre>
          </section>
        </>
      )}
    </Shown>
  )
}
