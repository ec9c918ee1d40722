import { createPrivateKey, type KeyObject, sign, verify, X509Certificate } from 'node:crypto'
import { Agent, fetch } from 'undici'
import type { z } from 'zod'
import { PeerView } from '../api/peer.ts'
import type { Peer } from '../api/watch.ts'
import type { Clock } from '../lib/clock.ts'
import { ApiProblem } from './problem.ts'

/** The controller of another site, as the site file names it; `certificate` is PEM. */
export type PeerAddress = { readonly site: string; readonly url: string; readonly certificate: string }

export type Peers = {
  readonly seen: ReadonlyMap<string, z.infer<typeof Peer>>
  /** Asks all others once. */
  ask(): Promise<void>
  /** The site that a request is from, by its signature; throws where it is nobody's. */
  of(header: unknown): string
  close(): Promise<void>
}

export const peerHeader = 'x-lifeboat-peer'
const path = '/api/v1/peer'
const within_ms = 4000
/** A signature is good for so long: clocks may differ a little, and what was recorded is soon worth nothing. */
const good_ms = 30_000

/**
 * Controllers find each other by the site file and know each other by their certificates: the server's is pinned, and the
 * caller signs with the key of its own. No secret is shared, and each goes on alone when the other is gone.
 */
export function openPeers(
  here: string,
  sites: readonly string[],
  others: readonly PeerAddress[],
  key_pem: string | undefined,
  clock: Clock,
): Peers {
  const key = key_pem === undefined ? undefined : createPrivateKey(key_pem)
  // Silent since the start, until it answers: nobody is taken for gone before a minute is over.
  const seen_at = clock.now().toISOString()
  const seen = new Map<string, z.infer<typeof Peer>>(
    sites.map((site) => {
      const address = others.find((each) => each.site === site)?.url
      if (site === here) return [site, { site, state: 'here', address }]
      if (address === undefined) return [site, { site, state: 'none' }]
      return [site, { site, state: 'silent', address, seen_at, why: 'not asked yet' }]
    }),
  )
  const ways = others
    .filter((each) => each.site !== here)
    .map((each) => {
      const certificate = new X509Certificate(each.certificate)
      const connect = {
        ca: each.certificate,
        // Pinned: names in it do not matter.
        checkServerIdentity: (_host: string, found: { fingerprint256: string }) =>
          found.fingerprint256 === certificate.fingerprint256 ? undefined : new Error('it shows another certificate'),
      }
      return { ...each, public_key: certificate.publicKey, agent: new Agent({ connect, connectTimeout: within_ms }) }
    })

  async function askOne({ site, url, agent }: (typeof ways)[number]): Promise<void> {
    const before = seen.get(site)
    const at = clock.now().toISOString()
    try {
      if (key === undefined) throw new Error('this controller has no certificate to show (tls in the controller file)')
      const answer = await fetch(new URL(path, url), {
        dispatcher: agent,
        redirect: 'error',
        headers: { [peerHeader]: signature(here, site, at, key) },
        signal: AbortSignal.timeout(within_ms),
      })
      const body: unknown = await answer.json()
      if (!answer.ok) throw new Error(`it says ${answer.status}: ${String((body as { what?: unknown } | null)?.what)}`)
      const { sees, runs } = PeerView.parse(body)
      seen.set(site, { site, address: url, state: 'answers', seen_at: at, sees, runs })
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
      const why = cause instanceof Error ? cause.message : String(cause)
      seen.set(site, { site, address: url, state: 'silent', seen_at: before?.seen_at, why, runs: before?.runs })
    }
  }

  return {
    seen,
    async ask() {
      await Promise.all(ways.map(askOne))
    },
    of(header) {
      const no = (what: string) => new ApiProblem('not-signed-in', what)
      if (typeof header !== 'string') throw no('this is for the controllers of the other sites')
      const [site = '', at = '', given = ''] = header.split(' ')
      const from = ways.find((each) => each.site === site)
      if (from === undefined) throw no('the site file names no controller there')
      const age_ms = clock.now().getTime() - Date.parse(at)
      if (!(Math.abs(age_ms) < good_ms)) throw no('the signature is of another time: are the clocks apart?')
      const text = Buffer.from(signed(site, here, at))
      if (!verify(digestOf(from.public_key), text, from.public_key, Buffer.from(given, 'base64')))
        throw no('the signature is not of the certificate that the site file names')
      return site
    },
    async close() {
      await Promise.all(ways.map(({ agent }) => agent.destroy()))
    },
  }
}

function signature(from: string, to: string, at: string, key: KeyObject): string {
  return `${from} ${at} ${sign(digestOf(key), Buffer.from(signed(from, to, at)), key).toString('base64')}`
}

const signed = (from: string, to: string, at: string): string => `lifeboat peer\n${from}\n${to}\n${at}\n`

/** Ed25519 takes the text itself. */
const digestOf = (key: KeyObject): string | null => (key.asymmetricKeyType?.startsWith('ed') === true ? null : 'sha256')
