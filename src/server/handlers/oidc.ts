import type { Access } from '../access/access.ts'
import type { openOidc } from '../access/oidc.ts'
import type { Audit } from '../audit.ts'
import { notFound } from '../problem.ts'
import type { Handlers } from '../route.ts'

const cookie = 'lifeboat-oidc'

/** Signing in at a provider, where the controller file names one. The ways that it leads to are fixed: no open redirect. */
export function oidcHandlers(
  oidc: ReturnType<typeof openOidc> | undefined,
  access: Access,
  audit: Audit,
  tls: boolean,
): Pick<Handlers, 'oidcStart' | 'oidcBack'> {
  // Lax: the provider's page is another site, and this cookie has to come back from there.
  const attributes = { httpOnly: true, sameSite: 'lax', secure: tls, path: '/api/v1/oidc' } as const
  if (oidc === undefined) {
    const none = () => {
      throw notFound('this controller knows no OIDC provider')
    }
    return { oidcStart: none, oidcBack: none }
  }
  return {
    oidcStart: async ({ reply }) => {
      const { url, state } = await oidc.start()
      reply.setCookie(cookie, state, { ...attributes, maxAge: 600 })
      return reply.redirect(url.href)
    },
    oidcBack: async ({ request, reply }) => {
      const query = request.url.split('?')[1] ?? ''
      reply.clearCookie(cookie, attributes)
      const known = await oidc.finish(query, request.cookies[cookie])
      const user = access.users.fromProvider(known.subject, known.name, known.role)
      access.enter(reply, request, user)
      audit.add({ who: user, origin: request.ip, what: 'session.begin', details: { by: 'oidc', role: known.role } })
      return reply.redirect('/')
    },
  }
}
