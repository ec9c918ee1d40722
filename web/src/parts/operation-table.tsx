import { Link } from 'wouter'
import type { Answer } from '../api/client.ts'
import { duration } from '../lib/words.ts'
import { OutcomeMark } from './marks.tsx'
import { Moment } from './moment.tsx'
import { Empty } from './states.tsx'

export function OperationTable({ operations }: { readonly operations: Answer<'operations'> }) {
  if (operations.length === 0) return <Empty>Nothing was done yet.</Empty>
  return (
    <table className="rows">
      <thead>
        <tr>
          <th scope="col">Decided</th>
          <th scope="col">Operation</th>
          <th scope="col">Outcome</th>
          <th scope="col">By</th>
          <th scope="col">Took</th>
          <th scope="col">Numbers</th>
        </tr>
      </thead>
      <tbody>
        {operations.map((each) => (
          <tr key={each.operation}>
            <td data-label="Decided">
              <Moment at={each.decided_at} />
            </td>
            <th scope="row">
              <Link href={`/operations/${each.operation}`}>
                {each.verb} {each.stack}
              </Link>
            </th>
            <td data-label="Outcome">
              <OutcomeMark outcome={each.outcome} />
            </td>
            <td data-label="By">{each.by}</td>
            <td data-label="Took">{each.took_ms === undefined ? '' : duration(each.took_ms)}</td>
            <td data-label="Numbers" className="muted">
              {[
                each.rto_ms === undefined ? '' : `RTO ${duration(each.rto_ms)}`,
                each.outage_ms === undefined ? '' : `outage ${duration(each.outage_ms)}`,
                each.point === undefined ? '' : `point ${each.point}`,
                each.failed === 0 ? '' : `${each.failed} steps failed`,
              ]
                .filter(Boolean)
                .join(', ')}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
