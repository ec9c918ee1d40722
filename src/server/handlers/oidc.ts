import { notFound } from '../problem.ts'
import type { Handlers } from '../route.ts'

/** Signing in at a provider, where the controller file names one. */
export function oidcHandlers(): Pick<Handlers, 'oidcStart' | 'oidcBack'> {
  const none = () => {
    throw notFound('this controller knows no OIDC provider')
  }
  return { oidcStart: none, oidcBack: none }
}
