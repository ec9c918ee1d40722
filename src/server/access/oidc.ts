import * as client from 'openid-client'
import { type Role, roles } from '../../api/words.ts'
import type { Clock } from '../../lib/clock.ts'
import { ApiProblem } from '../problem.ts'

export type OidcConfig = {
  readonly issuer: string
  readonly 'client-id': string
  /** Claim that names the groups of a user, and what each group may do. */
  readonly claim: string
  readonly roles: Readonly<Record<string, Role>>
}

/** Somebody whom the provider knows. */
export type Known = { readonly subject: string; readonly name: string; readonly role: Role }

const flow_ms = 10 * 60_000
const most_flows = 1000

/**
 * Signing in at an OIDC provider: authorization code with PKCE, state and nonce. What belongs to one try is kept here under
 * its state and is good once; the browser brings back nothing but the state, in a cookie too, so that nobody can be signed
 * in as somebody else by a link.
 */
export function openOidc(config: OidcConfig, secret: string, back: URL, clock: Clock) {
  const issuer = new URL(config.issuer)
  // A provider on this machine may speak HTTP; elsewhere tokens do not cross a network in the clear.
  const plain = issuer.protocol === 'http:' && /^(127\.|localhost$|\[::1\]$)/.test(issuer.hostname)
  let discovered: Promise<client.Configuration> | undefined
  const flows = new Map<string, { readonly verifier: string; readonly nonce: string; readonly until_ms: number }>()

  function provider(): Promise<client.Configuration> {
    discovered ??= client
      .discovery(issuer, config['client-id'], undefined, client.ClientSecretPost(secret), {
        timeout: 10,
        ...(plain ? { execute: [client.allowInsecureRequests] } : {}),
      })
      .catch((error: unknown) => {
        // The next try asks again.
        discovered = undefined
        const why = error instanceof Error ? error.message : String(error)
        throw new ApiProblem('unavailable', `the OIDC provider does not answer as one: ${why}`)
      })
    return discovered
  }

  return {
    async start(): Promise<{ readonly url: URL; readonly state: string }> {
      const found = await provider()
      const [verifier, state, nonce] = [client.randomPKCECodeVerifier(), client.randomState(), client.randomNonce()]
      const now_ms = clock.now().getTime()
      for (const [key, { until_ms }] of flows) if (until_ms < now_ms || flows.size >= most_flows) flows.delete(key)
      flows.set(state, { verifier, nonce, until_ms: now_ms + flow_ms })
      const url = client.buildAuthorizationUrl(found, {
        redirect_uri: back.href,
        scope: 'openid profile email',
        code_challenge: await client.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        state,
        nonce,
      })
      return { url, state }
    },
    /** `query` as the browser brought it back, and the state of its cookie. */
    async finish(query: string, cookie: string | undefined): Promise<Known> {
      const state = new URLSearchParams(query).get('state') ?? ''
      const flow = flows.get(state)
      flows.delete(state)
      if (flow === undefined || cookie !== state || flow.until_ms < clock.now().getTime())
        throw new ApiProblem('forbidden', 'this way back is of no sign-in that was begun here', {
          hint: 'sign in again',
        })
      const url = new URL(back)
      url.search = query
      const tokens = await client
        .authorizationCodeGrant(await provider(), url, {
          pkceCodeVerifier: flow.verifier,
          expectedState: state,
          expectedNonce: flow.nonce,
          idTokenExpected: true,
        })
        .catch((error: unknown) => {
          if (error instanceof ApiProblem) throw error
          throw new ApiProblem(
            'forbidden',
            `the provider did not let you in: ${error instanceof Error ? error.message : String(error)}`,
          )
        })
      const claims = tokens.claims()
      if (claims === undefined) throw new ApiProblem('forbidden', 'the provider sent no id token')
      const role = roleOf(claims[config.claim], config.roles)
      if (role === undefined)
        throw new ApiProblem('forbidden', `no group of yours has a role here (claim "${config.claim}")`)
      const name = String(claims.preferred_username ?? claims.email ?? claims.sub).toLowerCase()
      return { subject: `${claims.iss} ${claims.sub}`, name: name.replaceAll(/[^a-z0-9._@-]/g, '-').slice(0, 64), role }
    },
  }
}

/** The highest role of all groups that somebody is in. */
export function roleOf(claim: unknown, known: Readonly<Record<string, Role>>): Role | undefined {
  const groups = (Array.isArray(claim) ? claim : [claim]).filter((each) => typeof each === 'string')
  const found = groups.flatMap((group) => (Object.hasOwn(known, group) ? [known[group]] : []))
  return roles.findLast((role) => found.includes(role))
}
