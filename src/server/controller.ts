import type { PassThrough } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import type { Me } from '../api/access.ts'
import { failsOver, type OperationRequest, type Started } from '../api/operations.ts'
import type { StackSummary } from '../api/stacks.ts'
import type { Schedule, SiteView } from '../api/watch.ts'
import { formatDuration } from '../lib/duration.ts'
import { inspect, type Lifeboat, plan, watched } from '../lifeboat.ts'
import { leastAt } from '../state/wan.ts'
import { type Alarms, openAlarms } from './alarms/alarms.ts'
import { conditionsOf } from './alarms/conditions.ts'
import { openNotifier, type ReadSecret } from './alarms/notify.ts'
import { undecided } from './alarms/undecided.ts'
import { openApprovals } from './approvals.ts'
import type { Audit } from './audit.ts'
import { agesBefore } from './before.ts'
import { type Bus, openBus } from './bus.ts'
import type { Expiring } from './certificates.ts'
import type { Config } from './config.ts'
import type { Database } from './database.ts'
import { elsewhere, ownerOf, type Task } from './due.ts'
import { type History, openHistory } from './history.ts'
import { type Ingress, openIngress } from './ingress.ts'
import { type Inspections, inspectionWords, openInspections } from './inspections.ts'
import { type Lookout, openLookout } from './lookout.ts'
import { type Metrics, openMetrics } from './metrics.ts'
import { openOnce } from './once.ts'
import type { Peers } from './peers.ts'
import { openPools } from './pools.ts'
import { probeTcp, type ServiceAt, type SilentService } from './probes.ts'
import { refused } from './problem.ts'
import { requestOf } from './request.ts'
import { openRunner, type Runner } from './runner.ts'
import { openSamples } from './samples.ts'
import { openSchedules, type Schedules } from './schedules.ts'
import { type Seen, summaryOf } from './seen.ts'
import { openServices, type Services } from './services.ts'
import { siteView } from './site-view.ts'

/** What a task of the schedule goes on beside: replication goes on during a drill. */
const besides: Readonly<Record<Task['task'], readonly string[]>> = {
  replicate: ['drill', 'rescue'],
  drill: ['replicate'],
  guard: [],
}

export type ControllerOptions = {
  readonly lifeboat: Lifeboat
  /** The site that this controller is at. */
  readonly site: string
  readonly database: Database
  readonly audit: Audit
  readonly stacks_dir: string | undefined
  readonly config: Config
  readonly peers: Peers
  readonly certificates: readonly Expiring[]
  readonly readSecret: ReadSecret
  readonly logger: Logger
  /** Whether somebody who listens may still do so. */
  readonly stillGood: (me: Me, request: FastifyRequest) => boolean
}

/** All parts of a controller; what is not here is in the handlers. */
export type Controller = {
  readonly lifeboat: Lifeboat
  readonly site: string
  readonly stacks_dir: string | undefined
  readonly bus: Bus
  readonly lookout: Lookout
  readonly history: History
  readonly runner: Runner
  readonly audit: Audit
  readonly alarms: Alarms
  /** Looks for what should not be so, and tells it. */
  judge(): void
  /** Probes the central services of the site that the controller is at. */
  probe(): Promise<void>
  readonly pools: ReturnType<typeof openPools>
  readonly ingress: Ingress
  readonly services: Services
  /** Undefined where the controller file asks for none. */
  readonly inspections: Inspections | undefined
  readonly peers: Peers
  readonly metrics: Metrics
  readonly schedules: Schedules
  stop(): Promise<void>
  readonly streams: Set<PassThrough>
  readonly once: ReturnType<typeof openOnce>
  readonly approvals: ReturnType<typeof openApprovals>
  /** Starts what somebody asked for, or has it wait for a second person. */
  ask(request: OperationRequest, me: Me, who: string, origin: string): Promise<Started>
  /** Starts it, and writes down who it was and what was known then. */
  begin(request: OperationRequest, who: string, origin: string | undefined): Promise<Started>
  stillGood(me: Me, request: FastifyRequest): boolean
  summaries(): readonly StackSummary[]
  summary(stack: string): StackSummary | undefined
  sites(): readonly SiteView[]
  /** When which stack is compared with what was compiled, as the list of schedules has it. */
  plannedLooks(): readonly Schedule[]
}

/** Between two questions to the watch of a standby. */
const watch_ms = 60_000
const never_ms = 365 * 24 * 3_600_000

/** Operations of the history that a start looks at, for the line of the last day. */
const looked_back = 5000

export function openController(options: ControllerOptions): Controller {
  const { lifeboat, site, database, audit, stacks_dir } = options
  const { clock } = lifeboat
  const bus = openBus()
  const samples = openSamples(database)
  const approvals = openApprovals(database, clock)
  const pools = openPools(database)
  const metrics = openMetrics()
  const pause_ms = options.config['probe-ingress']
  const ingress = openIngress(
    database,
    clock,
    lifeboat.outside.glance,
    pause_ms === false ? never_ms : pause_ms,
    (stack) => {
      const seen = lookout.seen.get(stack)
      if (seen !== undefined) tell(seen)
    },
  )
  const services = openServices(
    clock,
    async (stack) => {
      const situation = await lookout.look(stack)
      return situation === undefined ? undefined : watched(lifeboat, situation)
    },
    watch_ms,
  )
  const { peers } = options
  const every_ms = options.config['diff-every']
  const here = (stack: string) => {
    const seen = lookout.seen.get(stack)
    return seen !== undefined && ownerOf(seen, site, peers.seen, clock.now(), options.config['takeover-after']).here
  }
  const inspections =
    every_ms === false
      ? undefined
      : openInspections({
          clock,
          every_ms,
          logger: options.logger,
          here,
          // A cycle changes no appliance.
          busy: (stack) =>
            [...runner.running.values(), ...[...peers.seen.values()].flatMap(({ runs = [] }) => runs)].some(
              (each) => each.stack === stack && each.verb !== 'replicate',
            ),
          ask: async (stack) => {
            const situation = await lookout.look(stack)
            return situation === undefined ? undefined : inspect(lifeboat, situation)
          },
        })
  const notifier = openNotifier(options.config.alarms, site, options.readSecret, clock, options.logger)
  const alarms = openAlarms(database, clock, options.config.alarms.repeat, (event) => {
    bus.send({ type: 'alarm', alarm: event.alarm })
    notifier.tell(event)
    const seen = event.alarm.stack === undefined ? undefined : lookout.seen.get(event.alarm.stack)
    if (seen !== undefined) tell(seen)
  })
  let silent: readonly SilentService[] = []
  let probed = !options.config['probe-services']
  /** What was sent last of each stack, so that only what a person would see as a change is sent. */
  const sent = new Map<string, string>()

  const summarize = (seen: Seen): StackSummary => {
    const running = [...runner.running.values()].find((each) => each.stack === seen.stack)
    const own = alarms.of(seen.stack)
    return summaryOf(seen, {
      now: clock.now(),
      spark: samples.spark(seen.stack, clock.now()),
      alarms: own.length,
      worst: own.some((alarm) => alarm.severity === 'critical') ? 'critical' : own[0]?.severity,
      operation: running === undefined ? undefined : { operation: running.operation, verb: running.verb },
      clients: ingress.stateOf(seen.stack),
    })
  }
  const tell = (seen: Seen) => {
    const { at, spark, ...rest } = summarize(seen)
    const text = JSON.stringify(rest)
    if (sent.get(seen.stack) === text) return
    sent.set(seen.stack, text)
    bus.send({ type: 'stack', stack: { ...rest, at, spark } })
  }
  /** What a decision rested on, for the audit log. */
  const seenBy = (request: OperationRequest) => {
    const known = 'stack' in request ? lookout.seen.get(request.stack) : undefined
    return {
      request: JSON.parse(JSON.stringify(request)),
      seen: known === undefined ? null : { at: known.at, active: known.active, point: known.newest_point_at },
    }
  }
  const lookout = openLookout(lifeboat, {
    stack: (seen) => {
      const now = clock.now()
      if (seen.newest_point_at !== undefined)
        samples.note(seen.stack, now.getTime() - Date.parse(seen.newest_point_at), now)
      if (pause_ms !== false) ingress.note(seen)
      // Each asks where it is; where no controller is, the other one does.
      if (seen.standby === site || peers.seen.get(seen.standby ?? '')?.state === 'none') services.note(seen.stack)
      else services.forget(seen.stack)
      inspections?.note(seen.stack)
      tell(seen)
    },
    gone: (stack) => {
      ingress.forget(stack)
      services.forget(stack)
      inspections?.forget(stack)
      bus.send({ type: 'stack-gone', stack })
    },
    site: (seen) => bus.send({ type: 'site', site: siteView(controller, seen.site) }),
  })
  const history: History = openHistory(lifeboat, database, (operation) => runner.running.has(operation))
  const runner: Runner = openRunner({
    lifeboat,
    bus,
    history: () => history,
    after: (stack, ended) => {
      metrics.ended(ended.verb, ended.outcome, ended.took_ms)
      lookout.look(stack).catch(() => {})
      if (ended.verb !== 'replicate') inspections?.soon(stack)
    },
  })

  for (const { stack, at, age_ms } of agesBefore(history.list({ limit: looked_back }))) samples.note(stack, age_ms, at)

  const controller: Controller = {
    lifeboat,
    site,
    stacks_dir,
    bus,
    lookout,
    history,
    runner,
    audit,
    alarms,
    pools,
    ingress,
    services,
    inspections,
    peers,
    metrics,
    schedules: openSchedules({
      clock,
      site,
      logger: options.logger,
      seen: () => lookout.seen,
      peers: () => peers.seen,
      elsewhere: async ({ stack, task }, ask) => {
        if (ask) await peers.ask()
        return elsewhere(stack, peers.seen, clock.now(), options.config['takeover-after'], besides[task])
      },
      busy: (stack) => runner.awaited.has(stack) || [...runner.running.values()].some((each) => each.stack === stack),
      run: async (request) => {
        const { operation, ended } = await runner.start(request, `controller@${site}`, request.verb === 'replicate')
        if (operation !== undefined && request.verb !== 'replicate')
          audit.add({
            who: `controller@${site}`,
            origin: undefined,
            what: 'operation.start',
            about: operation,
            details: {},
          })
        return ended
      },
      replications: options.config.replications,
      takeover_ms: options.config['takeover-after'],
      limit_bps: (seen, at) =>
        leastAt(
          lifeboat.sites.sites
            .filter(({ name }) => name === seen.active || name === seen.standby)
            .map(({ wan }) => wan),
          at,
        ),
      late: metrics.late,
    }),
    judge() {
      const now = clock.now()
      for (const { site: name, survey } of lookout.sites.values())
        if (survey !== undefined) pools.note(name, survey.pool.free_bytes, now)
      const full = lifeboat.sites.sites.flatMap(({ name }) => {
        const on = pools.fullOn(name, now)
        return on === undefined ? [] : [[name, on] as const]
      })
      alarms.judge(
        conditionsOf({
          now,
          seen: [...lookout.seen.values()],
          sites: [...lookout.sites.values()],
          peers: [...peers.seen.values()],
          failing: controller.schedules.failing(),
          proof_older_than_ms: options.config['proof-older-than'],
          full_on: new Map(full),
          certificates: options.certificates,
          silent_services: silent,
          watched: [...services.all()],
          unheld: lifeboat.sites.sites
            .filter(({ wan }) => wan !== undefined && wan.relay === undefined)
            .map((each) => each.name),
          asked: [...ingress.all()],
          inspected: [...(inspections?.all() ?? [])],
        }),
        (alarm) =>
          undecided(alarm, {
            known: (stack) => lookout.seen.has(stack),
            inspects: (stack) => inspections !== undefined && here(stack),
            inspected: (stack) => inspections?.of(stack) !== undefined,
            services: (stack) => (stack === undefined ? probed : services.asked(stack)),
            ingress: (stack) => pause_ms === false || ingress.asked(stack),
            ran: (stack, task) => !here(stack) || controller.schedules.ran(stack, task),
          }),
      )
    },
    async probe() {
      const addresses = lifeboat.sites.sites.find((each) => each.name === site)?.services ?? {}
      const wanted = new Map<string, ServiceAt>()
      for (const seen of lookout.seen.values())
        for (const { name, port } of seen.services) {
          const address = addresses[name]
          if (address !== undefined) wanted.set(`${name} ${port}`, { site, service: name, address, port })
        }
      const found = await Promise.all(
        [...wanted.values()].map(async (each) => ({ ...each, why: await probeTcp(each) })),
      )
      probed = true
      silent = found.flatMap(({ service, why }) => (why === undefined ? [] : [{ site, service, why }]))
    },
    async stop() {
      await controller.schedules.stop()
      notifier.stop()
    },
    streams: new Set(),
    once: openOnce(database, clock),
    approvals,
    async ask(request, me, who, origin) {
      if (!options.config['four-eyes'] || !failsOver(request)) return controller.begin(request, who, origin)
      const planned = await plan(lifeboat, requestOf(controller, request), clock.now())
      if ('refused' in planned) throw refused(planned.refused)
      const approval = approvals.ask(me.user, request, planned.plan.summary)
      const about = planned.plan.stack
      audit.add({ who, origin, what: 'operation.ask', about, details: { approval, ...seenBy(request) } })
      return { approval, summary: `waits for a second person: ${planned.plan.summary}` }
    },
    async begin(request, who, origin) {
      const about = 'stack' in request ? request.stack : request.file
      const seen = seenBy(request)
      try {
        const { operation, summary } = await runner.start(requestOf(controller, request), who)
        audit.add({ who, origin, what: 'operation.start', about, details: { ...seen, operation, summary } })
        return { operation, summary }
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error)
        audit.add({ who, origin, what: 'operation.refused', about, details: { ...seen, why } })
        throw error
      }
    },
    stillGood: options.stillGood,
    summaries: () =>
      [...lookout.seen.values()].sort((a, b) => a.stack.localeCompare(b.stack)).map((seen) => summarize(seen)),
    summary: (stack) => {
      const seen = lookout.seen.get(stack)
      return seen === undefined ? undefined : summarize(seen)
    },
    plannedLooks: () =>
      inspections === undefined || every_ms === false
        ? []
        : [...lookout.seen.values()].map((seen): Schedule => {
            const { stack } = seen
            const owner = ownerOf(seen, site, peers.seen, clock.now(), options.config['takeover-after'])
            const [found, failed, next] = [inspections.of(stack), inspections.failed(stack), inspections.next(stack)]
            return {
              stack,
              task: 'diff',
              every: formatDuration(every_ms),
              next_at: next === undefined ? undefined : new Date(Math.max(next, clock.now().getTime())).toISOString(),
              last_at: found?.at,
              last: failed?.why ?? inspectionWords(found),
              failures: failed?.failures ?? 0,
              here: owner.here,
              why: owner.why,
            }
          }),
    sites: () => lifeboat.sites.sites.map((each) => siteView(controller, each.name)),
  }
  return controller
}
