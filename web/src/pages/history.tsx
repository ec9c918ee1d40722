import { useAnswer } from '../api/queries.ts'
import { useParam } from '../lib/search.ts'
import { useTitle } from '../lib/title.ts'
import { OperationTable } from '../parts/operation-table.tsx'
import { Shown } from '../parts/states.tsx'

/** Cycles come every few seconds; what a person decided would drown among them. */
export function History() {
  useTitle('History')
  const [all, setAll] = useParam('cycles')
  const operations = useAnswer('operations', {}, { query: { limit: 500 } })
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
          <OperationTable
            operations={data.filter((each) => all === 'yes' || each.verb !== 'replicate' || each.outcome !== 'done')}
          />
        )}
      </Shown>
    </>
  )
}
