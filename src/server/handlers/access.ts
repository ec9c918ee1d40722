import { ApiProblem } from '../problem.ts'
import type { Handlers } from '../route.ts'
import type { Served } from '../serve.ts'

type Names =
  | 'door'
  | 'me'
  | 'login'
  | 'logout'
  | 'setup'
  | 'users'
  | 'addUser'
  | 'changeUser'
  | 'removeUser'
  | 'changePassword'
  | 'tokens'
  | 'addToken'
  | 'removeToken'

export function accessHandlers({ access, audit, site, version, oidc }: Served): Pick<Handlers, Names> {
  const { users, tokens, sessions } = access
  return {
    door: () => ({ site, version, setup: !users.anyAdmin(), tour: false, oidc }),
    me: ({ me }) => me,
    login: async ({ body, request, reply }) => {
      await access.login(body.user, body.password, request.ip)
      return access.enter(reply, request, body.user)
    },
    logout: ({ who, request, reply }) => {
      access.leave(reply, request)
      audit.add({ who, origin: request.ip, what: 'session.end', details: {} })
    },
    setup: async ({ body, request, reply }) => {
      await access.setup(body.link, body.user, body.password, request.ip)
      return access.enter(reply, request, body.user)
    },
    users: () => users.list(),
    addUser: async ({ body, who, request }) => {
      const made = await users.add(body)
      audit.add({ who, origin: request.ip, what: 'user.make', about: body.user, details: { role: body.role } })
      return made
    },
    changeUser: async ({ params, body, who, request }) => {
      const changed = await users.change(params.user, body)
      const { password, ...rest } = body
      const details = { ...rest, password: password === undefined ? 'same' : 'changed' }
      audit.add({ who, origin: request.ip, what: 'user.change', about: params.user, details })
      return changed
    },
    removeUser: ({ params, who, request }) => {
      users.remove(params.user)
      audit.add({ who, origin: request.ip, what: 'user.remove', about: params.user, details: {} })
    },
    changePassword: async ({ me, who, body, request }) => {
      if (me.by !== 'session') throw new ApiProblem('forbidden', 'a password is changed by its user, not by a token')
      await access.login(me.user, body.old, request.ip, 'user.confirm')
      await users.setPassword(me.user, body.password)
      sessions.endOthers(me.user, access.secretOf(request) ?? '')
      audit.add({ who, origin: request.ip, what: 'user.password', about: me.user, details: {} })
    },
    tokens: ({ me }) => tokens.list(me),
    addToken: ({ me, who, body, request }) => {
      // Otherwise a token that is about to expire could make itself another one.
      if (me.by === 'token') throw new ApiProblem('forbidden', 'a token makes no tokens')
      const made = tokens.add(me, body)
      const details = { name: body.name, role: body.role, expires_at: made.expires_at }
      audit.add({ who, origin: request.ip, what: 'token.make', about: made.id, details })
      return made
    },
    removeToken: ({ me, who, params, request }) => {
      tokens.remove(me, params.id)
      audit.add({ who, origin: request.ip, what: 'token.remove', about: params.id, details: {} })
    },
  }
}
