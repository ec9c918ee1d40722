import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { pino } from 'pino'
import { openApi } from '../../src/api/openapi.ts'
import { type Role, roles } from '../../src/api/words.ts'
import type { VirtualClock } from '../../src/lib/clock.ts'
import { openAccess } from '../../src/server/access/access.ts'
import { openApp } from '../../src/server/app.ts'
import { openAudit } from '../../src/server/audit.ts'
import { defaults } from '../../src/server/config.ts'
import { openController } from '../../src/server/controller.ts'
import { openDatabase } from '../../src/server/database.ts'
import { serveDocs } from '../../src/server/docs.ts'
import { accessHandlers } from '../../src/server/handlers/access.ts'
import { allHandlers } from '../../src/server/handlers/all.ts'
import { auditHandlers } from '../../src/server/handlers/audit.ts'
import { openPeers } from '../../src/server/peers.ts'
import { openRounds } from '../../src/server/rounds.ts'
import { servePage } from '../../src/server/static.ts'
import { day_ms, liveADay } from './history.ts'
import { plays } from './play.ts'
import { writeStacks } from './stacks.ts'
import { tourWorld } from './world.ts'

export type Tour = {
  readonly address: string
  readonly app: FastifyInstance
  /** Does one of `plays`, and says so. */
  play(name: string): string
  close(): Promise<void>
}

export type TourOptions = {
  readonly dir: string
  readonly port: number
  /** How much quicker than real time the sites live; default: 1. */
  readonly speed?: number
}

const people = [
  ['visitor', 'admin'],
  ['ada', 'commander'],
  ['grace', 'commander'],
  ['linus', 'operator'],
] as const

/** How real and virtual time meet: the sites live in steps of this length. */
const tick_ms = 40

export async function startTour({ dir, port, speed = 1 }: TourOptions): Promise<Tour> {
  const end = new Date()
  const { world, lifeboat } = tourWorld(new Date(end.getTime() - day_ms))
  writeStacks(dir, end)
  const database = openDatabase(':memory:')
  const audit = openAudit(database, lifeboat.clock)
  const logger = pino({ level: 'warn' })
  const peers = openPeers('west', world.siteNames, [], undefined, lifeboat.clock)
  const controller = openController({
    lifeboat,
    site: 'west',
    database,
    audit,
    stacks_dir: dir,
    config: defaults,
    peers,
    certificates: [],
    readSecret: () => '',
    logger,
    stillGood: () => true,
  })
  const over = new AbortController()
  await controller.lookout.round(over.signal)
  await liveADay(controller, world, dir, end)
  await controller.lookout.round(over.signal)

  const clock = world.clock as VirtualClock
  clock.hold()
  const stopped = new AbortController()
  const beat = (async () => {
    for (let at_ms = performance.now(); !stopped.signal.aborted; ) {
      await sleep(tick_ms)
      const passed_ms = performance.now() - at_ms
      at_ms += passed_ms
      await clock.advance(passed_ms * speed)
    }
  })()
  const rounds = openRounds(controller, logger, { probe: false })
  const access = openAccess(database, lifeboat.clock, audit, false)
  // Nobody signs in here: they are there to be looked at.
  for (const [user, role] of people) access.users.fromProvider(user, user, role)

  const app = await openApp({
    handlers: {
      ...allHandlers(controller),
      ...auditHandlers(audit),
      ...accessHandlers({ access, audit, site: controller.site, version: 'tour', oidc: false }),
      me: ({ me }) => me,
      door: () => ({ site: controller.site, version: 'tour', setup: false, tour: true, oidc: false }),
    },
    logger,
    tls: undefined,
    // Everybody is admin here, or what the cookie `tour-role` says: to see what others may do.
    identify: (request) => ({ me: { user: 'visitor', role: roleOf(request), by: 'tour' }, who: 'visitor' }),
  })
  const play = (name: string): string => {
    const found = plays[name]
    if (found === undefined) return `there is no "${name}"`
    found.run(world)
    return found.about
  }
  app.get('/tour', () => Object.entries(plays).map(([name, { about }]) => ({ name, about })))
  app.post('/tour', (request) => ({ said: play(String((request.body as { play?: unknown } | null)?.play)) }))
  serveDocs(app, openApi('tour'))
  await servePage(app, join(import.meta.dirname, '../../web/dist'))
  const address = await app.listen({ host: '127.0.0.1', port })
  return {
    address,
    app,
    play,
    async close() {
      over.abort()
      for (const stream of controller.streams) stream.destroy()
      await app.close()
      // What still looks at the sites needs their time to pass.
      await controller.stop()
      await rounds.stop()
      await controller.runner.settle(1000)
      stopped.abort()
      await beat
      database.close()
    },
  }
}

function roleOf(request: FastifyRequest): Role {
  const asked = request.cookies['tour-role']
  return roles.find((role) => role === asked) ?? 'admin'
}
