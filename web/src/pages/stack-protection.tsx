import type { Answer } from '../api/client.ts'
import { duration } from '../lib/words.ts'
import { Mark, RoleMark } from '../parts/marks.tsx'
import { Ago, Moment } from '../parts/moment.tsx'
import { Empty } from '../parts/states.tsx'

const tones = { running: 'good', stopped: 'plain', paused: 'warn', broken: 'bad' } as const

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
            <p key={rescue.epoch} className="note warn">
              What {place.site} had under epoch {rescue.epoch} is set aside since <Ago at={rescue.at} />:{' '}
              {rescue.machines.join(', ')}
            </p>
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
