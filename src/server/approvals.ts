import { randomBytes } from 'node:crypto'
import type { z } from 'zod'
import type { Approval } from '../api/access.ts'
import type { OperationRequest } from '../api/operations.ts'
import type { Clock } from '../lib/clock.ts'
import type { Database } from './database.ts'
import { ApiProblem, notFound } from './problem.ts'

const open_ms = 3_600_000

/** What waits for a second person. It is planned anew when that one says yes: the sites may look different then. */
export function openApprovals(database: Database, clock: Clock) {
  const insert = database.prepare(
    'INSERT INTO approvals (id, by, at, expires_at, summary, request) VALUES (?, ?, ?, ?, ?, ?)',
  )
  const expire = database.prepare('DELETE FROM approvals WHERE expires_at < ?')
  const all = database.prepare('SELECT * FROM approvals ORDER BY at')
  const take = database.prepare('DELETE FROM approvals WHERE id = ? RETURNING *')
  const find = database.prepare('SELECT * FROM approvals WHERE id = ?')

  function current(id: string): Row {
    expire.run(clock.now().toISOString())
    const row = find.get(id) as Row | undefined
    if (row === undefined) throw notFound(`nothing waits under ${id}; after an hour it has to be asked for again`)
    return row
  }

  return {
    ask(by: string, request: OperationRequest, summary: string): string {
      const id = randomBytes(6).toString('hex')
      const now = clock.now()
      const expires_at = new Date(now.getTime() + open_ms).toISOString()
      insert.run(id, by, now.toISOString(), expires_at, summary, JSON.stringify(request))
      return id
    },
    list(user: string): readonly z.infer<typeof Approval>[] {
      expire.run(clock.now().toISOString())
      return (all.all() as unknown as readonly Row[]).map((row) => ({
        ...row,
        request: JSON.parse(row.request) as OperationRequest,
        mine: row.by === user,
      }))
    },
    /** The second person; not the first one again, under whatever token. */
    take(id: string, user: string): { readonly request: OperationRequest; readonly by: string } {
      const row = current(id)
      if (row.by === user)
        throw new ApiProblem('forbidden', 'somebody else has to approve what you asked for', {
          hint: 'four-eyes is on: two different users',
        })
      if (take.get(id) === undefined) throw notFound(`nothing waits under ${id} any more`)
      return { request: JSON.parse(row.request) as OperationRequest, by: row.by }
    },
    withdraw(id: string): void {
      current(id)
      take.get(id)
    },
  }
}

type Row = {
  readonly id: string
  readonly by: string
  readonly at: string
  readonly expires_at: string
  readonly summary: string
  readonly request: string
}
