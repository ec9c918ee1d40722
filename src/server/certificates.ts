import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Sites } from '../state/sites.ts'
import type { PeerAddress } from './peers.ts'

/** Something that ends on a day that is known before, and for whom that matters. */
export type Expiring = {
  readonly what: string
  readonly until: Date
  readonly of: 'controller' | 'stack' | 'dns'
  readonly site?: string
  readonly stack?: string
}

/** The certificates and keys that this controller works with: as they were at its start, as that is what it uses. */
export function certificatesOf(sites: Sites, dir: string, own: string | undefined): readonly Expiring[] {
  const files = sites.sites.flatMap((site) => {
    const { engine, name, controller } = site
    const server = engine.server_certificate
    return [
      ...(engine.by === 'https'
        ? [[`the client certificate for ${name}`, engine.client_certificate, name] as const]
        : []),
      ...(server === undefined ? [] : [[`the certificate of Incus at ${name}`, server, name] as const]),
      ...(controller === undefined
        ? []
        : [[`the certificate of the controller of ${name}`, controller.certificate, name] as const]),
    ]
  })
  const found = files.flatMap(([what, file, site]) => {
    const path = resolve(dir, file)
    return existsSync(path) ? expiry(what, readFileSync(path, 'utf8'), site) : []
  })
  const keys = sites.sites.flatMap(({ name, dns }): readonly Expiring[] => {
    if (dns?.key.until === undefined) return []
    // To the end of the day.
    const until = new Date(Date.parse(dns.key.until) + 24 * 3_600_000)
    return [{ what: `the DNS key ${dns.key.name} of ${name}`, until, of: 'dns', site: name }]
  })
  return [...found, ...keys, ...(own === undefined ? [] : expiry('the certificate of this controller', own))]
}

export function peersOf(sites: Sites, dir: string): readonly PeerAddress[] {
  return sites.sites.flatMap(({ name, controller }) =>
    controller === undefined
      ? []
      : [{ site: name, url: controller.url, certificate: readFileSync(resolve(dir, controller.certificate), 'utf8') }],
  )
}

function expiry(what: string, pem: string, site?: string): readonly Expiring[] {
  try {
    const until = new X509Certificate(pem).validToDate
    return [{ what, until, of: 'controller', ...(site === undefined ? {} : { site }) }]
  } catch {
    // What uses it says that it is none.
    return []
  }
}
