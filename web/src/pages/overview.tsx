import { memo, useDeferredValue } from 'react'
import { Link } from 'wouter'
import type { Answer } from '../api/client.ts'
import { useAnswer } from '../api/queries.ts'
import { useParam } from '../lib/search.ts'
import { useTitle } from '../lib/title.ts'
import { count } from '../lib/words.ts'
import { RpoGauge, Spark } from '../parts/gauge.tsx'
import { Mark, ProofMark, RoleMark } from '../parts/marks.tsx'
import { Ago } from '../parts/moment.tsx'
import { SiteCard } from '../parts/site-card.tsx'
import { Empty, Shown } from '../parts/states.tsx'

type Row = Answer<'overview'>['stacks'][number]

/** What matters first: a stack that could not be brought back now. */
const filters = {
  '': { words: 'All', of: () => true },
  trouble: { words: 'In trouble', of: (row: Row) => row.alarms > 0 || row.protection === 'missed' || !row.ready },
  unproven: { words: 'Unproven', of: (row: Row) => row.proof.state !== 'proven' },
  running: { words: 'At work', of: (row: Row) => row.operation !== undefined },
} as const

export function Overview() {
  useTitle('Overview')
  const overview = useAnswer('overview', {}, { every_ms: 60_000 })
  return (
    <>
      <h1>Overview</h1>
      <Shown of={overview}>
        {(data) => (
          <>
            <div className="cards">
              {data.sites.map((site) => (
                <SiteCard key={site.site} site={site} />
              ))}
            </div>
            {data.alarms.length > 0 && (
              <section aria-labelledby="open-alarms">
                <h2 id="open-alarms">{count(data.alarms.length, 'open alarm')}</h2>
                <ul className="findings">
                  {data.alarms.slice(0, 5).map((alarm) => (
                    <li key={alarm.id} className={alarm.severity === 'critical' ? 'bad' : 'warn'}>
                      <strong>{alarm.severity}</strong> {alarm.what} <span className="hint">{alarm.todo}</span>
                    </li>
                  ))}
                </ul>
                {data.alarms.length > 5 && <Link href="/alarms">All {data.alarms.length} alarms</Link>}
              </section>
            )}
            <Stacks rows={data.stacks} />
          </>
        )}
      </Shown>
    </>
  )
}

function Stacks({ rows }: { readonly rows: readonly Row[] }) {
  const [text, setText] = useParam('q')
  const [show, setShow] = useParam('show')
  const wanted = useDeferredValue(text.trim().toLowerCase())
  const filter = filters[show as keyof typeof filters] ?? filters['']
  const found = rows.filter(
    (row) =>
      filter.of(row) &&
      (wanted === '' || row.stack.includes(wanted) || row.active === wanted || row.standby === wanted),
  )
  return (
    <section aria-labelledby="stacks">
      <div className="tools">
        <h2 id="stacks">Stacks</h2>
        <label>
          <span className="sr">Search stacks</span>
          <input
            type="search"
            placeholder="Search by name or site"
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        </label>
        <fieldset className="choices">
          <legend className="sr">Show</legend>
          {Object.entries(filters).map(([key, { words, of }]) => (
            <button key={key} type="button" aria-pressed={show === key} onClick={() => setShow(key)}>
              {words} <span className="muted">{rows.filter(of).length}</span>
            </button>
          ))}
        </fieldset>
        <span className="muted" role="status">
          {found.length === rows.length ? count(rows.length, 'stack') : `${found.length} of ${rows.length} stacks`}
        </span>
      </div>
      {rows.length === 0 ? (
        <Empty>
          No stack yet. <code>lifeboat deploy stack.yaml</code> at a site makes the first one.
        </Empty>
      ) : found.length === 0 ? (
        <Empty>No stack fits. {rows.length} are hidden by the search.</Empty>
      ) : (
        <table className="stacks">
          <thead>
            <tr>
              <th scope="col">Stack</th>
              <th scope="col">Active</th>
              <th scope="col">Standby</th>
              <th scope="col">Newest point</th>
              <th scope="col">Last day</th>
              <th scope="col">Proof</th>
              <th scope="col">Alarms</th>
            </tr>
          </thead>
          <tbody>
            {found.map((row) => (
              <StackRow key={row.stack} row={row} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}

const StackRow = memo(function StackRow({ row }: { readonly row: Row }) {
  return (
    <tr>
      <th scope="row">
        <Link href={`/stacks/${row.stack}`}>{row.stack}</Link>
        {row.operation !== undefined && (
          <Link href={`/operations/${row.operation.operation}`} className="mark busy">
            {row.operation.verb}
          </Link>
        )}
      </th>
      <td data-label="Active">
        <Place row={row} site={row.active} as="active" />
      </td>
      <td data-label="Standby">
        <Place row={row} site={row.standby} as="standby" />
        {row.standby !== undefined && !row.ready && <Mark tone="bad">not ready</Mark>}
      </td>
      <td data-label="Newest point">
        <RpoGauge at={row.newest_point_at} rpo_ms={row.rpo_ms} />
      </td>
      <td data-label="Last day">
        <Spark values={row.spark} rpo_ms={row.rpo_ms} />
      </td>
      <td data-label="Proof">
        <ProofMark state={row.proof.state} words={row.proof.words} />{' '}
        {row.proof.ended_at !== undefined && (
          <span className="muted">
            <Ago at={row.proof.ended_at} />
          </span>
        )}
      </td>
      <td data-label="Alarms">
        {row.alarms === 0 ? (
          <span className="muted">none</span>
        ) : (
          <Mark tone={row.worst === 'critical' ? 'bad' : 'warn'}>{count(row.alarms, 'alarm')}</Mark>
        )}
      </td>
    </tr>
  )
})

function Place({
  row,
  site,
  as,
}: {
  readonly row: Row
  readonly site: string | undefined
  readonly as: 'active' | 'standby'
}) {
  const others = row.sites.filter((each) => !each.answers || each.role === 'stale' || each.role === 'unknown')
  const odd = others.find((each) => each.site !== row.active && each.site !== row.standby)
  if (site !== undefined) return <span>{site}</span>
  if (odd !== undefined)
    return (
      <span>
        {odd.site} <RoleMark role={odd.role} answers={odd.answers} />
      </span>
    )
  return <span className="muted">no {as}</span>
}
