import type { z } from 'zod'
import type { ServiceSight } from '../../api/ingress.ts'
import type { Alarm, Peer } from '../../api/watch.ts'
import { formatBytes, formatDuration } from '../../lib/duration.ts'
import type { Expiring } from '../certificates.ts'
import type { Task } from '../due.ts'
import { type Asked, in_a_row } from '../ingress.ts'
import type { InspectedStack } from '../inspections.ts'
import type { SiteSeen } from '../lookout.ts'
import { protectionOf, type Seen } from '../seen.ts'

/** What is so now and should not be. Pure: the same facts give the same conditions. */
export type Condition = Pick<Alarm, 'kind' | 'severity' | 'stack' | 'site' | 'what' | 'means' | 'todo'> & {
  /** How long it has to last before it is an alarm. */
  readonly hold_ms?: number
  /** Tells apart what may be so more than once of one stack and site: one is mended, the other goes on. */
  readonly about?: string
}

export type Facts = {
  readonly now: Date
  readonly seen: readonly Seen[]
  readonly sites: readonly SiteSeen[]
  readonly peers: readonly z.infer<typeof Peer>[]
  readonly failing: readonly Task[]
  readonly proof_older_than_ms: number
  readonly full_on: ReadonlyMap<string, Date>
  readonly certificates: readonly Expiring[]
  /** What was found inside the stacks, by stack. */
  readonly inspected: readonly (readonly [string, InspectedStack])[]
  readonly silent_services: readonly { readonly site: string; readonly service: string; readonly why: string }[]
  /** What the watches at the standbys see, by stack. */
  readonly watched: readonly (readonly [string, ServiceSight])[]
  readonly asked: readonly Asked[]
  /** Sites whose limit of bandwidth nobody holds. */
  readonly unheld: readonly string[]
}

const day_ms = 24 * 3_600_000

export function conditionsOf(facts: Facts): readonly Condition[] {
  return [
    ...facts.seen.flatMap((seen) => ofStack(seen, facts)),
    ...facts.sites.flatMap((site) => ofSite(site, facts)),
    ...facts.peers.flatMap(ofPeer),
    ...facts.failing.map(ofTask),
    ...[...facts.certificates, ...facts.inspected.flatMap(servedBy)].flatMap((each) => ofCertificate(each, facts.now)),
    ...facts.inspected.flatMap(ofHands),
    ...facts.silent_services.map(ofService),
    ...facts.watched.flatMap(ofWatch),
    ...ofClients(facts.asked),
    ...facts.unheld.map(ofUnheld),
  ]
}

function ofStack(seen: Seen, { now, proof_older_than_ms }: Facts): readonly Condition[] {
  const { stack, rpo_ms, standby } = seen
  const found: Condition[] = []
  if (seen.two_active)
    found.push({
      kind: 'two-active',
      severity: 'critical',
      stack,
      what: `${stack} runs as active at ${seen.status.sites
        .filter((site) => site.role === 'active')
        .map((site) => site.site)
        .join(' and ')}`,
      means: 'the one with the lower epoch has lost its role; what is written there will be set aside',
      todo: `lifeboat guard ${stack}; under one epoch: a person decides which one stays`,
    })
  if (protectionOf(seen, now) === 'missed' && rpo_ms !== undefined) {
    const age_ms = seen.newest_point_at === undefined ? undefined : now.getTime() - Date.parse(seen.newest_point_at)
    const age =
      age_ms === undefined ? 'there is no complete point' : `the newest complete point is ${formatDuration(age_ms)} old`
    found.push({
      kind: 'rpo-missed',
      severity: age_ms === undefined || age_ms > 3 * rpo_ms ? 'critical' : 'warning',
      stack,
      what: `${age}; the target is ${formatDuration(rpo_ms)}`,
      means: 'a failover now would lose more than was agreed',
      todo: `lifeboat replicate ${stack} says what stands in the way`,
      hold_ms: 5000,
    })
  }
  const not_ready = seen.status.sites.flatMap((site) => site.not_ready.map((why) => ({ site: site.site, why })))
  // Without a point there is another alarm already.
  const lacking = not_ready.filter(({ why }) => why !== 'no complete point')
  if (lacking[0] !== undefined)
    found.push({
      kind: 'standby-not-ready',
      severity: 'critical',
      stack,
      site: lacking[0].site,
      what: lacking.map(({ why }) => why).join('; '),
      means: `a launch of ${stack} at ${lacking[0].site} would fail`,
      todo: `mend it, then lifeboat replicate ${stack}; lifeboat drill ${stack} shows that it works`,
      hold_ms: 30_000,
    })
  if (standby !== undefined && seen.newest_point_at !== undefined)
    found.push(...ofProof(seen, now, proof_older_than_ms))
  return found
}

function ofProof(seen: Seen, now: Date, older_than_ms: number): readonly Condition[] {
  const { stack, proof_state, proof, status } = seen
  const todo = `lifeboat drill ${stack}`
  switch (proof_state) {
    case 'failed':
      return [
        {
          kind: 'proof-broken',
          severity: 'critical',
          stack,
          what: status.proof,
          means: 'a failover may not work',
          todo: `lifeboat report of the drill says why; then ${todo}`,
        },
      ]
    case 'changed':
      return [
        {
          kind: 'proof-broken',
          severity: 'warning',
          stack,
          what: status.proof,
          means: 'what would be launched is not what was drilled',
          todo,
        },
      ]
    case 'never':
      return [
        {
          kind: 'proof-old',
          severity: 'warning',
          stack,
          what: status.proof,
          means: 'nobody has seen that it would come up',
          todo,
        },
      ]
    case 'proven': {
      const age_ms = now.getTime() - Date.parse(proof?.ended_at ?? '')
      if (!(age_ms > older_than_ms)) return []
      return [
        {
          kind: 'proof-old',
          severity: 'warning',
          stack,
          what: `the last drill was ${formatDuration(age_ms)} ago`,
          means: 'much may have changed that a digest does not show',
          todo,
        },
      ]
    }
    case 'unknown':
      return []
  }
}

function ofSite({ site, survey, silence }: SiteSeen, { full_on, now }: Facts): readonly Condition[] {
  if (survey === undefined)
    return [
      {
        kind: 'site-silent',
        severity: 'critical',
        site,
        what: `${site} does not answer: ${silence ?? 'no reason known'}`,
        means: 'that does not mean that it is down; nothing is replicated meanwhile',
        todo: 'look at it; where it is down for certain, a person decides on lifeboat failover',
        hold_ms: 20_000,
      },
    ]
  const found: Condition[] = []
  const { pool } = survey
  const full = full_on.get(site)
  const share = pool.free_bytes / pool.total_bytes
  if (share < 0.1 || (full !== undefined && full.getTime() - now.getTime() < 7 * day_ms))
    found.push({
      kind: 'pool-filling',
      severity: share < 0.05 ? 'critical' : 'warning',
      site,
      what: `pool ${pool.name} has ${formatBytes(pool.free_bytes)} of ${formatBytes(pool.total_bytes)} left${full === undefined ? '' : `; as in the last day it will be full on ${full.toISOString().slice(0, 10)}`}`,
      means: 'a full pool ends cycles without a point, and launches',
      todo: 'keep fewer points (protect.keep), or make it larger',
    })
  const apart_ms = Math.abs(survey.clock_ahead_ms)
  // What an answer tells is right to about a second.
  if (apart_ms > 5000)
    found.push({
      kind: 'clock-apart',
      severity: apart_ms > 60_000 ? 'critical' : 'warning',
      site,
      what: `the clock of ${site} is ${formatDuration(apart_ms)} ${survey.clock_ahead_ms > 0 ? 'ahead' : 'behind'}`,
      means: 'ages of points are told by clocks; DNS updates fail beyond 300 s',
      todo: 'set it: look at its time service',
      hold_ms: 30_000,
    })
  return found
}

function ofPeer(peer: z.infer<typeof Peer>): readonly Condition[] {
  if (peer.state !== 'silent') return []
  return [
    {
      kind: 'controller-silent',
      severity: 'warning',
      site: peer.site,
      what: `the controller of ${peer.site} does not answer: ${peer.why ?? 'no reason known'}`,
      means: 'this one does its work meanwhile',
      todo: `look at it: systemctl status lifeboat-controller at ${peer.site}`,
      hold_ms: 60_000,
    },
  ]
}

function ofTask(task: Task): Condition {
  return {
    kind: 'schedule-failing',
    severity: 'warning',
    stack: task.stack,
    about: task.task,
    what: `${task.task} failed ${task.failures} times in a row: ${task.last ?? 'no reason known'}`,
    means: 'it is tried again, later each time, a minute apart at most',
    todo: `lifeboat plan ${task.task} ${task.stack}`,
  }
}

const ends: Readonly<Record<Expiring['of'], Pick<Condition, 'means' | 'todo'>>> = {
  controller: {
    means: 'connections that use it will be refused',
    todo: 'put a new one in its place and start the controller again',
  },
  stack: {
    means: 'clients will refuse it, at either site',
    todo: 'put the new one into its file and lifeboat deploy; the standby gets it with the next cycle',
  },
  dns: {
    means: 'without a key that its server takes, no name follows a stack',
    todo: 'have the server take a new one, put it into the file and its day into the site file, and start the controller again',
  },
}

function ofCertificate({ what, until, of, stack, site }: Expiring, now: Date): readonly Condition[] {
  const left_ms = until.getTime() - now.getTime()
  if (left_ms > 30 * day_ms) return []
  return [
    {
      kind: 'certificate-expiring',
      severity: left_ms < 7 * day_ms ? 'critical' : 'warning',
      ...(stack === undefined ? {} : { stack }),
      ...(site === undefined ? {} : { site }),
      about: what,
      what: `${what} ${left_ms < 0 ? 'has expired' : `expires in ${formatDuration(left_ms)}`} (${until.toISOString().slice(0, 10)})`,
      ...ends[of],
    },
  ]
}

const servedBy = ([stack, { certificates }]: readonly [string, InspectedStack]): readonly Expiring[] =>
  certificates.map(({ secret, site, until }) => ({
    ...{ what: `the certificate "${secret}" of ${stack}`, until },
    ...{ of: 'stack', stack, site },
  }))

/** So many places are named; lifeboat diff has all. */
const most_named = 3

function ofHands([stack, { hand }]: readonly [string, InspectedStack]): readonly Condition[] {
  const [first] = hand
  if (first === undefined) return []
  const named = hand.slice(0, most_named).map((each) => `${each.object} at ${each.site}: ${each.place} ${each.what}`)
  const more = hand.length - named.length
  const objects = [...new Set(hand.map(({ object }) => object))]
  return [
    {
      kind: 'changed-by-hand',
      severity: 'warning',
      stack,
      what: `${named.join('; ')}${more > 0 ? `; and ${more} more` : ''}`,
      means: 'the other site would come up without it, and so would this one after the next launch',
      todo: `lifeboat diff ${stack} shows it; put it into the stack file, or take it back: lifeboat deploy FILE --overwrite ${objects.join(' ')}`,
    },
  ]
}

function ofService({ site, service, why }: Facts['silent_services'][number]): Condition {
  return {
    kind: 'service-silent',
    severity: 'warning',
    site,
    about: service,
    what: `${service} does not answer at ${site}: ${why}`,
    means: 'a stack that needs it would come up there without it',
    todo: 'look at the service, and at its address in the site file',
    hold_ms: 60_000,
  }
}

function ofWatch([stack, { site, silent, words }]: readonly [string, ServiceSight]): readonly Condition[] {
  if (silent.length === 0) return []
  return [
    {
      kind: 'service-silent',
      severity: 'warning',
      stack,
      site,
      what: `${silent.join(', ')} ${silent.length === 1 ? 'takes' : 'take'} no connection at ${site}: ${words}`,
      means: `${stack} would come up there without`,
      todo: 'look at the service, at the filters on its way, and at its address in the site file',
      hold_ms: 60_000,
    },
  ]
}

function ofUnheld(site: string): Condition {
  return {
    kind: 'limit-not-held',
    severity: 'warning',
    site,
    what: `the site file limits transfers to ${site}, and nobody holds it`,
    means: 'the engine has no limit for transfers: they take what the line gives',
    todo: `name a relay in the site file (wan.relay of ${site}), shape the line itself, or take the limit out`,
  }
}

function ofClients(asked: readonly Asked[]): readonly Condition[] {
  const bad = asked.filter((each) => each.state === 'silent' && each.failures >= in_a_row)
  const blind = asked.filter((each) => each.blind !== undefined && each.failures >= in_a_row)
  const places = new Map(blind.map((each) => [each.ask.place, each.blind]))
  return [
    ...[...Map.groupBy(bad, (each) => each.stack)].map(
      ([stack, all]): Condition => ({
        kind: 'ingress-silent',
        severity: 'critical',
        stack,
        what: all
          .map(({ ask, glance, since }) => `${wordsOf(ask)}: ${glance?.why ?? 'no answer'}, since ${since}`)
          .join('; '),
        means: 'clients get no good answer',
        todo: `lifeboat status ${stack} shows whether it runs; where its site is lost, a person decides on lifeboat failover`,
      }),
    ),
    ...[...places].map(
      ([place, why]): Condition => ({
        kind: 'ingress-silent',
        severity: 'warning',
        about: place,
        what: `${place} shows nothing: ${why}`,
        means: 'nobody sees there whether clients get an answer',
        todo: 'look at the client place in the site file, and at what its `run` leads to',
      }),
    ),
  ]
}

const wordsOf = ({ words, place, check }: Asked['ask']): string =>
  `${words} at ${place}${check.family === undefined ? '' : ` over IPv${check.family}`}`
