import { Link } from 'wouter'
import type { Answer } from '../api/client.ts'
import { useAnswer } from '../api/queries.ts'
import { bytes, count, duration } from '../lib/words.ts'
import { Ago, Moment } from '../parts/moment.tsx'
import { Empty, Shown } from '../parts/states.tsx'

/** Complete points: each can be drilled or launched. */
export function Points({ stack, detail }: { readonly stack: string; readonly detail: Answer<'stack'> | undefined }) {
  const places = useAnswer('points', { stack })
  const offered = (verb: string) => detail?.verbs.some((each) => each.verb === verb && each.allowed) ?? false
  return (
    <Shown of={places}>
      {(data) =>
        data.length === 0 ? (
          <Empty>No site holds points of this stack.</Empty>
        ) : (
          data.map((place) => (
            <section key={place.site} aria-label={`points at ${place.site}`}>
              <h2>
                {place.site}: {count(place.points.length, 'point')}
                {place.pool !== undefined && (
                  <span className="muted">
                    {' '}
                    pool {place.pool.name}: {bytes(place.pool.free_bytes)} free of {bytes(place.pool.total_bytes)}
                  </span>
                )}
              </h2>
              {place.silence !== undefined && <p className="note bad">{place.silence}</p>}
              <Timeline points={place.points} />
              {place.points.length > 0 && (
                <table className="rows">
                  <thead>
                    <tr>
                      <th scope="col">Point</th>
                      <th scope="col">Taken</th>
                      <th scope="col">Age</th>
                      <th scope="col">Pause</th>
                      <th scope="col">Sent</th>
                      <th scope="col">Machines</th>
                      <th scope="col">Do</th>
                    </tr>
                  </thead>
                  <tbody>
                    {place.points.map((point) => (
                      <tr key={point.name} id={point.name}>
                        <th scope="row">
                          <code>{point.name}</code>
                        </th>
                        <td data-label="Taken">
                          <Moment at={point.taken_at} />
                        </td>
                        <td data-label="Age">
                          <Ago at={point.taken_at} />
                        </td>
                        <td data-label="Pause">{duration(point.pause_ms)}</td>
                        <td data-label="Sent">
                          {bytes(point.sent_bytes)}
                          {!point.incremental && <span className="muted"> in full</span>}
                        </td>
                        <td data-label="Machines">{point.machines.join(', ')}</td>
                        <td data-label="Do">
                          {offered('drill') && (
                            <Link href={`/stacks/${stack}/ask/drill?point=${point.name}`}>
                              Drill<span className="sr"> {point.name}</span>
                            </Link>
                          )}{' '}
                          {offered('failover') && (
                            <Link href={`/stacks/${stack}/ask/failover?point=${point.name}`}>
                              Launch<span className="sr"> {point.name}</span>
                            </Link>
                          )}
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              )}
            </section>
          ))
        )
      }
    </Shown>
  )
}

/** Where in time they lie: a hole is seen at once. */
function Timeline({ points }: { readonly points: Answer<'points'>[number]['points'] }) {
  if (points.length < 2) return null
  const times = points.map((point) => Date.parse(point.taken_at))
  const first = Math.min(...times)
  const span = Math.max(...times) - first || 1
  return (
    <svg className="timeline" viewBox="0 0 1000 28" preserveAspectRatio="none" role="img" aria-label="points in time">
      <line x1="0" x2="1000" y1="14" y2="14" />
      {times.map((time, index) => (
        <rect key={points[index]!.name} x={((time - first) / span) * 992} y="4" width="8" height="20" rx="2">
          <title>{points[index]!.taken_at}</title>
        </rect>
      ))}
    </svg>
  )
}
