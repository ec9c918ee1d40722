import { useMutation } from '@tanstack/react-query'
import { Link, useLocation } from 'wouter'
import { type Answer, call } from '../api/client.ts'
import { queries, useAnswer } from '../api/queries.ts'
import { useParam } from '../lib/search.ts'
import { useTitle } from '../lib/title.ts'
import { Mark } from '../parts/marks.tsx'
import { Ago, Moment } from '../parts/moment.tsx'
import { Empty, Failed, Shown } from '../parts/states.tsx'

/** More than a person reads; the worst come first. */
const most_shown = 200

export function Alarms() {
  useTitle('Alarms')
  const alarms = useAnswer('alarms', {}, { every_ms: 30_000 })
  const approvals = useAnswer('approvals')
  const [text, setText] = useParam('q')
  const wanted = text.trim().toLowerCase()
  const fits = (alarm: Answer<'alarms'>[number]) =>
    wanted === '' ||
    [alarm.kind, alarm.stack, alarm.site, alarm.what].some((each) => each?.toLowerCase().includes(wanted))
  return (
    <>
      <h1>Alarms</h1>
      {approvals.data !== undefined && approvals.data.length > 0 && (
        <section aria-labelledby="second-person">
          <h2 id="second-person">Waits for a second person</h2>
          {approvals.data.map((each) => (
            <Approval key={each.id} approval={each} />
          ))}
        </section>
      )}
      <Shown of={alarms}>
        {(data) => {
          const open = data.filter((alarm) => alarm.resolved_at === undefined && fits(alarm))
          const over = data.filter((alarm) => alarm.resolved_at !== undefined && fits(alarm))
          return (
            <>
              <div className="tools">
                <label>
                  <span className="sr">Search alarms</span>
                  <input
                    type="search"
                    placeholder="Search by stack, site, kind"
                    value={text}
                    onChange={(event) => setText(event.target.value)}
                  />
                </label>
                <span className="muted" role="status">
                  {open.length} open, {over.length} resolved in the last week
                </span>
              </div>
              {open.length === 0 ? (
                <Empty>{wanted === '' ? 'No alarm is open.' : 'No open alarm fits the search.'}</Empty>
              ) : (
                open.slice(0, most_shown).map((alarm) => <AlarmCard key={alarm.id} alarm={alarm} />)
              )}
              {open.length > most_shown && (
                <p className="muted">{open.length - most_shown} more are open: search to see them.</p>
              )}
              {over.length > 0 && (
                <>
                  <h2>Resolved in the last week</h2>
                  {over.slice(0, most_shown).map((alarm) => (
                    <AlarmCard key={alarm.id} alarm={alarm} />
                  ))}
                </>
              )}
            </>
          )
        }}
      </Shown>
    </>
  )
}

function AlarmCard({ alarm }: { readonly alarm: Answer<'alarms'>[number] }) {
  const resolved = alarm.resolved_at !== undefined
  const tone = resolved ? 'plain' : alarm.severity === 'critical' ? 'bad' : 'warn'
  return (
    <article className={`note ${tone}`}>
      <p>
        <Mark tone={tone}>{resolved ? 'resolved' : alarm.severity}</Mark> <strong>{alarm.what}</strong>
      </p>
      <p>{alarm.means}</p>
      {!resolved && <p className="hint">{alarm.todo}</p>}
      <p className="muted">
        {alarm.kind}
        {alarm.stack !== undefined && (
          <>
            {' '}
            of <Link href={`/stacks/${alarm.stack}`}>{alarm.stack}</Link>
          </>
        )}
        {alarm.site !== undefined && ` at ${alarm.site}`}, open since <Moment at={alarm.opened_at} />
        {alarm.resolved_at !== undefined && (
          <>
            , resolved <Ago at={alarm.resolved_at} />
          </>
        )}
      </p>
    </article>
  )
}

function Approval({ approval }: { readonly approval: Answer<'approvals'>[number] }) {
  const [, go] = useLocation()
  const act = useMutation({
    mutationFn: async (what: 'approve' | 'withdraw') => {
      const params = { id: approval.id }
      if (what === 'approve') return (await call('approve', { params })).operation
      await call('withdraw', { params })
      return undefined
    },
    onSuccess: (operation) => {
      void queries.invalidateQueries({ queryKey: ['approvals'] })
      if (operation !== undefined) go(`/operations/${operation}`)
    },
  })
  return (
    <article className="note warn">
      <p>
        <strong>{approval.summary}</strong>
      </p>
      <p className="muted">
        asked for by {approval.by} <Ago at={approval.at} />, until <Moment at={approval.expires_at} />
      </p>
      {approval.mine ? (
        <p>You asked for it, so somebody else has to approve it.</p>
      ) : (
        <button type="button" className="primary danger" disabled={act.isPending} onClick={() => act.mutate('approve')}>
          Approve and start
        </button>
      )}{' '}
      <button type="button" disabled={act.isPending} onClick={() => act.mutate('withdraw')}>
        Take it back
      </button>
      {act.error !== null && <Failed error={act.error} />}
    </article>
  )
}
