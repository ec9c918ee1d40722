import type { JournalEvent } from '../execute/journal.ts'
import { StoreError } from './error.ts'
import type { Store } from './store.ts'

/** The journal cannot be written, so nothing more is done: what nobody could take up again must not be begun. */
export class JournalLost extends Error {
  /** Something may have been done: the journal has it, as far as it goes. */
  readonly begun: boolean
  readonly hint: string

  constructor(operation: string, begun: boolean, cause: StoreError) {
    super(`${operation} ${begun ? 'has stopped where it was' : 'was not begun'}: ${cause.message}`, { cause })
    this.name = 'JournalLost'
    this.begun = begun
    this.hint = begun
      ? `${cause.hint}; then lifeboat resume ${operation}, or the same verb again, which goes on from what the sites show`
      : cause.hint
  }
}

/** The journal of an operation that has begun. */
export function journalOf(store: Store, operation: string) {
  return {
    append: (event: JournalEvent) => write(store, operation, event, true),
    events: () => eventsOf({ store }, operation),
  }
}

/** Of an operation that begins: where its first line cannot be written nothing of it is left. */
export function newJournal(store: Store, operation: string) {
  let begun = false
  return {
    append: (event: JournalEvent) => {
      write(store, operation, event, begun)
      begun = true
    },
    events: () => eventsOf({ store }, operation),
  }
}

function write(store: Store, operation: string, event: JournalEvent, begun: boolean): void {
  try {
    store.append(operation, event)
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    if (!begun) store.remove(operation)
    throw new JournalLost(operation, begun, error)
  }
}

export function eventsOf(
  { store }: { readonly store: Pick<Store, 'events'> },
  operation: string,
): readonly JournalEvent[] {
  return store.events(operation) as readonly JournalEvent[]
}
