import { useSyncExternalStore } from 'react'
import type { StreamEvent } from '../../../src/api/events.ts'
import type { Answer } from './client.ts'
import { keyOf, queries } from './queries.ts'

/** Whether the page hears what changes: a reader must never take an old state for the present one. */
export type Connection = { readonly state: 'connecting' | 'live' | 'lost'; readonly since: number }

let connection: Connection = { state: 'connecting', since: Date.now() }
const watchers = new Set<() => void>()
function become(state: Connection['state']): void {
  if (state === connection.state) return
  connection = { state, since: Date.now() }
  for (const tell of watchers) tell()
}

export function useConnection(): Connection {
  return useSyncExternalStore(
    (tell) => {
      watchers.add(tell)
      return () => watchers.delete(tell)
    },
    () => connection,
  )
}

/** The log lines that came while an operation's page is open. */
type OperationLog = Answer<'operationLog'>

const kinds: readonly StreamEvent['type'][] = [
  'reset',
  'stack',
  'stack-gone',
  'site',
  'operation',
  'step',
  'log',
  'alarm',
]

/**
 * Listens until it is ended. The browser comes back by itself with the last id that it saw, and gets what it missed;
 * where that is too long ago everything is read anew.
 */
export function listen(): () => void {
  let source: EventSource | undefined
  let again: ReturnType<typeof setTimeout> | undefined
  const open = () => {
    source = new EventSource('/api/v1/events')
    source.onopen = () => {
      // What happened while nobody listened may be more than the controller remembers.
      if (connection.state === 'lost') void queries.invalidateQueries()
      become('live')
    }
    source.onerror = () => {
      become('lost')
      // A refusal ends an EventSource for good: a controller that restarts answers 502 or 401 for a moment.
      if (source?.readyState === EventSource.CLOSED) again = setTimeout(open, 2_000)
    }
    for (const kind of kinds)
      source.addEventListener(kind, (message: MessageEvent<string>) => take(JSON.parse(message.data) as StreamEvent))
  }
  open()
  return () => {
    clearTimeout(again)
    source?.close()
  }
}

function take(event: StreamEvent): void {
  switch (event.type) {
    case 'reset':
      void queries.invalidateQueries()
      return
    case 'stack': {
      const { stack } = event
      change('overview', {}, (overview) => ({
        ...overview,
        stacks: overview.stacks.some((each) => each.stack === stack.stack)
          ? overview.stacks.map((each) => (each.stack === stack.stack ? stack : each))
          : [...overview.stacks, stack].sort((a, b) => a.stack.localeCompare(b.stack)),
      }))
      void queries.invalidateQueries({ queryKey: keyOf('stack', { stack: stack.stack }) })
      void queries.invalidateQueries({ queryKey: keyOf('picture', { stack: stack.stack }) })
      return
    }
    case 'stack-gone':
      change('overview', {}, (overview) => ({
        ...overview,
        stacks: overview.stacks.filter((each) => each.stack !== event.stack),
      }))
      return
    case 'site':
      change('overview', {}, (overview) => ({
        ...overview,
        sites: overview.sites.map((each) => (each.site === event.site.site ? event.site : each)),
      }))
      void queries.invalidateQueries({ queryKey: ['sites'] })
      return
    case 'alarm':
      void queries.invalidateQueries({ queryKey: ['alarms'] })
      void queries.invalidateQueries({ queryKey: keyOf('overview') })
      return
    case 'operation': {
      const { operation, stack } = event.operation
      void queries.invalidateQueries({ queryKey: ['operations'] })
      void queries.invalidateQueries({ queryKey: keyOf('operation', { operation }) })
      for (const name of ['stack', 'points', 'proofs', 'file'] as const)
        void queries.invalidateQueries({ queryKey: keyOf(name, { stack }) })
      return
    }
    case 'step':
      change('operation', { operation: event.operation }, (report) => ({
        ...report,
        steps: report.steps.map((step) => (step.id === event.step.id ? event.step : step)),
      }))
      return
    case 'log':
      queries.setQueryData<OperationLog>(keyOf('operationLog', { operation: event.operation }), (lines) =>
        lines === undefined ? lines : [...lines, event.line],
      )
      return
  }
}

function change<N extends 'overview' | 'operation'>(
  name: N,
  params: Readonly<Record<string, string>>,
  how: (answer: Answer<N>) => Answer<N>,
): void {
  queries.setQueryData<Answer<N>>(keyOf(name, params), (answer) => (answer === undefined ? answer : how(answer)))
}
