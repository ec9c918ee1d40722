import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import { type Clock, systemClock } from '../lib/clock.ts'
import type { EngineAccess, Site } from '../state/sites.ts'
import { limitAt } from '../state/wan.ts'
import type { Engine } from './contract.ts'
import { incusEngine } from './incus/incus.ts'
import type { IncusOptions } from './incus/options.ts'
import { openRelay } from './incus/relay.ts'
import { limit } from './wrap/limit.ts'
import { retry } from './wrap/retry.ts'

/** More calls at once than this make a site slower, not quicker: each holds a database transaction there. */
const most_calls = 12

/**
 * Opens the engine of a site; `dir` is where the site file is. A call that may work later is tried again, within limits.
 * Where the files named for a site are of no use, all its calls fail and say why: the other site works without it.
 */
export function openEngine(
  site: Site,
  dir: string,
  processes: IncusOptions['processes'],
  clock: Clock = systemClock,
): Engine {
  const engine = incusEngine({
    site: site.name,
    ...access(site.engine, dir, clock),
    replicationUrl: site.replication_url,
    ...limitOf(site, clock),
    ...(processes === undefined ? {} : { processes }),
    pool: site.pool,
    outsideBridge: site.outside_bridge,
    servicesBridge: site.services_bridge ?? '',
  })
  return retry(limit(engine, most_calls), { clock })
}

function limitOf({ wan }: Site, clock: Clock) {
  if (wan === undefined) return {}
  const limit_bps = () => limitAt(wan, clock.now())
  return wan.relay === undefined ? { limit_bps } : { limit_bps, relay: openRelay(wan.relay, clock) }
}

function access(access: EngineAccess, dir: string, clock: Clock) {
  const trouble: string[] = []
  const read = (key: string, file: string): string => {
    const path = resolve(dir, file)
    try {
      return readFileSync(path, 'utf8')
    } catch (error) {
      trouble.push(`${key} of the site file cannot be read (${(error as Error).message.split(', ')[0]}: ${path})`)
      return ''
    }
  }
  const told = () => (trouble.length === 0 ? {} : { trouble: trouble.join('; ') })
  if (access.by === 'socket') {
    const { path: socket, server_certificate } = access
    if (server_certificate === undefined) return { socket }
    const serverCertificate = read('incus.server-certificate', server_certificate)
    return { socket, serverCertificate, ...told() }
  }
  const [certificate, key, server] = [access.client_certificate, access.client_key, access.server_certificate]
  const clientCertificate = read('incus.client-certificate', certificate)
  const clientKey = read('incus.client-key', key)
  const serverCertificate = read('incus.server-certificate', server)
  if (trouble.length === 0)
    trouble.push(
      ...badCertificate('incus.server-certificate', resolve(dir, server), serverCertificate, undefined),
      ...badCertificate('incus.client-certificate', resolve(dir, certificate), clientCertificate, clock.now()),
      ...badPair(clientCertificate, clientKey, resolve(dir, key)),
    )
  return { url: access.url, clientCertificate, clientKey, serverCertificate, ...told() }
}

/** A server checks when a client's certificate ends; this machine's clock may be wrong about that, so it is told with both. */
function badCertificate(key: string, path: string, pem: string, now: Date | undefined): readonly string[] {
  try {
    const { validToDate } = new X509Certificate(pem)
    if (now === undefined || validToDate > now) return []
    return [
      `${key} of the site file, ${path}, has expired on ${validToDate.toISOString()}, and it is ${now.toISOString()} here`,
    ]
  } catch {
    return [`${key} of the site file, ${path}, holds no certificate in PEM`]
  }
}

function badPair(cert: string, key: string, path: string): readonly string[] {
  try {
    createSecureContext({ cert, key })
    return []
  } catch (error) {
    const matches = !/mismatch/.test((error as Error).message)
    return [
      `incus.client-key of the site file, ${path}, ${matches ? 'holds no key in PEM' : 'is not the key of incus.client-certificate'}`,
    ]
  }
}
