import type { z } from 'zod'
import type { NewUser, User, UserChange } from '../../api/access.ts'
import { type Role, roles } from '../../api/words.ts'
import type { Clock } from '../../lib/clock.ts'
import { atOnce, type Database } from '../database.ts'
import { ApiProblem, notFound } from '../problem.ts'
import { hashPassword, isPassword } from './password.ts'

export function openUsers(database: Database, clock: Clock) {
  const find = database.prepare('SELECT * FROM users WHERE user = ?')
  const insert = database.prepare('INSERT INTO users (user, role, secret, subject, made_at) VALUES (?, ?, ?, ?, ?)')
  const all = database.prepare('SELECT * FROM users ORDER BY user')
  const admins = database.prepare(
    `SELECT count(*) AS count FROM users WHERE role = 'admin' AND disabled = 0 AND user <> ?`,
  )
  const change = database.prepare('UPDATE users SET role = ?, secret = ?, disabled = ? WHERE user = ?')
  const remove = database.prepare('DELETE FROM users WHERE user = ?')
  const seen = database.prepare('UPDATE users SET seen_at = ? WHERE user = ?')
  const bySubject = database.prepare('SELECT * FROM users WHERE subject = ?')
  const endSessions = database.prepare('DELETE FROM sessions WHERE user = ?')
  const endTokens = database.prepare('DELETE FROM tokens WHERE user = ?')
  const now = () => clock.now().toISOString()
  const row = (user: string) => find.get(user) as Row | undefined

  function existing(user: string): Row {
    const found = row(user)
    if (found === undefined) throw notFound(`there is no user "${user}"`)
    return found
  }

  /** Somebody has to be able to let others in. */
  function keepAdmin(user: string): void {
    if ((admins.get(user) as { count: number }).count === 0)
      throw new ApiProblem('conflict', `${user} is the last admin`, { hint: 'make another admin first' })
  }

  return {
    /** Somebody who can let others in; an account of the provider alone is not enough. */
    anyAdmin: () => (admins.get('') as { count: number }).count > 0,
    list: () => (all.all() as unknown as readonly Row[]).map(userOf),
    role: (user: string): Role | undefined => {
      const found = row(user)
      return found === undefined || found.disabled === 1 ? undefined : roles.find((role) => role === found.role)
    },
    async isPassword(user: string, password: string): Promise<boolean> {
      const found = row(user)
      const usable = found?.disabled === 0 ? (found.secret ?? undefined) : undefined
      return isPassword(password, usable)
    },
    seen: (user: string) => void seen.run(now(), user),
    async add({ user, role, password }: z.infer<typeof NewUser>): Promise<z.infer<typeof User>> {
      const secret = await hashPassword(password)
      if (row(user) !== undefined) throw new ApiProblem('conflict', `there is a user "${user}" already`)
      insert.run(user, role, secret, null, now())
      return userOf(existing(user))
    },
    /** A user of the OIDC provider, known by its subject; the role is the provider's word each time. */
    fromProvider(subject: string, wanted: string, role: Role): string {
      return atOnce(database, () => {
        const known = bySubject.get(subject) as Row | undefined
        if (known?.disabled === 1) throw new ApiProblem('forbidden', `${known.user} is disabled`)
        if (known !== undefined) {
          if (known.role !== role) change.run(role, known.secret, known.disabled, known.user)
          return known.user
        }
        // An account of that name that was made here is not taken over by whoever calls himself so elsewhere.
        if (row(wanted) !== undefined) throw new ApiProblem('conflict', `there is a local user "${wanted}" already`)
        insert.run(wanted, role, null, subject, now())
        return wanted
      })
    },
    async change(user: string, asked: z.infer<typeof UserChange>): Promise<z.infer<typeof User>> {
      const secret = asked.password === undefined ? undefined : await hashPassword(asked.password)
      const known = existing(user)
      if (secret !== undefined && known.subject !== null)
        throw new ApiProblem('conflict', `${user} signs in at the OIDC provider and has no password here`)
      if (known.role === 'admin' && ((asked.role ?? 'admin') !== 'admin' || asked.disabled === true)) keepAdmin(user)
      atOnce(database, () => {
        change.run(
          asked.role ?? known.role,
          secret ?? known.secret,
          asked.disabled === undefined ? known.disabled : Number(asked.disabled),
          user,
        )
        endSessions.run(user)
        if (asked.disabled === true) endTokens.run(user)
      })
      return userOf(existing(user))
    },
    async setPassword(user: string, password: string): Promise<void> {
      const secret = await hashPassword(password)
      const known = existing(user)
      change.run(known.role, secret, known.disabled, user)
    },
    remove(user: string): void {
      if (existing(user).role === 'admin') keepAdmin(user)
      remove.run(user)
    },
  }
}

type Row = {
  readonly user: string
  readonly role: string
  readonly secret: string | null
  readonly subject: string | null
  readonly made_at: string
  readonly seen_at: string | null
  readonly disabled: number
}

function userOf(row: Row): z.infer<typeof User> {
  return {
    user: row.user,
    role: row.role as Role,
    by: row.subject === null ? 'password' : 'oidc',
    made_at: row.made_at,
    seen_at: row.seen_at ?? undefined,
    disabled: row.disabled === 1,
  }
}
