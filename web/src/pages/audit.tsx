import { useAnswer } from '../api/queries.ts'
import { useTitle } from '../lib/title.ts'
import { count } from '../lib/words.ts'
import { Mark } from '../parts/marks.tsx'
import { Moment } from '../parts/moment.tsx'
import { Empty, Shown } from '../parts/states.tsx'

export function Audit() {
  useTitle('Audit')
  const audit = useAnswer('audit', {}, { query: { limit: 500 } })
  const verdict = useAnswer('auditVerify')
  return (
    <>
      <h1>Audit</h1>
      <Shown of={verdict}>
        {(data) => (
          <p>
            {data.good ? <Mark tone="good">whole</Mark> : <Mark tone="bad">broken at entry {data.broken_at}</Mark>}{' '}
            {count(data.entries, 'entry', 'entries')}, newest hash <code>{data.head.slice(0, 16)}</code>.{' '}
            <a href="/api/v1/audit/export">Export all of it</a>
          </p>
        )}
      </Shown>
      <Shown of={audit}>
        {(data) =>
          data.length === 0 ? (
            <Empty>Nothing was decided yet.</Empty>
          ) : (
            <table className="rows">
              <thead>
                <tr>
                  <th scope="col">No.</th>
                  <th scope="col">When</th>
                  <th scope="col">Who</th>
                  <th scope="col">What</th>
                  <th scope="col">About</th>
                  <th scope="col">On what information</th>
                </tr>
              </thead>
              <tbody>
                {data.map((entry) => (
                  <tr key={entry.n}>
                    <td data-label="No.">{entry.n}</td>
                    <td data-label="When">
                      <Moment at={entry.at} />
                    </td>
                    <td data-label="Who">
                      {entry.who} {entry.from !== undefined && <span className="muted">{entry.from}</span>}
                    </td>
                    <th scope="row">{entry.what}</th>
                    <td data-label="About">{entry.about}</td>
                    <td data-label="Information">
                      {Object.keys(entry.details).length > 0 && (
                        <details>
                          <summary>{Object.keys(entry.details).join(', ')}</summary>
                          <pre>{JSON.stringify(entry.details, null, 2)}</pre>
                        </details>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )
        }
      </Shown>
    </>
  )
}
