import { Link } from 'wouter'
import { useAnswer } from '../api/queries.ts'
import { Mark } from '../parts/marks.tsx'
import { Moment } from '../parts/moment.tsx'
import { Empty, Shown } from '../parts/states.tsx'

const tones = { passed: 'good', failed: 'bad', open: 'busy' } as const

export function Proofs({ stack }: { readonly stack: string }) {
  const proofs = useAnswer('proofs', { stack })
  return (
    <Shown of={proofs}>
      {(data) =>
        data.length === 0 ? (
          <Empty>Never drilled: whether it would come up at the other site is not known.</Empty>
        ) : (
          <table className="rows">
            <thead>
              <tr>
                <th scope="col">Ended</th>
                <th scope="col">Drill</th>
                <th scope="col">Verdict</th>
                <th scope="col">At</th>
                <th scope="col">Point</th>
                <th scope="col">What</th>
              </tr>
            </thead>
            <tbody>
              {data.map((proof) => (
                <tr key={proof.drill}>
                  <td data-label="Ended">
                    <Moment at={proof.at} />
                  </td>
                  <th scope="row">
                    {proof.operation === undefined ? (
                      proof.drill
                    ) : (
                      <Link href={`/operations/${proof.operation}`}>{proof.drill}</Link>
                    )}
                  </th>
                  <td data-label="Verdict">
                    <Mark tone={tones[proof.verdict]}>{proof.verdict}</Mark>
                  </td>
                  <td data-label="At">{proof.site ?? 'not known'}</td>
                  <td data-label="Point">{proof.point !== undefined && <code>{proof.point}</code>}</td>
                  <td data-label="What">{proof.words}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )
      }
    </Shown>
  )
}
