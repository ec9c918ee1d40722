import type { Owner } from '../../state/objects.ts'
import type { Relay } from './relay.ts'

/** How to reach one site's Incus, and what at the site a stack may be connected to. Certificates and keys are PEM texts. */
export type IncusOptions = {
  readonly site: string
  /** HTTPS address of the API; needs the client's certificate and key and the server's certificate, which is pinned. */
  readonly url?: string
  /** Path of the unix socket, instead of `url`. */
  readonly socket?: string
  readonly clientCertificate?: string
  readonly clientKey?: string
  readonly serverCertificate?: string
  /** Why it cannot be asked at all, where that is known from the files here: every call fails with this. */
  readonly trouble?: string
  /** How the other site reaches this one for transfers; without it this site cannot be a source. */
  readonly replicationUrl: string | undefined
  /** What answers at `replicationUrl`; `serverCertificate` where it is not given. */
  readonly replicationCertificate?: string
  /** The interface that has the address of `replicationUrl`, where the bytes of transfers are counted. Found by the
   * address where Incus lists it; Incus lists no veth, so that one is tried by name: `wan` where none is given. */
  readonly replicationInterface?: string
  /** What the line of the site may be filled with at this instant, in bits per second; absent: there is no limit. */
  readonly limit_bps?: () => number
  /** Passes transfers to this site on at that rate; without it nothing holds a limit. */
  readonly relay?: Relay
  /** Which process asks, so that a transfer of one that died is known from one that somebody waits for; absent: no process is known. */
  readonly processes?: { readonly self: Owner; readonly lives: (owner: Owner) => 'alive' | 'gone' | 'unknown' }
  /** Storage pool. */
  readonly pool: string
  /** Bridges that exist at the site. */
  readonly outsideBridge: string
  readonly servicesBridge: string
}
