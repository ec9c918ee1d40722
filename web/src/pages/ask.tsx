import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link, useLocation } from 'wouter'
import { type Answer, call, plan_limit_ms } from '../api/client.ts'
import { queries, useAnswer } from '../api/queries.ts'
import { useParam } from '../lib/search.ts'
import { useTitle } from '../lib/title.ts'
import { capital } from '../lib/words.ts'
import { Choices, type Wishes } from '../parts/choices.tsx'
import { PlanShown } from '../parts/plan.tsx'
import { Failed, Shown, Waiting } from '../parts/states.tsx'

/** Verbs after which clients or data are elsewhere, or gone: they take the stack's name once more. */
const destructive: readonly string[] = ['failover', 'move', 'failback', 'destroy']
const known = [
  'deploy',
  'replicate',
  'drill',
  'move',
  'failover',
  'failback',
  'guard',
  'reprotect',
  'rescue',
  'destroy',
]

/** What an operation would do, before it is started. */
export function Ask({ stack, verb }: { readonly stack: string; readonly verb: string }) {
  useTitle(`${verb} ${stack}`)
  const detail = useAnswer('stack', { stack })
  if (!known.includes(verb)) return <p>There is no verb {verb}.</p>
  return (
    <>
      <p className="crumbs">
        <Link href="/">Overview</Link> / <Link href={`/stacks/${stack}`}>{stack}</Link> / {verb}
      </p>
      <h1>
        {capital(verb)} {stack}
      </h1>
      <Shown of={detail}>{(data) => <Asked stack={data} verb={verb} />}</Shown>
    </>
  )
}

function Asked({ stack, verb }: { readonly stack: Answer<'stack'>; readonly verb: string }) {
  const [point] = useParam('point')
  const [what] = useParam('do')
  const [wishes, setWishes] = useState<Wishes>({
    point,
    bubble: what === 'promote' || what === 'stop' ? what : 'removed',
    drill: '',
    down: [],
    do: 'look',
    gone: '',
    overwrite: '',
    file: stack.definition === undefined ? '' : (stack.definition.file.split('/').slice(-2).join('/') ?? ''),
  })
  const request = requestOf(stack.stack, verb, wishes)
  const plan = useQuery({
    queryKey: ['plan', request],
    queryFn: () => call('plan', { body: request, limit_ms: plan_limit_ms }),
    staleTime: 0,
    gcTime: 0,
    retry: false,
    refetchOnWindowFocus: false,
  })
  // What ends as a failover is offered like one.
  const offer = stack.verbs.find((each) => each.verb === (promotes(verb, wishes) ? 'failover' : verb))
  return (
    <>
      <Choices stack={stack} verb={verb} wishes={wishes} change={setWishes} />
      {plan.data !== undefined ? (
        <PlanShown plan={plan.data} />
      ) : plan.error !== null ? (
        <Failed error={plan.error} again={() => void plan.refetch()} />
      ) : (
        <Waiting limit={plan_limit_ms} />
      )}
      {offer !== undefined && !offer.allowed ? (
        <p className="note warn">Not now: {offer.why_not}</p>
      ) : (
        plan.data !== undefined && <Start stack={stack.stack} verb={verb} wishes={wishes} />
      )}
    </>
  )
}

function Start({ stack, verb, wishes }: { readonly stack: string; readonly verb: string; readonly wishes: Wishes }) {
  const [, go] = useLocation()
  const [typed, setTyped] = useState('')
  // One key for one intention: a second click, or an answer that was lost, starts nothing twice.
  const [key] = useState(() => crypto.randomUUID())
  const ends = destructive.includes(verb) || promotes(verb, wishes)
  const needed = ends || (verb === 'rescue' && wishes.do === 'discard')
  const word = promotes(verb, wishes) ? 'promote the drill of' : verb
  const start = useMutation({
    mutationFn: () =>
      call('start', {
        body: { ...requestOf(stack, verb, wishes), ...(needed ? { confirm: typed } : {}) } as ReturnType<
          typeof requestOf
        >,
        headers: { 'idempotency-key': key },
        limit_ms: plan_limit_ms,
      }),
    onSuccess: (started) => {
      void queries.invalidateQueries({ queryKey: ['operations'] })
      if (started.operation !== undefined) go(`/operations/${started.operation}`)
    },
  })
  return (
    <form
      className="start"
      onSubmit={(event) => {
        event.preventDefault()
        start.mutate()
      }}
    >
      {needed && (
        <label>
          <span>
            Type <strong>{stack}</strong> to {doing(verb, wishes)} it
          </span>
          <input
            name="confirm"
            autoComplete="off"
            autoCapitalize="off"
            spellCheck={false}
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
        </label>
      )}
      <button
        type="submit"
        className={`primary ${ends ? 'danger' : ''}`}
        disabled={start.isPending || (needed && typed !== stack)}
      >
        {start.isPending ? 'Starting' : `${capital(word)} ${stack}`}
      </button>
      {needed && typed !== stack && <span className="muted">The name is missing.</span>}
      {start.error !== null && <Failed error={start.error} />}
      {start.data !== undefined && start.data.operation === undefined && (
        <p className="note plain" role="status">
          {start.data.approval === undefined
            ? `Nothing had to be done: ${start.data.summary}`
            : 'It waits for a second person, who finds it under Alarms.'}
        </p>
      )}
    </form>
  )
}

const promotes = (verb: string, wishes: Wishes): boolean => verb === 'drill' && wishes.bubble === 'promote'

function doing(verb: string, wishes: Wishes): string {
  if (verb === 'rescue') return 'discard'
  return promotes(verb, wishes) ? 'promote' : verb
}

type Request = NonNullable<NonNullable<Parameters<typeof call<'plan'>>[1]>['body']>

function requestOf(stack: string, verb: string, wishes: Wishes): Request {
  const point = wishes.point === '' ? {} : { point: wishes.point }
  switch (verb) {
    case 'deploy':
      return { verb, file: wishes.file, remove: namesIn(wishes.gone), overwrite: namesIn(wishes.overwrite) }
    case 'drill':
      return drillOf(stack, wishes)
    case 'failover':
      return { verb, stack, ...point, down: [...wishes.down] }
    case 'rescue':
      return { verb, stack, do: wishes.do }
    default:
      return { verb, stack } as Request
  }
}

function drillOf(stack: string, wishes: Wishes): Request {
  const point = wishes.point === '' ? {} : { point: wishes.point }
  switch (wishes.bubble) {
    case 'removed':
    case 'kept':
      return { verb: 'drill', stack, ...point, keep: wishes.bubble === 'kept' }
    case 'stop':
      return { verb: 'drill', stack, remove: true, ...(wishes.drill === '' ? {} : { gone: wishes.drill }) }
    case 'promote':
      return { verb: 'drill', stack, ...point, promote: true, down: [...wishes.down] }
  }
}

const namesIn = (text: string): string[] => text.split(/[\s,]+/).filter((name) => name !== '')
