import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { systemClock, type VirtualClock } from '../../src/lib/clock.ts'
import { plan, run } from '../../src/lifeboat.ts'
import { defaults } from '../../src/server/config.ts'
import { openSchedules } from '../../src/server/schedules.ts'
import type { Seen } from '../../src/server/seen.ts'
import { serve } from '../../src/server/serve.ts'
import { rig } from '../every-step/rig.ts'
import { type InBrowser, inBrowser } from './in-browser.ts'

/** A process of its own, for its memory is measured: a controller over a thousand fake stacks. Prints what `controller.ts` reads. */
export type Thousand = {
  readonly stacks: number
  /** Of the whole process, and of it before there was a controller: the sites are in it. */
  readonly rss_bytes: number
  readonly rss_before_bytes: number
  readonly idle_share: number
  readonly idle_before_share: number
  readonly overview_ms: number
  readonly overview_bytes: number
  readonly late_p99_ms: number
  readonly late_worst_ms: number
  readonly starts: number
  /** Absent where there is no browser. */
  readonly in_browser?: InBrowser
}

const count = Number(process.argv[2] ?? 1000)
const idle_s = Number(process.argv[3] ?? 30)
const dir = mkdtempSync(join(tmpdir(), 'lifeboat-thousand-'))
const late = await lateness(idle_s)
const on = rig()
const clock = on.world.clock as VirtualClock
for (const site of on.world.siteNames) on.world.site(site).total_bytes = 1e13
for (let n = 0; n < count; n++) await oneStack(`s${String(n).padStart(4, '0')}`)
on.journals.clear()
clock.hold()
void (async () => {
  for (let at_ms = performance.now(); ; ) {
    await sleep(50)
    const passed_ms = performance.now() - at_ms
    at_ms += passed_ms
    await clock.advance(passed_ms)
  }
})()
await sleep(2000)
global.gc?.()
const rss_before_bytes = process.memoryUsage.rss()
const idle_before_share = await cpu(5)
const serving = await serve({
  lifeboat: on.controller(),
  site: 'west',
  config: defaults,
  listen: { host: '127.0.0.1', port: 0 },
  database: join(dir, 'west.sqlite'),
  stacks_dir: undefined,
  tls: undefined,
  version: 'bench',
  logger: pino({ level: 'error' }),
  peers: [],
  certificates: [],
  readSecret: () => '',
})
while (serving.controller.lookout.seen.size < count) await sleep(200)
const setup = await call('/setup', { link: serving.link?.split('#')[1], user: 'root', password: 'a long password' })
const cookie = setup.headers.getSetCookie()[0]?.split(';')[0] ?? ''
// The first look at everything, and what it leaves to be collected, is no idling.
await sleep(20_000)
global.gc?.()
const idle_share = await cpu(idle_s)
const began = performance.now()
const overview = await (await call('/overview')).text()
const overview_ms = performance.now() - began
global.gc?.()
const rss_bytes = process.memoryUsage.rss()
const { controller, address } = serving
const in_browser = await inBrowser(address, cookie, controller.summaries, (stack) =>
  controller.bus.send({ type: 'stack', stack }),
)
const found: Thousand = {
  stacks: serving.controller.lookout.seen.size,
  rss_bytes,
  rss_before_bytes,
  idle_share,
  idle_before_share,
  overview_ms,
  overview_bytes: overview.length,
  ...late,
  ...(in_browser === undefined ? {} : { in_browser }),
}
console.log(JSON.stringify(found))
rmSync(dir, { recursive: true })
process.exit()

async function oneStack(name: string): Promise<void> {
  const file = join(dir, `${name}.yaml`)
  writeFileSync(
    file,
    `lifeboat: 1\nstack: ${name}\nsegments: { data: 10.10.4.0/24 }\nmachines: { db: { image: shop-db, segment: data, stateful: true, ready: tcp :5432 } }\nappliances: { nat: { nat: { inside: [data], reaches: [ldap] } } }\nservices: { ldap: { port: tcp/389 } }\nprotect: { standby: west, rpo: 1d, keep: 3 }\n`,
  )
  for (const request of [
    { verb: 'deploy', file, site: 'east', remove: [] } as const,
    { verb: 'replicate', stack: name } as const,
  ]) {
    const controller = on.controller()
    const planned = await plan(controller, request, clock.now())
    if ('refused' in planned) throw new Error(planned.refused[0]?.what)
    const ran = await run(controller, planned.plan, () => {})
    if (ran.outcome !== 'done') throw new Error(`${request.verb} ${name}: ${ran.outcome}`)
  }
}

function call(path: string, body?: unknown): Promise<Response> {
  const headers = { cookie: body === undefined ? cookie : '', 'content-type': 'application/json' }
  return fetch(
    `${serving.address}/api/v1${path}`,
    body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) },
  )
}

async function cpu(within_s: number): Promise<number> {
  const before = process.cpuUsage()
  await sleep(within_s * 1000)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6 / within_s
}

/** The schedule alone on the real clock: a target of 10 s for a thousand stacks whose cycles wait 300 ms and do nothing. */
async function lateness(within_s: number): Promise<Pick<Thousand, 'late_p99_ms' | 'late_worst_ms' | 'starts'>> {
  const seen = new Map<string, Seen>()
  const see = (stack: string, taken_ms: number) =>
    void seen.set(stack, {
      stack,
      active: 'east',
      standby: 'west',
      protected: true,
      rpo_ms: 10_000,
      newest_point_at: new Date(taken_ms).toISOString(),
      status: { sites: [] },
    } as unknown as Seen)
  // As they would be after a while: spread over the target.
  for (let n = 0; n < 1000; n++) see(`s${n}`, Date.now() - 5000 + n * 10)
  const lates: number[] = []
  const schedules = openSchedules({
    clock: systemClock,
    site: 'west',
    logger: pino({ level: 'silent' }),
    seen: () => seen,
    peers: () => new Map(),
    elsewhere: async () => undefined,
    busy: () => false,
    run: async (request) => {
      const began = new Date()
      await sleep(300)
      if ('stack' in request) see(request.stack, began.getTime())
      const steps = [{ id: 'checkpoint', from_ms: 20 }]
      const report = {
        verb: 'replicate',
        outcome: 'done',
        decided_at: began.toISOString(),
        ended_at: new Date().toISOString(),
        steps,
        numbers: { incremental: true },
      }
      return { operation: 'x', outcome: 'done', report } as never
    },
    replications: 64,
    takeover_ms: 60_000,
    late: (_task, late_ms) => lates.push(late_ms),
  })
  schedules.start()
  await sleep(within_s * 1000)
  await schedules.stop()
  const sorted = lates.sort((a, b) => a - b)
  return {
    late_p99_ms: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
    late_worst_ms: sorted.at(-1) ?? 0,
    starts: sorted.length,
  }
}
