import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { onDisk, StoreError, storeError } from './error.ts'
import { appendEvent, readEvents } from './journal.ts'
import { type Lock, lockStack } from './lock.ts'

/** Journals and run history on disk. What is in it is worth convenience only: what matters is held at the sites. */
export type Store = {
  readonly dir: string
  /** Durable when it returns: written and fsynced. */
  append(id: string, event: unknown): void
  /** All events in order; empty for an operation that has none. A line torn by a crash is not an event. */
  events(id: string): unknown[]
  /** Forgets an operation that nobody has to go on with or will ask for. */
  remove(id: string): void
  /** Ids of all operations, oldest first (ids begin with their time). */
  list(): readonly string[]
  /** The only writer for a stack on this machine, or `StackLocked`. */
  lock(stack: string, what: string): Promise<Lock>
}

export function openStore(dir: string = defaultDir()): Store {
  // 0700: plans and journals name machines, addresses and people.
  const operations = join(dir, 'operations')
  onDisk(dir, () => mkdirSync(operations, { recursive: true, mode: 0o700 }))
  const place = (id: string) => {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(id))
      throw new StoreError(`${JSON.stringify(id)} is no id of an operation`, 'lifeboat history')
    return join(operations, id)
  }
  const file = (id: string, name: string) => join(place(id), name)
  const made = (id: string, name: string) => {
    mkdirSync(place(id), { recursive: true, mode: 0o700 })
    return file(id, name)
  }
  const append = (id: string, event: unknown) => onDisk(dir, () => appendEvent(made(id, JOURNAL), event))
  const events = (id: string) => onDisk(dir, () => readEvents(file(id, JOURNAL)))
  return {
    dir,
    append,
    events,
    remove: (id) => onDisk(dir, () => rmSync(place(id), { recursive: true, force: true })),
    list: () =>
      onDisk(dir, () => readdirSync(operations, { withFileTypes: true }))
        .filter((entry) => entry.isDirectory() && existsSync(join(operations, entry.name, JOURNAL)))
        .map((entry) => entry.name)
        .sort(),
    lock: (stack, what) =>
      lockStack(join(dir, 'locks'), stack, what).catch((error: unknown) => {
        throw storeError(dir, error)
      }),
  }
}

const JOURNAL = 'journal.jsonl'

/** XDG base directory specification; /var/lib/lifeboat for root without one. */
export function defaultDir(env: NodeJS.ProcessEnv = process.env, uid = process.getuid?.()): string {
  const state = env.XDG_STATE_HOME
  if (state?.startsWith('/')) return join(state, 'lifeboat')
  if (uid === 0) return '/var/lib/lifeboat'
  return join(homedir(), '.local', 'state', 'lifeboat')
}
