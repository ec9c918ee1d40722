import { useAnswer } from '../api/queries.ts'
import { Mark } from '../parts/marks.tsx'
import { Shown } from '../parts/states.tsx'

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
            <dt>Runs otherwise</dt>
            <dd>{data.differs.length === 0 ? 'nothing' : data.differs.join(', ')}</dd>
          </dl>
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
