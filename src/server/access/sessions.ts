import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../lib/clock.ts'
import { sha256 } from '../../lib/digest.ts'
import type { Database } from '../database.ts'

const idle_ms = 12 * 3_600_000
const longest_ms = 7 * 24 * 3_600_000

export type Session = { readonly user: string; readonly csrf: string }

/** Sessions by the hash of what the browser holds: a copy of the database opens none. */
export function openSessions(database: Database, clock: Clock) {
  const insert = database.prepare('INSERT INTO sessions (hash, user, csrf, made_at, seen_at) VALUES (?, ?, ?, ?, ?)')
  const find = database.prepare('SELECT * FROM sessions WHERE hash = ?')
  const touch = database.prepare('UPDATE sessions SET seen_at = ? WHERE hash = ?')
  const end = database.prepare('DELETE FROM sessions WHERE hash = ?')
  const endOthers = database.prepare('DELETE FROM sessions WHERE user = ? AND hash <> ?')
  const expire = database.prepare('DELETE FROM sessions WHERE seen_at < ? OR made_at < ?')
  return {
    /** Always a new secret: what somebody planted in a browser before is worth nothing after. */
    begin(user: string): Session & { readonly secret: string } {
      const now_ms = clock.now().getTime()
      expire.run(now_ms - idle_ms, now_ms - longest_ms)
      const secret = randomBytes(32).toString('base64url')
      const csrf = randomBytes(32).toString('base64url')
      insert.run(sha256(secret), user, csrf, now_ms, now_ms)
      return { user, csrf, secret }
    },
    find(secret: string): Session | undefined {
      const hash = sha256(secret)
      const row = find.get(hash) as Row | undefined
      const now_ms = clock.now().getTime()
      if (row === undefined || row.seen_at < now_ms - idle_ms || row.made_at < now_ms - longest_ms) return undefined
      if (row.seen_at < now_ms - 60_000) touch.run(now_ms, hash)
      return { user: row.user, csrf: row.csrf }
    },
    end: (secret: string) => void end.run(sha256(secret)),
    endOthers: (user: string, secret: string) => void endOthers.run(user, sha256(secret)),
  }
}

/** In the same time, wherever they differ. */
export function same(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(sha256(given)), Buffer.from(sha256(wanted))]
  return timingSafeEqual(a, b)
}

type Row = { readonly user: string; readonly csrf: string; readonly made_at: number; readonly seen_at: number }
