import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Controller } from './controller.ts'
import { protectionOf } from './seen.ts'

/** Numbers for Prometheus; those that can be read off what was seen are read when they are asked for. */
export function openMetrics() {
  const registry = new Registry()
  const registers = [registry]
  const gauge = (name: string, help: string, labelNames: readonly string[]) =>
    new Gauge({ name: `lifeboat_${name}`, help, labelNames: [...labelNames], registers })
  const operations = new Counter({
    name: 'lifeboat_operations_total',
    help: 'Operations that ended, by verb and outcome.',
    labelNames: ['verb', 'outcome'],
    registers,
  })
  const seconds = new Histogram({
    name: 'lifeboat_operation_seconds',
    help: 'How long operations took.',
    labelNames: ['verb'],
    buckets: [0.5, 1, 2, 5, 10, 20, 60, 300],
    registers,
  })
  const late = new Histogram({
    name: 'lifeboat_schedule_late_seconds',
    help: 'How much later than due something began by itself.',
    labelNames: ['task'],
    buckets: [0.1, 0.25, 0.5, 1, 2, 5, 30],
    registers,
  })
  const site = {
    up: gauge('site_up', '1 where the site answers.', ['site']),
    free: gauge('pool_free_bytes', 'Free bytes of the storage pool.', ['site', 'pool']),
    total: gauge('pool_total_bytes', 'Size of the storage pool.', ['site', 'pool']),
    clock: gauge('clock_ahead_seconds', 'How far the clock of the site is ahead.', ['site']),
    controller: gauge('controller_up', '1 where the controller of the site answers.', ['site']),
  }
  const stack = {
    role: gauge('stack_role', '1 for the role that the site has for the stack.', ['stack', 'site', 'role']),
    epoch: gauge('stack_epoch', 'Newest epoch that was seen.', ['stack']),
    age: gauge('point_age_seconds', 'Age of the newest complete point at the standby.', ['stack']),
    target: gauge('rpo_target_seconds', 'How old that point may be.', ['stack']),
    met: gauge('rpo_met', '1 where the target is met.', ['stack']),
    ready: gauge('standby_ready', '1 where a launch at the standby would find what it needs.', ['stack']),
    proven: gauge('proven', '1 where what would be launched is what was drilled.', ['stack']),
    proof: gauge('proof_age_seconds', 'Age of the last drill at the standby.', ['stack']),
  }
  const ingress = {
    up: gauge('ingress_up', '1 where the check got a good answer at the place.', ['stack', 'check', 'place', 'family']),
    seconds: gauge('ingress_seconds', 'How long the last answer took.', ['stack', 'check', 'place', 'family']),
  }
  const services = gauge('services_silent', 'Central services that the watch at the standby does not reach.', [
    'stack',
    'site',
  ])
  const alarms = gauge('alarms', 'Open alarms.', ['kind', 'severity'])

  return {
    /** Of all numbers there are. */
    names: registry.getMetricsAsArray().map(({ name }) => name),
    ended(verb: string, outcome: string, took_ms: number | undefined): void {
      operations.inc({ verb, outcome })
      if (took_ms !== undefined) seconds.observe({ verb }, took_ms / 1000)
    },
    late: (task: string, late_ms: number) => late.observe({ task }, late_ms / 1000),
    async text(controller: Controller): Promise<string> {
      const all = [...Object.values(site), ...Object.values(stack), ...Object.values(ingress), services, alarms]
      for (const each of all) each.reset()
      const now = controller.lifeboat.clock.now()
      for (const view of controller.sites()) {
        site.up.set({ site: view.site }, Number(view.answers))
        if (view.controller.state !== 'none')
          site.controller.set({ site: view.site }, Number(view.controller.state !== 'silent'))
        if (view.clock_ahead_ms !== undefined) site.clock.set({ site: view.site }, view.clock_ahead_ms / 1000)
        if (view.pool === undefined) continue
        site.free.set({ site: view.site, pool: view.pool.name }, view.pool.free_bytes)
        site.total.set({ site: view.site, pool: view.pool.name }, view.pool.total_bytes)
      }
      for (const seen of controller.lookout.seen.values()) {
        const of = { stack: seen.stack }
        for (const each of seen.status.sites)
          if (each.role !== undefined) stack.role.set({ ...of, site: each.site, role: each.role }, 1)
        if (seen.epoch !== undefined) stack.epoch.set(of, seen.epoch)
        if (seen.newest_point_at !== undefined)
          stack.age.set(of, (now.getTime() - Date.parse(seen.newest_point_at)) / 1000)
        if (seen.rpo_ms !== undefined) {
          stack.target.set(of, seen.rpo_ms / 1000)
          stack.met.set(of, Number(protectionOf(seen, now) === 'met'))
        }
        stack.ready.set(
          of,
          Number(seen.standby !== undefined && seen.status.sites.every((each) => each.not_ready.length === 0)),
        )
        stack.proven.set(of, Number(seen.proof_state === 'proven'))
        if (seen.proof !== undefined) stack.proof.set(of, (now.getTime() - Date.parse(seen.proof.ended_at)) / 1000)
      }
      for (const { stack: of, ask, state, glance } of controller.ingress.all()) {
        if (state === 'unknown') continue
        const about = { stack: of, check: ask.words, place: ask.place, family: String(ask.check.family ?? 'any') }
        ingress.up.set(about, Number(state === 'answers'))
        ingress.seconds.set(about, (glance?.total_ms ?? 0) / 1000)
      }
      for (const [of, { site: at, silent }] of controller.services.all())
        services.set({ stack: of, site: at }, silent.length)
      for (const alarm of controller.alarms.open()) alarms.inc({ kind: alarm.kind, severity: alarm.severity })
      return registry.metrics()
    },
  }
}

export type Metrics = ReturnType<typeof openMetrics>
