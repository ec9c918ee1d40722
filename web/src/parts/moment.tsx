import { useNow } from '../lib/now.ts'
import { duration } from '../lib/words.ts'

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const day = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short', day: 'numeric' })

/** A time in the reader's zone, with UTC on hover. */
export function Moment({ at }: { readonly at: string }) {
  const date = new Date(at)
  const today = new Date().toDateString() === date.toDateString()
  const words = today ? clock.format(date) : `${day.format(date)}, ${clock.format(date)}`
  return (
    <time dateTime={at} title={`${date.toISOString().replace('T', ' ').replace('Z', '')} UTC`}>
      {words}
    </time>
  )
}

const minute = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const date_only = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' })

/** A time on a scale of `span_ms`, as short as tells it from its neighbours, whatever day it is; the whole of it on hover. */
export function Tick({ at, span_ms }: { readonly at: string; readonly span_ms: number }) {
  const date = new Date(at)
  const words = span_ms < 20 * 60_000 ? clock : span_ms < 36 * 3_600_000 ? minute : date_only
  return (
    <time dateTime={at} title={`${date.toISOString().replace('T', ' ').replace('Z', '')} UTC`}>
      {words.format(date)}
    </time>
  )
}

/** How long ago; the time itself on hover. */
export function Ago({ at }: { readonly at: string }) {
  const age_ms = Math.max(0, useNow() - Date.parse(at))
  return (
    <time dateTime={at} title={`${new Date(at).toISOString().replace('T', ' ').replace('Z', '')} UTC`}>
      {age_ms < 1_000 ? 'just now' : `${duration(Math.floor(age_ms / 1_000) * 1_000)} ago`}
    </time>
  )
}
