import { Link, useLocation } from 'wouter'
import type { Answer } from '../api/client.ts'
import { useAnswer } from '../api/queries.ts'
import { useParam } from '../lib/search.ts'
import { bytes, count, duration, sent } from '../lib/words.ts'
import { Ago, Moment, Tick } from '../parts/moment.tsx'
import { Empty, Shown } from '../parts/states.tsx'

/** Complete points: each can be drilled or launched. */
export function Points({ stack, detail }: { readonly stack: string; readonly detail: Answer<'stack'> | undefined }) {
  const [space, setSpace] = useParam('space')
  const places = useAnswer('points', { stack }, { query: { space: space === '' ? undefined : 'true' }, keep: true })
  const [picked] = useParam('point')
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
              <p>
                <button type="button" aria-pressed={space !== ''} onClick={() => setSpace(space === '' ? 'shown' : '')}>
                  What each takes in the pool
                </button>{' '}
                {place.space !== undefined && `Replicas: ${takes(place.space.replica_bytes)}`}
              </p>
              {place.silence !== undefined && <p className="note bad">{place.silence}</p>}
              <Timeline points={place.points} picked={picked} />
              <Picked stack={stack} point={place.points.find((point) => point.name === picked)} offered={offered} />
              {place.points.length > 0 && (
                <table className="rows">
                  <thead>
                    <tr>
                      <th scope="col">Point</th>
                      <th scope="col">Taken</th>
                      <th scope="col">Age</th>
                      <th scope="col">Pause</th>
                      <th scope="col">Sent</th>
                      {place.space !== undefined && <th scope="col">In the pool</th>}
                      <th scope="col">Machines</th>
                      <th scope="col">Do</th>
                    </tr>
                  </thead>
                  <tbody>
                    {place.points.map((point) => (
                      <tr key={point.name} className={point.name === picked ? 'picked' : ''}>
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
                          {sent(point.sent_bytes)}
                          {!point.incremental && <span className="muted"> in full</span>}
                        </td>
                        {place.space !== undefined && (
                          <td data-label="In the pool">{takes(place.space.points[point.name])}</td>
                        )}
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

/** Only some engines can tell: points share what they have in common. */
const takes = (size: number | undefined): string => (size === undefined ? 'no evidence' : bytes(size))

/** Where in time they lie: a hole is seen at once; one that is picked is offered to be drilled or launched. */
function Timeline({
  points,
  picked,
}: {
  readonly points: Answer<'points'>[number]['points']
  readonly picked: string
}) {
  const [path] = useLocation()
  if (points.length < 2) return null
  const times = points.map((point) => Date.parse(point.taken_at))
  const first = Math.min(...times)
  const span = Math.max(...times) - first || 1
  const place = (time: number) => `${((time - first) / span) * 100}%`
  return (
    <nav className="timeline" aria-label="points in time, the newest last">
      {[0, 0.25, 0.5, 0.75].map((part) => (
        <span key={part} className="hour" style={{ left: `${part * 100}%` }}>
          <Tick at={new Date(first + span * part).toISOString()} span_ms={span} />
        </span>
      ))}
      {points.toReversed().map((point) => (
        <Link
          key={point.name}
          href={`${path}?point=${point.name}`}
          style={{ left: place(Date.parse(point.taken_at)) }}
          title={`${point.name}, sent: ${sent(point.sent_bytes)}, paused for ${duration(point.pause_ms)}`}
          aria-current={point.name === picked ? 'true' : undefined}
        >
          <span className="sr">{point.name}</span>
        </Link>
      ))}
    </nav>
  )
}

function Picked({
  stack,
  point,
  offered,
}: {
  readonly stack: string
  readonly point: Answer<'points'>[number]['points'][number] | undefined
  readonly offered: (verb: string) => boolean
}) {
  if (point === undefined) return null
  return (
    <div className="tools" role="status">
      <strong>
        <code>{point.name}</code>
      </strong>
      <span>
        taken <Ago at={point.taken_at} />: {point.machines.join(', ')}
      </span>
      {offered('drill') && (
        <Link className="button" href={`/stacks/${stack}/ask/drill?point=${point.name}`}>
          Drill this point
        </Link>
      )}
      {offered('failover') && (
        <Link className="button failover" href={`/stacks/${stack}/ask/failover?point=${point.name}`}>
          Launch this point
        </Link>
      )}
    </div>
  )
}
