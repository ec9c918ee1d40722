import type { Query } from '@tanstack/react-query'
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
      if (connection.state === 'connecting') readAnew()
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

/** What was answered before the stream was open may have changed since; who asks has not. */
function readAnew(): void {
  const older = {
    predicate: ({ queryKey, state }: Query) => state.dataUpdatedAt > 0 && !still.has(String(queryKey[0])),
  }
  void queries.invalidateQueries(older, { cancelRefetch: false })
}

const still = new Set(['door', 'me'])

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
      refresh(keyOf('stack', { stack: stack.stack }))
      refresh(keyOf('picture', { stack: stack.stack }))
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
      refresh(['sites'])
      return
    case 'alarm':
      change('overview', {}, (overview) => ({ ...overview, alarms: withAlarm(overview.alarms, event.alarm) }))
      refresh(['alarms'])
      return
    case 'operation': {
      const { operation, stack } = event.operation
      refresh(['operations'])
      refresh(keyOf('operation', { operation }))
      for (const name of ['stack', 'points', 'proofs', 'file', 'differences'] as const) refresh(keyOf(name, { stack }))
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

/** Open ones, worst first, as the controller sorts them. */
function withAlarm(alarms: Answer<'overview'>['alarms'], alarm: Answer<'overview'>['alarms'][number]) {
  const others = alarms.filter((each) => each.id !== alarm.id)
  if (alarm.resolved_at !== undefined) return others
  return [...others, alarm].sort(
    (a, b) =>
      Number(b.severity === 'critical') - Number(a.severity === 'critical') || b.opened_at.localeCompare(a.opened_at),
  )
}

/** At most once in so long is the same thing read anew, however often it changes: a thousand stacks have much to tell. */
const apart_ms = 1_000
const told = new Map<string, 'once' | 'again'>()

function refresh(queryKey: readonly unknown[]): void {
  const key = JSON.stringify(queryKey)
  if (told.has(key)) {
    told.set(key, 'again')
    return
  }
  told.set(key, 'once')
  void queries.invalidateQueries({ queryKey })
  setTimeout(() => {
    const again = told.get(key) === 'again'
    told.delete(key)
    if (again) refresh(queryKey)
  }, apart_ms)
}
