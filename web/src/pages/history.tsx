import { useAnswer } from '../api/queries.ts'
import { useParam } from '../lib/search.ts'
import { useTitle } from '../lib/title.ts'
import { OperationTable } from '../parts/operation-table.tsx'
import { Shown } from '../parts/states.tsx'

const limit = 100

/** Cycles come every few seconds; what a person decided would drown among them. */
export function History() {
  useTitle('History')
  const [all, setAll] = useParam('cycles')
  const [before, setBefore] = useParam('before')
  const query = { limit, cycles: all === 'yes' ? 'true' : 'false', before: before === '' ? undefined : before }
  const operations = useAnswer('operations', {}, { query, keep: true })
  return (
    <>
      <h1>History</h1>
      <label className="check">
        <input
          type="checkbox"
          checked={all === 'yes'}
          onChange={(event) => setAll(event.target.checked ? 'yes' : '')}
        />
        Also replication cycles
      </label>
      <Shown of={operations}>
        {(data) => (
          <>
            <OperationTable operations={data} />
            <div className="pages">
              {before !== '' && (
                <button type="button" onClick={() => setBefore('')}>
                  Newest
                </button>
              )}
              {data.length === limit && (
                <button type="button" onClick={() => setBefore(data.at(-1)?.operation ?? '')}>
                  Older
                </button>
              )}
            </div>
          </>
        )}
      </Shown>
    </>
  )
}
