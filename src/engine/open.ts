import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Clock, systemClock } from '../lib/clock.ts'
import type { EngineAccess, Site } from '../state/sites.ts'
import type { Engine } from './contract.ts'
import { incusEngine } from './incus/incus.ts'
import { limit } from './wrap/limit.ts'
import { retry } from './wrap/retry.ts'

/** More calls at once than this make a site slower, not quicker: each holds a database transaction there. */
const most_calls = 12

/** Opens the engine of a site; `dir` is where the site file is. A call that may work later is tried again, within limits. */
export function openEngine(site: Site, dir: string, clock: Clock = systemClock): Engine {
  const read = (file: string) => readFileSync(resolve(dir, file), 'utf8')
  const engine = incusEngine({
    site: site.name,
    ...access(site.engine, read),
    replicationUrl: site.replication_url,
    pool: site.pool,
    outsideBridge: site.outside_bridge,
    servicesBridge: site.services_bridge ?? '',
  })
  return retry(limit(engine, most_calls), { clock })
}

function access(access: EngineAccess, read: (file: string) => string) {
  switch (access.by) {
    case 'socket':
      return {
        socket: access.path,
        ...(access.server_certificate === undefined ? {} : { serverCertificate: read(access.server_certificate) }),
      }
    case 'https':
      return {
        url: access.url,
        clientCertificate: read(access.client_certificate),
        clientKey: read(access.client_key),
        serverCertificate: read(access.server_certificate),
      }
  }
}
