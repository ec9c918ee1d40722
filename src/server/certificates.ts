import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Sites } from '../state/sites.ts'
import type { PeerAddress } from './peers.ts'

export type Expiring = { readonly what: string; readonly until: Date }

/** The certificates that this controller depends on, as they are on the disk now. */
export function certificatesOf(sites: Sites, dir: string, own: string | undefined): readonly Expiring[] {
  const files = sites.sites.flatMap((site) => {
    const { engine, name, controller } = site
    const server = engine.server_certificate
    return [
      ...(engine.by === 'https' ? [[`the client certificate for ${name}`, engine.client_certificate] as const] : []),
      ...(server === undefined ? [] : [[`the certificate of Incus at ${name}`, server] as const]),
      ...(controller === undefined
        ? []
        : [[`the certificate of the controller of ${name}`, controller.certificate] as const]),
    ]
  })
  const found = files.flatMap(([what, file]) => {
    const path = resolve(dir, file)
    return existsSync(path) ? expiry(what, readFileSync(path, 'utf8')) : []
  })
  return [...found, ...(own === undefined ? [] : expiry('the certificate of this controller', own))]
}

export function peersOf(sites: Sites, dir: string): readonly PeerAddress[] {
  return sites.sites.flatMap(({ name, controller }) =>
    controller === undefined
      ? []
      : [{ site: name, url: controller.url, certificate: readFileSync(resolve(dir, controller.certificate), 'utf8') }],
  )
}

function expiry(what: string, pem: string): readonly Expiring[] {
  try {
    return [{ what, until: new X509Certificate(pem).validToDate }]
  } catch {
    // What uses it says that it is none.
    return []
  }
}
