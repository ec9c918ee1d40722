import { randomBytes } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Me } from '../../api/access.ts'
import type { Clock } from '../../lib/clock.ts'
import { sha256 } from '../../lib/digest.ts'
import type { Identify } from '../app.ts'
import type { Audit } from '../audit.ts'
import { atOnce, type Database } from '../database.ts'
import { ApiProblem } from '../problem.ts'
import { openSessions, same } from './sessions.ts'
import { openThrottle } from './throttle.ts'
import { openTokens } from './tokens.ts'
import { openUsers } from './users.ts'

const link_ms = 24 * 3_600_000

export type Access = ReturnType<typeof openAccess>

/** Who may come in, and who somebody is. */
export function openAccess(database: Database, clock: Clock, audit: Audit, tls: boolean) {
  const users = openUsers(database, clock)
  const sessions = openSessions(database, clock)
  const tokens = openTokens(database, clock, users.role)
  const throttle = openThrottle(clock)
  const putLink = database.prepare('INSERT INTO setup (hash, expires_at) VALUES (?, ?)')
  const takeLink = database.prepare('DELETE FROM setup WHERE hash = ? AND expires_at > ? RETURNING hash')
  // `__Host-`: the browser takes it by TLS only, and from no other host of the domain.
  const cookie = tls ? '__Host-lifeboat' : 'lifeboat'
  const attributes = { httpOnly: true, sameSite: 'strict', secure: tls, path: '/' } as const

  function enter(reply: FastifyReply, request: FastifyRequest, user: string): Me {
    const old = request.cookies[cookie]
    if (old !== undefined) sessions.end(old)
    const { secret, csrf } = sessions.begin(user)
    users.seen(user)
    reply.setCookie(cookie, secret, attributes)
    return { user, role: users.role(user) ?? 'viewer', by: 'session', csrf }
  }

  const identify: Identify = (request, changes) => {
    const { authorization } = request.headers
    if (authorization !== undefined) {
      const found = authorization.startsWith('Bearer ') ? tokens.find(authorization.slice(7)) : undefined
      if (found === undefined) throw new ApiProblem('not-signed-in', 'this token is not known, or its time is over')
      return found
    }
    if (changes) fromHere(request)
    const secret = request.cookies[cookie]
    const session = secret === undefined ? undefined : sessions.find(secret)
    const role = session === undefined ? undefined : users.role(session.user)
    if (session === undefined || role === undefined) return undefined
    const given = request.headers['x-csrf-token']
    if (changes && (typeof given !== 'string' || !same(given, session.csrf)))
      throw new ApiProblem('bad-csrf', 'the header x-csrf-token is missing or not of this session', {
        hint: 'GET /api/v1/session tells it',
      })
    return { me: { user: session.user, role, by: 'session', csrf: session.csrf }, who: session.user }
  }

  return {
    users,
    sessions,
    tokens,
    identify,
    enter,
    /** A link for the first admin, as long as there is nobody; another start makes another one. */
    setupLink(): string | undefined {
      if (users.anyAdmin()) return undefined
      const link = randomBytes(24).toString('base64url')
      atOnce(database, () => {
        database.exec('DELETE FROM setup')
        putLink.run(sha256(link), clock.now().getTime() + link_ms)
      })
      return link
    },
    async setup(link: string, user: string, password: string, origin: string): Promise<void> {
      throttle.check(`setup ${origin}`)
      const good = atOnce(
        database,
        () => !users.anyAdmin() && takeLink.get(sha256(link), clock.now().getTime()) !== undefined,
      )
      if (!good) {
        throttle.failed(`setup ${origin}`)
        audit.add({ who: 'nobody', origin, what: 'setup.refused', details: {} })
        throw new ApiProblem('forbidden', 'this link is not good (any more)', {
          hint: 'start the controller again: it prints a new one as long as there is no account',
        })
      }
      await users.add({ user, role: 'admin', password })
      audit.add({ who: user, origin, what: 'user.make', about: user, details: { role: 'admin', by: 'first link' } })
    },
    async login(user: string, password: string, origin: string, what = 'session.begin'): Promise<void> {
      const [account, address] = [`user ${user}`, `from ${origin}`]
      throttle.check(account, address)
      // Counted before the slow part: tries at the same time are tries too.
      throttle.failed(account, address)
      if (!(await users.isPassword(user, password))) {
        audit.add({ who: 'nobody', origin, what: 'session.refused', about: user.slice(0, 64), details: {} })
        throw new ApiProblem('not-signed-in', 'user and password do not fit')
      }
      throttle.succeeded(account)
      throttle.succeeded(address)
      audit.add({ who: user, origin, what, details: {} })
    },
    leave(reply: FastifyReply, request: FastifyRequest): void {
      const secret = request.cookies[cookie]
      if (secret !== undefined) sessions.end(secret)
      reply.clearCookie(cookie, attributes)
    },
    secretOf: (request: FastifyRequest): string | undefined => request.cookies[cookie],
  }
}

/** A browser says where a request comes from; what comes from another page is no request of the user. */
function fromHere(request: FastifyRequest): void {
  const { origin, host, 'sec-fetch-site': site } = request.headers
  const elsewhere = origin !== undefined && URL.parse(origin)?.host !== host
  if (elsewhere || (site !== undefined && site !== 'same-origin' && site !== 'none'))
    throw new ApiProblem('bad-csrf', 'the request comes from another page')
}
