import { randomBytes } from 'node:crypto'
import type { StreamEvent } from '../api/events.ts'

export type Sent = { readonly id: string; readonly event: StreamEvent }

/** What happens, for whoever listens, with a memory long enough for a reader that lost its connection. */
export type Bus = {
  send(event: StreamEvent): void
  /** Events after `last`; `undefined` where that is not remembered any more. */
  since(last: string): readonly Sent[] | undefined
  listen(listener: (sent: Sent) => void): () => void
  readonly listeners: number
}

export function openBus(remembered = 5_000): Bus {
  // Another run of the controller has other ids: what a reader saw before it is not remembered.
  const run = randomBytes(4).toString('hex')
  const kept: Sent[] = []
  const listeners = new Set<(sent: Sent) => void>()
  let number = 0
  return {
    send(event) {
      const sent = { id: `${run}-${++number}`, event }
      kept.push(sent)
      if (kept.length > remembered * 1.2) kept.splice(0, kept.length - remembered)
      for (const listener of listeners) listener(sent)
    },
    since(last) {
      const [of, text] = last.split('-')
      const wanted = Number(text)
      if (of !== run || !Number.isSafeInteger(wanted) || wanted > number || wanted < 0) return undefined
      const missed = number - wanted
      return missed > kept.length ? undefined : kept.slice(kept.length - missed)
    },
    listen(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    get listeners() {
      return listeners.size
    },
  }
}
