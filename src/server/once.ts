import type { Started } from '../api/operations.ts'
import type { Clock } from '../lib/clock.ts'
import { canonical, type Digestible, sha256 } from '../lib/digest.ts'
import type { Database } from './database.ts'
import { ApiProblem } from './problem.ts'

const kept_ms = 24 * 3_600_000

/**
 * The same Idempotency-Key of the same caller starts nothing again. It is written down before the start: where the
 * controller died in between, nobody knows whether it started, and that is what the caller is told.
 */
export function openOnce(database: Database, clock: Clock) {
  const find = database.prepare('SELECT request, answer FROM once WHERE key = ? AND who = ?')
  const insert = database.prepare('INSERT INTO once (key, who, request, at) VALUES (?, ?, ?, ?)')
  const finish = database.prepare('UPDATE once SET answer = ? WHERE key = ? AND who = ?')
  const forget = database.prepare('DELETE FROM once WHERE key = ? AND who = ?')
  const expire = database.prepare('DELETE FROM once WHERE at < ?')
  return async function once(
    key: string | undefined,
    who: string,
    request: unknown,
    start: () => Promise<Started>,
  ): Promise<Started> {
    if (key === undefined) return start()
    const now = clock.now().getTime()
    expire.run(now - kept_ms)
    const digest = sha256(canonical(request as Digestible))
    const known = find.get(key, who) as { request: string; answer: string | null } | undefined
    if (known !== undefined) {
      if (known.request !== digest)
        throw new ApiProblem('conflict', 'this Idempotency-Key was used for another request', {
          hint: 'a new request needs a new key',
        })
      if (known.answer === null)
        throw new ApiProblem('conflict', 'the first request with this Idempotency-Key has no answer yet', {
          hint: 'look at the operations of the stack before you ask again with a new key',
        })
      return JSON.parse(known.answer) as Started
    }
    insert.run(key, who, digest, now)
    try {
      const answer = await start()
      finish.run(JSON.stringify(answer), key, who)
      return answer
    } catch (error) {
      // Said no: nothing was started.
      if (error instanceof ApiProblem) forget.run(key, who)
      throw error
    }
  }
}
