import { useState } from 'react'
import { Link } from 'wouter'
import type { Answer } from '../api/client.ts'
import { useAnswer } from '../api/queries.ts'
import { duration } from '../lib/words.ts'
import { Mark, RoleMark } from '../parts/marks.tsx'
import { Ago, Moment } from '../parts/moment.tsx'
import { Empty, Shown } from '../parts/states.tsx'

const tones = { running: 'good', stopped: 'plain', paused: 'warn', broken: 'bad' } as const

const answered = {
  answers: ['good', 'good answers'],
  silent: ['bad', 'no good answer'],
  unknown: ['plain', 'not known'],
} as const

/** What clients get, and what a launch would meet at the standby: asked all the time, not only in a drill. */
function Outside({ stack }: { readonly stack: string }) {
  const outside = useAnswer('outside', { stack }, { every_ms: 15_000 })
  return (
    <section aria-labelledby="outside">
      <h2 id="outside">As seen from outside</h2>
      <Shown of={outside}>
        {({ asks, services }) => (
          <>
            {asks.length === 0 ? (
              <Empty>Nothing is asked: the stack file has no checks, or the site file no places of clients.</Empty>
            ) : (
              <table className="rows">
                <thead>
                  <tr>
                    <th scope="col">Check</th>
                    <th scope="col">At</th>
                    <th scope="col">Clients get</th>
                    <th scope="col">Since</th>
                    <th scope="col">In the last week</th>
                  </tr>
                </thead>
                <tbody>
                  {asks.map((ask) => {
                    const tries = ask.week.reduce((all, each) => all + each.tries, 0)
                    const good = ask.week.reduce((all, each) => all + each.good, 0)
                    return (
                      <tr key={`${ask.check} ${ask.place} ${ask.family ?? ''}`}>
                        <th scope="row">
                          <code>{ask.check}</code>
                        </th>
                        <td data-label="At">
                          {ask.place}
                          {ask.family !== undefined && ` over IPv${ask.family}`}
                        </td>
                        <td data-label="Clients get">
                          <Mark tone={answered[ask.state][0]}>{answered[ask.state][1]}</Mark>{' '}
                          {ask.took_ms !== undefined && duration(ask.took_ms)} {ask.why}
                        </td>
                        <td data-label="Since">{ask.since !== undefined && <Moment at={ask.since} />}</td>
                        <td data-label="Last week">{tries === 0 ? 'nothing' : `${good} of ${tries} good`}</td>
                      </tr>
                    )
                  })}
                </tbody>
              </table>
            )}
            {services !== undefined && (
              <p>
                Central services as the watch at {services.site} saw them <Ago at={services.at} />:{' '}
                <Mark tone={services.silent.length === 0 ? 'good' : 'bad'}>
                  {services.silent.length === 0 ? 'all take connections' : `${services.silent.join(', ')} silent`}
                </Mark>
              </p>
            )}
          </>
        )}
      </Shown>
    </section>
  )
}

/** By the stack's own list of records; the copy has to run for that. */
function OnlyThere({ stack, epoch }: { readonly stack: string; readonly epoch: number }) {
  const [asked, ask] = useState(false)
  const found = useAnswer('rescued', { stack }, { query: { epoch }, enabled: asked })
  if (!asked)
    return (
      <button type="button" onClick={() => ask(true)}>
        what only it holds
      </button>
    )
  return (
    <Shown of={found}>
      {({ held, only_here }) =>
        only_here === undefined ? (
          <>what only it holds is not known: the stack file names no records.</>
        ) : (
          <>
            of {held} records {only_here.length === 0 ? 'none is' : `${only_here.length} are`} nowhere else
            {only_here.length > 0 &&
              `: ${only_here.slice(0, 20).join(', ')}${only_here.length > 20 ? ' and more' : ''}`}
            .
          </>
        )
      }
    </Shown>
  )
}

/** What is asked for, and what each site holds. */
export function Protection({ stack }: { readonly stack: Answer<'stack'> }) {
  const { protect, next } = stack
  return (
    <>
      <dl>
        {protect === undefined ? (
          <>
            <dt>Protected</dt>
            <dd>no: the stack file names no standby</dd>
          </>
        ) : (
          <>
            <dt>Standby</dt>
            <dd>{protect.standby}</dd>
            <dt>Target (RPO)</dt>
            <dd>{duration(protect.rpo_ms)}</dd>
            <dt>Points kept</dt>
            <dd>{protect.keep}</dd>
            <dt>Consistency</dt>
            <dd>{protect.consistency === 'together' ? 'all stateful machines at one instant' : 'each on its own'}</dd>
          </>
        )}
        {next.replicate !== undefined && (
          <>
            <dt>Next cycle</dt>
            <dd>
              <Moment at={next.replicate} />
            </dd>
          </>
        )}
        {next.drill !== undefined && (
          <>
            <dt>Next drill</dt>
            <dd>
              <Moment at={next.drill} />
            </dd>
          </>
        )}
        <dt>Clients come by</dt>
        <dd>{stack.ingress.join('; ') || 'nothing is declared'}</dd>
        <dt>Checks</dt>
        <dd>
          {stack.checks.length === 0 ? (
            'none: what a client sees is not tested'
          ) : (
            <ul>
              {stack.checks.map((check) => (
                <li key={check}>
                  <code>{check}</code>
                </li>
              ))}
            </ul>
          )}
        </dd>
        <dt>Services</dt>
        <dd>{stack.services.map(({ name, drill }) => `${name} (in a drill: ${drill})`).join('; ') || 'none'}</dd>
      </dl>
      <Outside stack={stack.stack} />
      {stack.places.map((place) => (
        <section key={place.site} className="card" aria-label={`${stack.stack} at ${place.site}`}>
          <div className="head">
            <h2>{place.site}</h2> <RoleMark role={place.role} answers={place.answers} />
          </div>
          {place.decided !== undefined && <p className="muted">{place.decided}</p>}
          {place.silence !== undefined && <p className="hint">{place.silence}</p>}
          {place.not_ready.length > 0 && (
            <ul className="findings">
              {place.not_ready.map((each) => (
                <li key={each} className="warn">
                  <strong>not ready</strong> {each}
                </li>
              ))}
            </ul>
          )}
          {place.rescues.map((rescue) => (
            <div key={rescue.epoch} className="note warn">
              What {place.site} had under epoch {rescue.epoch} is set aside since <Ago at={rescue.at} />:{' '}
              {rescue.machines.join(', ')}. <Link href={`/stacks/${stack.stack}/ask/rescue`}>Rescue</Link> starts it
              isolated; then <OnlyThere stack={stack.stack} epoch={rescue.epoch} />
            </div>
          ))}
          {place.instances.length === 0 ? (
            <Empty>Nothing of the stack runs here{place.points > 0 ? `; ${place.points} points are kept` : ''}.</Empty>
          ) : (
            <ul className="instances">
              {[...place.instances]
                .sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }))
                .map((instance) => (
                  <li key={instance.name}>
                    <strong>{instance.name}</strong> <Mark tone={tones[instance.power]}>{instance.power}</Mark>
                    {instance.in_sync === false && <Mark tone="warn">not as the stack file says</Mark>}
                  </li>
                ))}
            </ul>
          )}
        </section>
      ))}
    </>
  )
}
