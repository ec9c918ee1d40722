import { useDeferredValue, useMemo } from 'react'
import { Link } from 'wouter'
import { useAnswer } from '../api/queries.ts'
import { useParam } from '../lib/search.ts'
import { useTitle } from '../lib/title.ts'
import { count } from '../lib/words.ts'
import { SiteCard } from '../parts/site-card.tsx'
import { type Row, StackTable } from '../parts/stack-table.tsx'
import { Empty, Shown } from '../parts/states.tsx'

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
                      <strong>{alarm.severity}</strong>{' '}
                      {alarm.stack !== undefined ? (
                        <Link href={`/stacks/${alarm.stack}`}>{alarm.stack}</Link>
                      ) : (
                        (alarm.site ?? alarm.kind)
                      )}
                      : {alarm.what} <span className="muted">{alarm.todo}</span>
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
  const found = useMemo(
    () =>
      rows.filter(
        (row) =>
          filter.of(row) &&
          (wanted === '' || row.stack.includes(wanted) || row.active === wanted || row.standby === wanted),
      ),
    [rows, filter, wanted],
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
        <StackTable rows={found} />
      )}
    </section>
  )
}
