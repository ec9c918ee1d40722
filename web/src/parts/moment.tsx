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

/** How long ago; the time itself on hover. */
export function Ago({ at }: { readonly at: string }) {
  const age_ms = Math.max(0, useNow() - Date.parse(at))
  return (
    <time dateTime={at} title={`${new Date(at).toISOString().replace('T', ' ').replace('Z', '')} UTC`}>
      {age_ms < 1_000 ? 'just now' : `${duration(Math.floor(age_ms / 1_000) * 1_000)} ago`}
    </time>
  )
}
