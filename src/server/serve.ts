import { isIP } from 'node:net'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { openApi } from '../api/openapi.ts'
import { routes } from '../api/routes.ts'
import type { Lifeboat } from '../lifeboat.ts'
import { type Access, openAccess } from './access/access.ts'
import { openOidc } from './access/oidc.ts'
import { openApp } from './app.ts'
import { type Audit, openAudit } from './audit.ts'
import type { Expiring } from './certificates.ts'
import type { Config } from './config.ts'
import { type Controller, openController } from './controller.ts'
import { openDatabase } from './database.ts'
import { serveDocs } from './docs.ts'
import { accessHandlers } from './handlers/access.ts'
import { allHandlers } from './handlers/all.ts'
import { auditHandlers } from './handlers/audit.ts'
import { oidcHandlers } from './handlers/oidc.ts'
import { openPeers, type PeerAddress } from './peers.ts'
import { openRounds } from './rounds.ts'
import { servePage } from './static.ts'

export type ServeOptions = {
  readonly lifeboat: Lifeboat
  readonly site: string
  readonly config: Config
  readonly listen: { readonly host: string; readonly port: number }
  /** Own records; `:memory:` for none that last. */
  readonly database: string
  readonly stacks_dir: string | undefined
  readonly tls: { readonly cert: string; readonly key: string } | undefined
  readonly version: string
  readonly logger: Logger
  readonly peers: readonly PeerAddress[]
  /** What will expire, and when. */
  readonly certificates: readonly Expiring[]
  /** Reads a secret that the controller file names. */
  readonly readSecret: (file: string) => string
}

/** What the handlers of accounts need beside the controller. */
export type Served = {
  readonly access: Access
  readonly audit: Audit
  readonly site: string
  readonly version: string
  readonly oidc: boolean
}

export type Serving = {
  readonly address: string
  /** Leads to the making of the first admin; good once, for a day. */
  readonly link: string | undefined
  readonly app: FastifyInstance
  readonly controller: Controller
  /** Ends in good order: what runs has `grace_ms` to come to its end, and goes on from its journal with the next start. */
  close(grace_ms: number): Promise<void>
}

/** A controller that listens, looks and works until it is closed. */
export async function serve(options: ServeOptions): Promise<Serving> {
  const { lifeboat, site, logger, listen, tls } = options
  if (tls === undefined && !isLoopback(listen.host)) throw new PlainOutside(listen.host)
  const database = openDatabase(options.database)
  const audit = openAudit(database, lifeboat.clock)
  const access = openAccess(database, lifeboat.clock, audit, tls !== undefined)
  const names = lifeboat.sites.sites.map((each) => each.name)
  const peers = openPeers(site, names, options.peers, tls?.key, lifeboat.clock)
  const controller = openController({
    lifeboat,
    site,
    database,
    audit,
    stacks_dir: options.stacks_dir,
    config: options.config,
    peers,
    certificates: options.certificates,
    readSecret: options.readSecret,
    logger,
    stillGood: (me, request) => me.by === 'tour' || stillGood(access, request),
  })
  const { oidc: provider, address: public_address } = options.config
  if (provider !== undefined && public_address === undefined)
    throw new ConfigMissing('oidc needs `address`: where browsers reach this controller, as the provider knows it')
  const oidc =
    provider === undefined
      ? undefined
      : openOidc(
          provider,
          options.readSecret(provider['client-secret'].file),
          new URL(routes.oidcBack.path, public_address),
          lifeboat.clock,
        )
  const served: Served = { access, audit, site, version: options.version, oidc: oidc !== undefined }
  const app = await openApp({
    handlers: {
      ...allHandlers(controller),
      ...accessHandlers(served),
      ...auditHandlers(audit),
      ...oidcHandlers(oidc, access, audit, tls !== undefined),
    },
    identify: access.identify,
    logger,
    tls,
  })
  serveDocs(app, openApi(options.version))
  await servePage(app, join(import.meta.dirname, '../../web/dist'))
  const address = await app.listen(listen)
  const rounds = openRounds(controller, logger, { probe: options.config['probe-services'] })
  const token = access.setupLink()
  logger.info({ site, address }, 'listening')
  return {
    address,
    link: token === undefined ? undefined : `${address}/setup#${token}`,
    app,
    controller,
    async close(grace_ms) {
      await controller.stop()
      await rounds.stop()
      await peers.close()
      for (const stream of controller.streams) stream.destroy()
      await app.close()
      await controller.runner.settle(grace_ms)
      database.close()
    },
  }
}

/** What the controller file says does not go together. */
export class ConfigMissing extends Error {
  constructor(what: string) {
    super(`the controller file: ${what}`)
    this.name = 'ConfigMissing'
  }
}

/** Passwords and sessions do not cross a network in the clear. */
export class PlainOutside extends Error {
  constructor(host: string) {
    super(
      `${host} is no loopback address, and there is no certificate: name tls.certificate and tls.key in the controller file`,
    )
    this.name = 'PlainOutside'
  }
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

function stillGood(access: Access, request: Parameters<Access['identify']>[0]): boolean {
  try {
    return access.identify(request, false) !== undefined
  } catch {
    return false
  }
}
