import { randomBytes } from 'node:crypto'
import type { z } from 'zod'
import type { MadeToken, Me, NewToken, Token } from '../../api/access.ts'
import { type Role, reaches } from '../../api/words.ts'
import type { Clock } from '../../lib/clock.ts'
import { sha256 } from '../../lib/digest.ts'
import type { Database } from '../database.ts'
import { ApiProblem, notFound } from '../problem.ts'

const day_ms = 24 * 3_600_000

/** Tokens for automation: shown once, kept as a hash, never worth more than their user. */
export function openTokens(database: Database, clock: Clock, roleOf: (user: string) => Role | undefined) {
  const insert = database.prepare(
    'INSERT INTO tokens (id, hash, name, role, user, made_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
  )
  const find = database.prepare('SELECT * FROM tokens WHERE hash = ?')
  const byId = database.prepare('SELECT * FROM tokens WHERE id = ?')
  const all = database.prepare('SELECT * FROM tokens ORDER BY made_at')
  const touch = database.prepare('UPDATE tokens SET seen_at = ? WHERE id = ?')
  const remove = database.prepare('DELETE FROM tokens WHERE id = ?')
  return {
    list: (me: Me) =>
      (all.all() as unknown as readonly Row[])
        .filter((row) => me.role === 'admin' || row.user === me.user)
        .map(tokenOf),
    add(me: Me, { name, role, days }: z.infer<typeof NewToken>): z.infer<typeof MadeToken> {
      if (!reaches(me.role, role))
        throw new ApiProblem('forbidden', `a token of yours can be ${me.role} at most, not ${role}`)
      // A prefix, so that whoever scans for leaked secrets finds ours.
      const token = `lifeboat_${randomBytes(32).toString('base64url')}`
      const id = randomBytes(6).toString('hex')
      const now = clock.now()
      const expires_at = days === undefined ? null : new Date(now.getTime() + days * day_ms).toISOString()
      insert.run(id, sha256(token), name, role, me.user, now.toISOString(), expires_at)
      return { ...tokenOf(byId.get(id) as unknown as Row), token }
    },
    remove(me: Me, id: string): void {
      const row = byId.get(id) as Row | undefined
      if (row === undefined || (me.role !== 'admin' && row.user !== me.user)) throw notFound(`there is no token ${id}`)
      remove.run(id)
    },
    find(secret: string): { readonly me: Me; readonly who: string } | undefined {
      const row = find.get(sha256(secret)) as Row | undefined
      if (row === undefined) return undefined
      const now = clock.now()
      if (row.expires_at !== null && row.expires_at <= now.toISOString()) return undefined
      const role = roleOf(row.user)
      if (role === undefined) return undefined
      if (row.seen_at === null || Date.parse(row.seen_at) < now.getTime() - 60_000) touch.run(now.toISOString(), row.id)
      return {
        me: { user: row.user, role: reaches(role, row.role) ? row.role : role, by: 'token' },
        who: `${row.user} (token ${row.name})`,
      }
    },
  }
}

type Row = Omit<z.infer<typeof Token>, 'expires_at' | 'seen_at'> & {
  readonly expires_at: string | null
  readonly seen_at: string | null
}

function tokenOf({ id, name, role, user, made_at, expires_at, seen_at }: Row): z.infer<typeof Token> {
  return { id, name, role, user, made_at, expires_at: expires_at ?? undefined, seen_at: seen_at ?? undefined }
}
