import type { z } from 'zod'
import type { AuditEntry, AuditVerdict } from '../api/access.ts'
import type { Clock } from '../lib/clock.ts'
import { canonical, type Digestible, sha256 } from '../lib/digest.ts'
import { atOnce, type Database } from './database.ts'

export type AuditNote = {
  readonly who: string
  readonly origin: string | undefined
  /** `operation.start`, `session.refused`, ... */
  readonly what: string
  readonly about?: string | undefined
  /** Never a secret. */
  readonly details: { readonly [name: string]: Digestible }
}

/** Who decided what, when, on what information. It only grows, and each entry holds the hash of the one before. */
export type Audit = {
  add(note: AuditNote): void
  list(limit: number, before: number | undefined): readonly AuditEntry[]
  /** Oldest first, a page at a time: the log may be long. */
  all(): Generator<AuditEntry>
  verify(): z.infer<typeof AuditVerdict>
}

const start = '0'.repeat(64)

export function openAudit(database: Database, clock: Clock): Audit {
  const last = database.prepare('SELECT n, hash FROM audit ORDER BY n DESC LIMIT 1')
  const insert = database.prepare(
    'INSERT INTO audit (n, at, who, origin, what, about, details, before, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const newest = database.prepare('SELECT * FROM audit WHERE n < ? ORDER BY n DESC LIMIT ?')
  const onwards = database.prepare('SELECT * FROM audit WHERE n > ? ORDER BY n LIMIT 500')

  function* all(): Generator<AuditEntry> {
    for (let n = 0; ; ) {
      const rows = onwards.all(n) as unknown as readonly Row[]
      if (rows.length === 0) return
      for (const row of rows) {
        yield entryOf(row)
        n = row.n
      }
    }
  }

  return {
    add({ who, origin, what, about, details }) {
      atOnce(database, () => {
        const head = last.get() as { n: number; hash: string } | undefined
        const entry = {
          n: (head?.n ?? 0) + 1,
          at: clock.now().toISOString(),
          who,
          from: origin,
          what,
          about,
          // As it will be read back: members that are undefined are none.
          details: JSON.parse(JSON.stringify(details)) as AuditNote['details'],
          before: head?.hash ?? start,
        }
        insert.run(
          entry.n,
          entry.at,
          who,
          origin ?? null,
          what,
          about ?? null,
          JSON.stringify(entry.details),
          entry.before,
          hashOf(entry),
        )
      })
    },
    list: (limit, before) =>
      (newest.all(before ?? Number.MAX_SAFE_INTEGER, limit) as unknown as readonly Row[]).map(entryOf),
    all,
    verify: () => verifyAudit(all()),
  }
}

/** Follows the chain from its first entry; a log that was exported is verified in the same way. */
export function verifyAudit(entries: Iterable<AuditEntry>): z.infer<typeof AuditVerdict> {
  let count = 0
  let head = start
  for (const { hash, ...entry } of entries) {
    if (entry.n !== count + 1 || entry.before !== head || hashOf(entry) !== hash)
      return { entries: count, good: false, broken_at: count + 1, head }
    count++
    head = hash
  }
  return { entries: count, good: true, head }
}

type Row = {
  readonly n: number
  readonly at: string
  readonly who: string
  readonly origin: string | null
  readonly what: string
  readonly about: string | null
  readonly details: string
  readonly before: string
  readonly hash: string
}

function entryOf({ origin, about, details, ...row }: Row): AuditEntry {
  return {
    ...row,
    from: origin ?? undefined,
    about: about ?? undefined,
    details: JSON.parse(details) as Record<string, unknown>,
  }
}

function hashOf(entry: Omit<AuditEntry, 'hash'>): string {
  return sha256(canonical(entry as Digestible))
}
