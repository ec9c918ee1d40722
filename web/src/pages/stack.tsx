import { lazy, Suspense } from 'react'
import { Link } from 'wouter'
import type { Answer } from '../api/client.ts'
import { useAnswer } from '../api/queries.ts'
import { useParam } from '../lib/search.ts'
import { useTitle } from '../lib/title.ts'
import { capital, count } from '../lib/words.ts'
import { Findings } from '../parts/findings.tsx'
import { RpoGauge, Spark } from '../parts/gauge.tsx'
import { ProofMark, RoleMark } from '../parts/marks.tsx'
import { OperationTable } from '../parts/operation-table.tsx'
import { Shown, Waiting } from '../parts/states.tsx'
import { StackFile } from './stack-file.tsx'
import { Points } from './stack-points.tsx'
import { Proofs } from './stack-proofs.tsx'
import { Protection } from './stack-protection.tsx'
import { Touchpoints } from './stack-touchpoints.tsx'

// The drawing brings its layout engine with it, which no other page needs.
const Picture = lazy(() => import('../picture/picture.tsx'))

const tabs = ['picture', 'points', 'protection', 'proofs', 'history', 'file', 'touchpoints'] as const
const named: Readonly<Record<string, string>> = { file: 'Stack file', touchpoints: 'Touch points' }

export function Stack({ stack, tab }: { readonly stack: string; readonly tab: string }) {
  useTitle(`${stack} ${tab}`)
  const detail = useAnswer('stack', { stack }, { every_ms: 30_000 })
  return (
    <>
      <p className="crumbs">
        <Link href="/">Overview</Link> / {stack}
      </p>
      <h1>{stack}</h1>
      <Shown of={detail}>{(data) => <Head stack={data} />}</Shown>
      <nav className="tabs" aria-label={`Parts of ${stack}`}>
        {tabs.map((each) => (
          <Link
            key={each}
            href={each === 'picture' ? `/stacks/${stack}` : `/stacks/${stack}/${each}`}
            aria-current={tab === each ? 'page' : undefined}
          >
            {named[each] ?? capital(each)}
          </Link>
        ))}
      </nav>
      <Tab stack={stack} tab={tab} detail={detail.data} />
    </>
  )
}

function Tab({
  stack,
  tab,
  detail,
}: {
  readonly stack: string
  readonly tab: string
  readonly detail: Answer<'stack'> | undefined
}) {
  switch (tab) {
    case 'picture':
      return (
        <Suspense fallback={<Waiting />}>
          <Picture stack={stack} />
        </Suspense>
      )
    case 'points':
      return <Points stack={stack} detail={detail} />
    case 'protection':
      return detail === undefined ? <Waiting /> : <Protection stack={detail} />
    case 'proofs':
      return <Proofs stack={stack} />
    case 'history':
      return <History stack={stack} />
    case 'file':
      return <StackFile stack={stack} />
    case 'touchpoints':
      return <Touchpoints stack={stack} />
    default:
      return <p>There is no part called {tab}.</p>
  }
}

function History({ stack }: { readonly stack: string }) {
  const [all, setAll] = useParam('cycles')
  const query = { stack, limit: 200, cycles: all === 'yes' ? 'true' : 'false' }
  const operations = useAnswer('operations', {}, { query, keep: true })
  return (
    <>
      <label className="check">
        <input
          type="checkbox"
          checked={all === 'yes'}
          onChange={(event) => setAll(event.target.checked ? 'yes' : '')}
        />
        Also replication cycles
      </label>
      <Shown of={operations}>{(data) => <OperationTable operations={data} />}</Shown>
    </>
  )
}

function Head({ stack }: { readonly stack: Answer<'stack'> }) {
  return (
    <>
      <div className="facts">
        {stack.places.map((place) => (
          <div key={place.site} className="fact">
            <span className="label">{place.site}</span>
            <span>
              <RoleMark role={place.role} answers={place.answers} />{' '}
              {place.epoch !== undefined && <span className="muted">epoch {place.epoch}</span>}
            </span>
            <span className="muted">
              {place.answers
                ? place.role === 'active'
                  ? count(
                      place.instances.filter((each) => each.power === 'running').length,
                      'machine running',
                      'running',
                    )
                  : count(place.points, 'point')
                : (place.silence ?? 'no answer, which does not mean down')}
            </span>
          </div>
        ))}
        <div className="fact">
          <span className="label">Newest point</span>
          <RpoGauge at={stack.newest_point_at} rpo_ms={stack.rpo_ms} known={stack.protection !== 'unknown'} />
          <Spark values={stack.spark} rpo_ms={stack.rpo_ms} />
        </div>
        <div className="fact">
          <span className="label">Proof</span>
          <ProofMark state={stack.proof.state} words={stack.proof.words} />
          <span className="muted">{stack.proof.words}</span>
        </div>
      </div>
      <Findings findings={stack.findings} />
      <Verbs stack={stack} />
    </>
  )
}

const told: Readonly<Record<string, string>> = {
  drill: 'Prove at the standby that it would come up; clients notice nothing',
  replicate: 'One cycle now',
  move: 'Planned, to the other site, with no loss',
  failover: 'The active site is lost: launch the newest point at the standby',
  failback: 'Bring it home, with no loss',
  reprotect: 'Protect it again, in the other direction',
  rescue: 'Look at what a lost site had and nobody else has',
  guard: 'Stop a copy that lost its role',
  deploy: 'Make the active site match the stack file',
  destroy: 'Remove the stack from its sites',
}
const order = [
  'drill',
  'replicate',
  'move',
  'failover',
  'failback',
  'reprotect',
  'rescue',
  'guard',
  'deploy',
  'destroy',
]

function Verbs({ stack }: { readonly stack: Answer<'stack'> }) {
  const offers = [...stack.verbs].sort((a, b) => order.indexOf(a.verb) - order.indexOf(b.verb))
  return (
    <ul className="verbs" aria-label="What can be done">
      {offers.map((offer) => (
        <li key={offer.verb}>
          {offer.allowed ? (
            <Link
              className={`button ${offer.verb}`}
              href={`/stacks/${stack.stack}/ask/${offer.verb}`}
              title={told[offer.verb]}
            >
              {capital(offer.verb)}
            </Link>
          ) : (
            <button
              type="button"
              aria-disabled="true"
              aria-describedby={`why-${offer.verb}`}
              title={offer.why_not}
              className="off"
            >
              {capital(offer.verb)}
              <span id={`why-${offer.verb}`} className="why">
                {offer.why_not}
              </span>
            </button>
          )}
        </li>
      ))}
    </ul>
  )
}
