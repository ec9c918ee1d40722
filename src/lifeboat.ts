import { createHash, randomBytes, scryptSync } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { ownAddresses } from './compile/announced.ts'
import { compile } from './compile/compile.ts'
import type { BgpFacts, Compiled, SecretFile, SiteFacts } from './compile/compiled.ts'
import { SITE_PASSWORD } from './compile/frr.ts'
import type { Engine } from './engine/contract.ts'
import { EngineError, NotAsked } from './engine/error.ts'
import { abort, execute, pastNoReturn, type Watcher } from './execute/execute.ts'
import { fold, type Outcome } from './execute/journal.ts'
import { lookInside } from './execute/look.ts'
import { reach } from './execute/reach.ts'
import type { Outside, World } from './execute/world.ts'
import type { Clock } from './lib/clock.ts'
import { commonOf } from './lib/networks.ts'
import { type ServedCertificate, servedCertificates } from './operations/certificates.ts'
import { type DeployRequest, planDeploy } from './operations/deploy.ts'
import { type DestroyRequest, planDestroy } from './operations/destroy.ts'
import { type Compared, compare } from './operations/differences.ts'
import { type DrillRequest, planDrill } from './operations/drill.ts'
import { planFailback } from './operations/failback.ts'
import { type FailoverRequest, planFailover } from './operations/failover.ts'
import { planGuard } from './operations/guard.ts'
import { mayHaveAaaa } from './operations/ipv6.ts'
import { type MoveRequest, planMove } from './operations/move.ts'
import { keepArea, keptName, replicaArea, rescueArea } from './operations/naming.ts'
import { planReplicate } from './operations/replicate.ts'
import { planReprotect } from './operations/reprotect.ts'
import { copyOf, planRescue, type RescueRequest } from './operations/rescue.ts'
import { placeOfPrefix, placeWords, type SiteLack, siteLacks, withPlaces } from './operations/site-lacks.ts'
import {
  activeView,
  certificateHint,
  type Past,
  type SiteView,
  type Situation,
  unseen,
  type Watched,
} from './operations/situation.ts'
import { otherAs } from './operations/survey.ts'
import { isUp, watchOf } from './operations/watch.ts'
import type { Finding, Plan, Planned, SecretsFrom, Step } from './plan/plan.ts'
import { type Acknowledged, compareLoss, parseAcknowledged } from './report/loss.ts'
import { pastOf } from './report/past.ts'
import { type Report, reportOf } from './report/report.ts'
import { type Status, statusOf } from './report/status.ts'
import { certificateProblems } from './stack/certificates.ts'
import { type Parsed, parseStack } from './stack/parse.ts'
import { formatProblem, type Problem } from './stack/problem.ts'
import type { Stack } from './stack/stack.ts'
import type { Capacity, Definition, InstanceRef, Point } from './state/objects.ts'
import type { Site, Sites } from './state/sites.ts'
import { readText } from './store/files.ts'
import { eventsOf, journalOf, newJournal } from './store/operation.ts'
import type { Store } from './store/store.ts'

/** What Lifeboat works with: the sites, their engines, the world outside, and the journals. */
export type Lifeboat = {
  readonly sites: Sites
  readonly engines: ReadonlyMap<string, Engine>
  readonly outside: Outside
  readonly store: Store
  readonly clock: Clock
  /** The password of a site's BGP sessions; undefined where the site file names none. Throws where it cannot be read. */
  readonly bgpPassword?: (site: string) => string | undefined
  /** Who decides, for the record: `root@ops`. */
  readonly by: string
  /** The process that works, and what can be known here of others. */
  readonly processes: Pick<Situation, 'self' | 'lives'>
}

/** What a verb is asked for; one shape per verb. */
export type Request =
  | ({ readonly verb: 'deploy'; readonly file: string } & DeployRequest)
  | { readonly verb: 'replicate'; readonly stack: string }
  | ({ readonly verb: 'drill'; readonly stack: string } & DrillRequest)
  | ({ readonly verb: 'failover'; readonly stack: string } & FailoverRequest)
  | ({ readonly verb: 'move'; readonly stack: string } & MoveRequest)
  | { readonly verb: 'reprotect'; readonly stack: string }
  | { readonly verb: 'failback'; readonly stack: string }
  | { readonly verb: 'guard'; readonly stack: string }
  | ({ readonly verb: 'rescue'; readonly stack: string } & RescueRequest)
  | ({ readonly verb: 'destroy'; readonly stack: string } & DestroyRequest)

/** The stack file has problems: nothing was planned. */
export class StackProblems extends Error {
  readonly problems: readonly Problem[]
  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'))
    this.name = 'StackProblems'
    this.problems = problems
  }
}

/** Looks at the sites and says what the verb would do. Changes nothing. */
export async function plan(lifeboat: Lifeboat, request: Request, now: Date): Promise<Planned> {
  switch (request.verb) {
    case 'deploy': {
      const text = readText(request.file)
      const parsed = parseStack(text, request.file)
      const { stack, locate } = parsed
      if (stack === undefined) throw new StackProblems(parsed.problems)
      const definition = await defined(text, request.file, stack)
      const missing = stack.secrets.filter((secret) => definition.secrets[secret.name] === undefined)
      if (missing.length > 0) return { refused: missing.map((secret) => missingSecret(request.file, secret, locate)) }
      const wrong = [...parsed.problems.map(told), ...(await certificateFindings(stack, request.file, now, locate))]
      if (wrong.some(({ level }) => level === 'error')) return { refused: wrong }
      const situation = await look(lifeboat, stack, definition, now)
      const inside = await lookInside((site) => engineOf(lifeboat, site), situation)
      const asked = await withRouteServers(lifeboat, await withDns(lifeboat, inside, dns_within_s))
      const seen = await withOthersPrefixes(lifeboat, asked)
      const lacking = seen.sites.flatMap(({ site, routing = [] }) => [...siteLacks(stack, site), ...routing])
      const planned = withPlaces(planDeploy(seen, request), lacking, locate)
      return 'refused' in planned
        ? planned
        : { plan: { ...planned.plan, findings: [...wrong, ...planned.plan.findings] } }
    }
    case 'replicate': {
      const situation = await lookByName(lifeboat, request.stack, 'active', now)
      return 'refused' in situation ? situation : planReplicate(situation)
    }
    case 'drill': {
      const situation = await lookByName(lifeboat, request.stack, 'standby', now, request.down)
      if ('refused' in situation) return situation
      return planDrill(
        request.promote === true ? await withDns(lifeboat, situation, dns_in_a_hurry_s) : situation,
        request,
      )
    }
    case 'failover': {
      const situation = await lookByName(lifeboat, request.stack, 'standby', now, request.down)
      if ('refused' in situation) return situation
      return planFailover(await withDns(lifeboat, situation, dns_in_a_hurry_s), request)
    }
    case 'move': {
      const situation = await lookByName(lifeboat, request.stack, 'active', now)
      if ('refused' in situation) return situation
      return planMove(await lookCloser(lifeboat, situation), request)
    }
    case 'reprotect': {
      const situation = await lookByName(lifeboat, request.stack, 'active', now)
      return 'refused' in situation ? situation : planReprotect(situation)
    }
    case 'failback': {
      const situation = await lookByName(lifeboat, request.stack, 'active', now)
      if ('refused' in situation) return situation
      return planFailback(await lookCloser(lifeboat, situation))
    }
    case 'guard': {
      const situation = await settled(lifeboat, request.stack, now)
      return 'refused' in situation ? situation : planGuard(situation)
    }
    case 'rescue': {
      const situation = await lookByName(lifeboat, request.stack, 'active', now)
      return 'refused' in situation ? situation : planRescue(situation, request)
    }
    case 'destroy': {
      const situation = await lookByName(lifeboat, request.stack, 'anything', now)
      return 'refused' in situation ? situation : planDestroy(situation, request)
    }
  }
}

export type Ran = { readonly operation: string; readonly outcome: Outcome; readonly report: Report }

/** Executes a plan as it stands, with a journal. */
export async function run(lifeboat: Lifeboat, planned: Plan, watch: Watcher, stop?: AbortSignal): Promise<Ran> {
  const operation = `${planned.made_at.replaceAll(/[-:]/g, '').slice(0, 15)}-${planned.verb}-${planned.stack}-${randomBytes(2).toString('hex')}`
  return locked(lifeboat, planned, async () => {
    const journal = newJournal(lifeboat.store, operation)
    const first = { type: 'planned', at: planned.made_at, operation, by: lifeboat.by, plan: planned } as const
    journal.append(first)
    watch(first)
    const outcome = await execute(planned, worldOf(lifeboat, planned), journal, watch, stop)
    return { operation, outcome, report: report(lifeboat, operation) }
  })
}

/** Goes on with an operation whose controller died, or that is stuck past its point of no return. */
export async function resume(lifeboat: Lifeboat, operation: string, watch: Watcher, stop?: AbortSignal): Promise<Ran> {
  const { plan: planned } = opened(lifeboat, operation)
  return locked(lifeboat, planned, async () => {
    const journal = journalOf(lifeboat.store, operation)
    const first = { type: 'resumed', at: lifeboat.clock.now().toISOString(), by: lifeboat.by } as const
    journal.append(first)
    watch(first)
    const outcome = await execute(planned, worldOf(lifeboat, planned), journal, watch, stop)
    return { operation, outcome, report: report(lifeboat, operation) }
  })
}

/** Takes back what an operation did, where it has not passed its point of no return. */
export async function unwindOperation(
  lifeboat: Lifeboat,
  operation: string,
  watch: Watcher,
): Promise<Ran | { readonly refused: readonly Finding[] }> {
  const { plan: planned, state } = opened(lifeboat, operation)
  if (pastNoReturn(planned, state)) {
    return {
      refused: [
        {
          level: 'error',
          what: `${operation} is past its point of no return`,
          hint: `lifeboat resume ${operation}`,
          needs: 'person',
        },
      ],
    }
  }
  return locked(lifeboat, planned, async () => {
    const outcome = await abort(
      planned,
      worldOf(lifeboat, planned),
      journalOf(lifeboat.store, operation),
      lifeboat.by,
      watch,
    )
    return { operation, outcome, report: report(lifeboat, operation) }
  })
}

export function report(lifeboat: Pick<Lifeboat, 'store'>, operation: string): Report {
  return reportOf(eventsOf(lifeboat, operation))
}

export async function status(
  lifeboat: Lifeboat,
  stack: string,
  now: Date,
): Promise<Status | { readonly refused: readonly Finding[] }> {
  const situation = await lookByName(lifeboat, stack, 'active', now)
  if ('refused' in situation) return situation
  const watched = await Promise.all(situation.sites.map((view) => watchedAt(lifeboat, situation, view)))
  const sites = situation.sites.map((view, index) => ({ ...view, watched: watched[index] }))
  return statusOf({ ...situation, sites })
}

/** What the watch at the standby of a stack sees now; undefined where none runs. */
export async function watched(
  lifeboat: Lifeboat,
  situation: Situation,
): Promise<{ readonly site: string; readonly watched: Watched } | undefined> {
  const found = await Promise.all(
    situation.sites.map(async (view) => ({
      site: view.site.name,
      watched: await watchedAt(lifeboat, situation, view),
    })),
  )
  return found.flatMap((each) => (each.watched === undefined ? [] : [{ site: each.site, watched: each.watched }]))[0]
}

/** All that is seen of a stack that was deployed once. */
export async function see(
  lifeboat: Lifeboat,
  stack: string,
  now: Date,
): Promise<Situation | { readonly refused: readonly Finding[] }> {
  return lookByName(lifeboat, stack, 'active', now)
}

export type PointsAt = {
  readonly site: string
  readonly list: readonly Point[]
  readonly silence?: string
  /** Of the whole site: points share what they have in common. */
  readonly pool?: { readonly name: string; readonly free_bytes: number; readonly total_bytes: number }
  /** Bytes in the pool by point and of all replicas, where it was asked for; undefined where the engine cannot tell. */
  readonly space?: PointSpace
}

export type PointSpace = {
  readonly points: Readonly<Record<string, number | undefined>>
  readonly replica_bytes: number | undefined
}

/** Complete points of a stack at every site that has any. A site that does not answer may have some: its silence is told. */
export async function points(
  lifeboat: Lifeboat,
  stack: string,
  more: { readonly space: boolean } = { space: false },
): Promise<readonly PointsAt[]> {
  const found = await Promise.all(
    [...lifeboat.engines].map(async ([site, engine]) => {
      try {
        const [claimed, { pool }] = await Promise.all([engine.readClaim(stack), engine.survey()])
        const list = claimed?.claim.points ?? []
        return { site, list, pool, ...(more.space ? { space: await spaceOfPoints(engine, stack, list) } : {}) }
      } catch (error) {
        if (error instanceof EngineError) return { site, list: [], silence: error.message }
        throw error
      }
    }),
  )
  return found.filter((each) => each.list.length > 0 || 'silence' in each)
}

async function spaceOfPoints(engine: Engine, stack: string, list: readonly Point[]): Promise<PointSpace> {
  const machines = [...new Set(list.flatMap((point) => point.machines))]
  const [kept, replicas] = await Promise.all([
    Promise.all(
      list.map((point) =>
        engine.spaceOf(point.machines.map((name) => ({ area: keepArea(stack), name: keptName(name, point.name) }))),
      ),
    ),
    engine.spaceOf(machines.map((name) => ({ area: replicaArea(stack), name }))),
  ])
  return {
    points: Object.fromEntries(list.map((point, index) => [point.name, sumOf(kept[index] ?? [])])),
    replica_bytes: sumOf(replicas),
  }
}

/** Half a sum is none. */
function sumOf(values: readonly (number | undefined)[]): number | undefined {
  return values.reduce<number | undefined>(
    (all, each) => (all === undefined || each === undefined ? undefined : all + each),
    0,
  )
}

/**
 * Counts the writes that clients were told were accepted and that the launched stack does not hold, by the stack's own
 * `records` command; the result goes into the journal and so into every later report.
 */
export async function measureLoss(
  lifeboat: Lifeboat,
  ran: Ran,
  /** A file of JSON lines, or what is in it. */
  told: string | readonly Acknowledged[],
): Promise<Ran> {
  const { plan: planned } = opened(lifeboat, ran.operation)
  const claim = planned.steps.find((step) => step.point_of_no_return)
  if (claim === undefined || planned.point === undefined || ran.outcome !== 'done') return ran
  const journal = journalOf(lifeboat.store, ran.operation)
  const at = () => lifeboat.clock.now().toISOString()
  try {
    const held = await recordsOf(lifeboat, planned.stack, claim)
    const acknowledged = typeof told === 'string' ? parseAcknowledged(await readFile(told, 'utf8')) : told
    const loss = compareLoss(acknowledged, held, planned.point.taken_at, planned.made_at)
    await journal.append({ type: 'loss', at: at(), loss })
  } catch (error) {
    // The stack is up: that the loss is not known is told, and is no reason to say otherwise.
    if (!(error instanceof Error) || error instanceof TypeError) throw error
    await journal.append({ type: 'loss-unknown', at: at(), why: error.message })
  }
  return { ...ran, report: report(lifeboat, ran.operation) }
}

/** What the launched stack holds, by its own `records` command. */
async function recordsOf(lifeboat: Lifeboat, stack: string, claim: Step): Promise<ReadonlySet<string>> {
  const { action } = claim
  const definition =
    action.do === 'claim' ? action.next.definition : action.do === 'role' ? action.to.definition : undefined
  const records = definition === undefined ? undefined : stackOf(definition.text, definition.file).protect?.records
  if (records === undefined) throw new Error(`the stack file of ${stack} names no protect.records`)
  const instance = { area: { kind: 'stack', stack } as const, name: records.machine }
  const listed = await engineOf(lifeboat, claim.site).exec(instance, ['/bin/sh', '-c', records.command], 60)
  const said = `${listed.stdout}${listed.stderr}`.trim().split('\n').at(-1) ?? ''
  if (listed.exit !== 0)
    throw new Error(`the records command ended with exit code ${listed.exit} in ${records.machine}: ${said}`)
  return new Set(listed.stdout.split('\n').map((line) => line.trim()))
}

/** The stack file, or the definition that was deployed, against what is at both sites. */
export async function diff(
  lifeboat: Lifeboat,
  name: string,
  file: string | undefined,
  now: Date,
): Promise<Compared | { readonly refused: readonly Finding[] }> {
  const seen =
    file === undefined ? await lookByName(lifeboat, name, 'active', now) : await lookFor(lifeboat, name, file, now)
  if ('refused' in seen) return seen
  return compare(await lookInside((site) => engineOf(lifeboat, site), seen))
}

export type Inspected = {
  readonly compared: Compared
  readonly certificates: readonly ServedCertificate[]
  /** Sites that answered. */
  readonly seen: readonly string[]
}

/** What was deployed against what is at both sites, and the certificates that clients are shown. */
export async function inspect(lifeboat: Lifeboat, situation: Situation): Promise<Inspected> {
  const inside = await lookInside((site) => engineOf(lifeboat, site), situation)
  const seen = inside.sites.flatMap(({ site, answer }) => (answer === undefined ? [] : [site.name]))
  return { compared: compare(inside), certificates: servedCertificates(inside), seen }
}

async function lookFor(
  lifeboat: Lifeboat,
  name: string,
  file: string,
  now: Date,
): Promise<Situation | { readonly refused: readonly Finding[] }> {
  const text = readText(file)
  const stack = stackOf(text, file)
  if (stack.name === name) return look(lifeboat, stack, await defined(text, file, stack), now)
  const what = `${file} is of the stack "${stack.name}", not of "${name}"`
  return { refused: [{ level: 'error', what, hint: `lifeboat diff ${stack.name} ${file}`, needs: 'change' }] }
}

/** What only a copy that was set aside holds, by the stack's own `records` command; undefined where it names none. */
export type RescueDifference = {
  readonly stack: string
  readonly site: string
  readonly epoch: number
  readonly project: string
  readonly machines: readonly string[]
  readonly active: string
  readonly held: number
  readonly only_here: readonly string[] | undefined
}

export async function compareRescue(
  lifeboat: Lifeboat,
  stack: string,
  epoch: number | undefined,
  now: Date,
): Promise<RescueDifference | { readonly refused: readonly Finding[] }> {
  const situation = await lookByName(lifeboat, stack, 'active', now)
  if ('refused' in situation) return situation
  const copy = copyOf(situation, epoch)
  if ('refused' in copy) return copy
  const site = copy.view.site.name
  const area = rescueArea(stack, copy.rescue.epoch)
  const active = activeView(situation)?.site.name
  const about = {
    stack,
    site,
    epoch: copy.rescue.epoch,
    project: `lb-${stack}-drill-rescue-${copy.rescue.epoch}`,
    machines: copy.rescue.machines,
    active: active ?? 'no site that answers',
  }
  const { records } = situation.stack.protect ?? {}
  if (records === undefined || active === undefined) return { ...about, held: 0, only_here: undefined }
  const here = await listed(lifeboat, site, { area, name: records.machine }, records.command)
  const there = new Set(
    await listed(lifeboat, active, { area: { kind: 'stack', stack }, name: records.machine }, records.command),
  )
  return { ...about, held: here.length, only_here: here.filter((record) => !there.has(record)) }
}

/** The stack's own `records` command did not list what a machine holds. */
export class RecordsFailed extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'RecordsFailed'
  }
}

/** What the `records` command lists; a machine that was just started gets a minute to answer. */
async function listed(
  lifeboat: Lifeboat,
  site: string,
  instance: InstanceRef,
  command: string,
): Promise<readonly string[]> {
  const end = lifeboat.clock.now().getTime() + records_within_ms
  for (;;) {
    const answer = await engineOf(lifeboat, site).exec(instance, ['/bin/sh', '-c', command], 60)
    if (answer.exit === 0)
      return answer.stdout
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '')
    if (lifeboat.clock.now().getTime() > end)
      throw new RecordsFailed(`the records command failed in ${instance.name} at ${site}: ${answer.stderr.trim()}`)
    await lifeboat.clock.sleep(500)
  }
}

const records_within_ms = 60_000

/** Names of all stacks at the sites that answer, and why the others did not. */
export async function seenStacks(
  lifeboat: Lifeboat,
): Promise<{ readonly names: readonly string[]; readonly silent: readonly string[] }> {
  const seen = await Promise.all(
    [...lifeboat.engines].map(async ([site, engine]) => {
      try {
        return { names: await engine.stacks(), silent: [] }
      } catch (error) {
        if (!(error instanceof EngineError)) throw error
        return { names: [], silent: [`${site}: ${error.message}`] }
      }
    }),
  )
  return {
    names: [...new Set(seen.flatMap((each) => each.names))].sort(),
    silent: seen.flatMap((each) => each.silent),
  }
}

export async function stacks(lifeboat: Lifeboat): Promise<readonly string[]> {
  return (await seenStacks(lifeboat)).names
}

/** The situation of a stack whose definition is held at a site: there is no need for the file or for the machine it was on. */
async function lookByName(
  lifeboat: Lifeboat,
  name: string,
  prefer: 'active' | 'standby' | 'anything',
  now: Date,
  down: readonly string[] = [],
): Promise<Situation | { readonly refused: readonly Finding[] }> {
  const seen = await Promise.all(
    lifeboat.sites.sites.map(async (site) => ({
      site,
      ...(await ask(lifeboat, site.name, name, down.includes(site.name))),
    })),
  )
  const claims = seen.flatMap((each) =>
    each.answer?.observed.claim === undefined ? [] : [each.answer.observed.claim.claim],
  )
  const ranked = [...claims].sort((a, b) => Number(b.role === prefer) - Number(a.role === prefer) || b.epoch - a.epoch)
  const definition = ranked.find((claim) => claim.definition !== undefined)?.definition
  if (
    definition === undefined &&
    prefer === 'anything' &&
    seen.some((each) => each.answer !== undefined && each.answer.observed.areas.length > 0)
  ) {
    return situationOf(lifeboat, remainsOf(name), { text: '', file: '', digest: '', secrets: {} }, now, seen)
  }
  const closed = seen.filter((each) => each.closed === true)
  if (definition === undefined && closed.length > 0)
    return {
      refused: closed.map((each) => ({ level: 'error', what: unseen(each), hint: certificateHint, needs: 'change' })),
    }
  if (definition === undefined) {
    const silent = seen.filter((each) => each.answer === undefined).map((each) => `${each.site.name}: ${each.silence}`)
    return {
      refused: [
        {
          level: 'error',
          what:
            claims.length === 0
              ? `no site that answers knows a stack "${name}"`
              : `${name} was never deployed to the end`,
          hint:
            silent.length > 0
              ? `silent: ${silent.join('; ')}`
              : `stacks: ${(await stacks(lifeboat)).join(', ') || 'none'}`,
          needs: 'change',
        },
      ],
    }
  }
  const stack = stackOf(definition.text, definition.file)
  return situationOf(lifeboat, stack, definition, now, seen)
}

/**
 * What the guard looks at. A cycle that runs pauses machines for a moment: only what is still paused some seconds later was
 * left so.
 */
async function settled(
  lifeboat: Lifeboat,
  stack: string,
  now: Date,
): Promise<Situation | { readonly refused: readonly Finding[] }> {
  const situation = await lookByName(lifeboat, stack, 'active', now)
  if ('refused' in situation) return situation
  const paused = situation.sites.some((view) =>
    view.answer?.observed.areas.some((area) => area.instances.some((each) => each.power === 'paused')),
  )
  if (!paused) return situation
  await lifeboat.clock.sleep(left_paused_ms)
  return lookByName(lifeboat, stack, 'active', now)
}

/** The pause of a point is a fraction of a second. */
const left_paused_ms = 3000

/** A stack of which only remains are left: enough to remove them by their marks. */
function remainsOf(name: string): Stack {
  return {
    name,
    segments: [],
    machines: [],
    firewalls: [],
    load_balancers: [],
    nats: [],
    ingress: [],
    services: [],
    secrets: [],
    protect: undefined,
    checks: [],
    addresses: [],
  }
}

async function look(lifeboat: Lifeboat, stack: Stack, definition: Definition, now: Date): Promise<Situation> {
  const seen = await Promise.all(
    lifeboat.sites.sites.map(async (site) => ({ site, ...(await ask(lifeboat, site.name, stack.name, false)) })),
  )
  return situationOf(lifeboat, stack, definition, now, seen)
}

type Seen = Pick<SiteView, 'site' | 'answer' | 'silence' | 'closed'>

function situationOf(
  lifeboat: Lifeboat,
  stack: Stack,
  definition: Definition,
  now: Date,
  seen: readonly Seen[],
): Situation {
  return {
    now,
    by: lifeboat.by,
    ...lifeboat.processes,
    stack,
    definition,
    clients: lifeboat.sites.clients,
    sites: seen.map((each) => {
      const { bgp, problems } = bgpAt(lifeboat, stack, each.site)
      const facts = { site: each.site.name, services: each.site.services, bgp }
      return { ...each, compiled: compiledFor(stack, facts), routing: problems }
    }),
  }
}

/** A session with a speaker of another AS never comes up: that can be seen before, where the site file says where to look. */
async function withRouteServers(lifeboat: Lifeboat, situation: Situation): Promise<Situation> {
  if (ownAddresses(situation.stack).length === 0) return situation
  const sites = await Promise.all(
    situation.sites.map(async (view) => {
      const { name, bgp } = view.site
      if (bgp === undefined) return view
      const seen = await lifeboat.outside.routeServers(name, AbortSignal.timeout(route_server_ms))
      return { ...view, routing: [...(view.routing ?? []), ...otherAs(name, bgp, seen)] }
    }),
  )
  return { ...situation, sites }
}

const route_server_ms = 10_000

/** A prefix leads to one stack. What others have is in the claims of the sites that answer; a first deploy needs all of them. */
async function withOthersPrefixes(lifeboat: Lifeboat, situation: Situation): Promise<Situation> {
  const own = ownAddresses(situation.stack)
  if (own.length === 0) return situation
  const taken = await Promise.all(
    situation.sites.map(async ({ answer, site }) => {
      if (answer === undefined) return []
      const engine = engineOf(lifeboat, site.name)
      const names = (await engine.stacks()).filter((name) => name !== situation.stack.name)
      const claims = await Promise.all(names.map((name) => engine.readClaim(name)))
      const others = claims.flatMap((each) => {
        const definition = each?.claim.definition
        return definition === undefined ? [] : (parseStack(definition.text, definition.file).stack ?? [])
      })
      return others.flatMap((other) =>
        ownAddresses(other)
          .filter((theirs) => own.some((each) => commonOf(each.prefix, theirs.prefix) !== undefined))
          .map((theirs) => ({ name: other.name, prefix: theirs.prefix })),
      )
    }),
  )
  const routing = [...new Map(taken.flat().map((each) => [`${each.prefix} ${each.name}`, each])).values()].map(
    ({ name, prefix }): SiteLack => ({
      what: `${prefix} is announced by stack ${name}`,
      hint: `give the stack another prefix, or lifeboat destroy ${name} first`,
      at: placeOfPrefix(situation.stack, prefix),
    }),
  )
  return {
    ...situation,
    sites: situation.sites.map((view) => ({ ...view, routing: [...(view.routing ?? []), ...routing] })),
  }
}

/** BGP of a site for a stack that announces, with a mark that changes with the password and gives nothing of it away. */
function bgpAt(
  lifeboat: Lifeboat,
  stack: Stack,
  { name, bgp }: Site,
): { readonly bgp: BgpFacts | undefined; readonly problems: readonly SiteLack[] } {
  if (bgp === undefined || ownAddresses(stack).length === 0) return { bgp: undefined, problems: [] }
  try {
    const password = lifeboat.bgpPassword?.(name)
    // 16 bits of a slow hash: enough to see a change, too little to try passwords against.
    const mark =
      password === undefined ? undefined : scryptSync(password, 'lifeboat bgp', 2, { N: 1024 }).toString('hex')
    return { bgp: { ...bgp, password: mark }, problems: [] }
  } catch (error) {
    return {
      bgp: { ...bgp, password: 'unreadable' },
      problems: [
        {
          what: `the BGP password of ${name} cannot be read: ${(error as Error).message}`,
          hint: `put it where bgp.password of ${name} in the site file says, readable by you only`,
          at: undefined,
        },
      ],
    }
  }
}

/**
 * Looks at a site. One that a person states to be down is given a second to say otherwise: everybody waits for the launch.
 */
async function ask(
  lifeboat: Lifeboat,
  site: string,
  stack: string,
  stated: boolean,
): Promise<Pick<SiteView, 'answer' | 'silence' | 'closed'>> {
  const engine = engineOf(lifeboat, site)
  const look = Promise.all([engine.observe(stack), engine.survey()])
  try {
    const seen = stated ? await Promise.race([look, lifeboat.clock.sleep(stated_down_ms)]) : await look
    if (seen === undefined) {
      look.catch(() => {})
      return { answer: undefined, silence: `no answer within ${stated_down_ms / 1000} s, and stated to be down` }
    }
    const [observed, survey] = seen
    return { answer: { observed, survey }, silence: undefined }
  } catch (error) {
    if (error instanceof EngineError)
      return {
        answer: undefined,
        silence: error.message,
        closed: error.code === 'unauthorized' && !(error instanceof NotAsked),
      }
    throw error
  }
}

/** Where there is time before anything is changed: DNS, what the sites could still give, and what is recorded here. */
async function lookCloser(lifeboat: Lifeboat, situation: Situation): Promise<Situation> {
  const [asked, watched, capacities] = await Promise.all([
    withDns(lifeboat, situation, dns_within_s).then((now) => withRouteServers(lifeboat, now)),
    Promise.all(situation.sites.map((view) => watchedAt(lifeboat, situation, view))),
    Promise.all(situation.sites.map((view) => capacityOf(lifeboat, situation, view))),
  ])
  const sites = asked.sites.map((view, index) => ({ ...view, capacity: capacities[index], watched: watched[index] }))
  return { ...asked, sites, past: past(lifeboat, situation.stack.name) }
}

/** Asks the watch of a standby, where one runs. */
async function watchedAt(lifeboat: Lifeboat, situation: Situation, view: SiteView): Promise<Watched | undefined> {
  const wanted = view.answer?.observed.claim?.claim.role === 'standby' ? watchOf(situation, view) : undefined
  if (wanted === undefined || !isUp(view)) return undefined
  const engine = engineOf(lifeboat, view.site.name)
  const instance = { area: wanted.object.area, name: wanted.object.name }
  const leases = wanted.watch.legs.map(
    async ({ interface: leg }) => [leg, await engine.leaseOf(instance, leg)] as const,
  )
  try {
    const [{ silent, words }, ...held] = await Promise.all([
      reach(engine, { instance, services: wanted.watch.services, within_s: 1 }),
      ...leases,
    ])
    return { silent, words, leases: Object.fromEntries(held) }
  } catch (error) {
    if (error instanceof EngineError) return undefined
    throw error
  }
}

async function capacityOf(lifeboat: Lifeboat, { stack }: Situation, view: SiteView): Promise<Capacity | undefined> {
  if (view.answer === undefined) return undefined
  return engineOf(lifeboat, view.site.name)
    .capacity(stack.name)
    .catch((error: unknown) => {
      if (error instanceof EngineError) return undefined
      throw error
    })
}

/** The newest operations of each kind that stop or launch: cycles are many, and say nothing of either. */
function past(lifeboat: Lifeboat, stack: string): Past {
  const ids = lifeboat.store.list().toReversed()
  const verbs = ['move', 'failback', 'failover', 'drill', 'deploy']
  const newest = verbs.flatMap((verb) => ids.filter((id) => id.includes(`-${verb}-${stack}-`)).slice(0, 3))
  const journals = newest
    .sort()
    .toReversed()
    .map((id) => eventsOf(lifeboat, id))
  // `-move-shop-` is in the names of a stack `shop-two` too.
  return pastOf(journals.filter(([first]) => first?.type === 'planned' && first.plan.stack === stack))
}

/** Asks the DNS servers of the sites that answer whether they would take an update of the stack's names. */
async function withDns(lifeboat: Lifeboat, situation: Situation, within_s: number): Promise<Situation> {
  const sites = await Promise.all(
    situation.sites.map(async (view) => {
      if (view.answer === undefined || view.site.dns === undefined) return view
      const dns = await Promise.all(
        situation.stack.ingress
          .filter((entry) => entry.dns)
          .map((entry) => lifeboat.outside.mayUpdate(view.site.name, entry.name, within_s, mayHaveAaaa(view, entry))),
      )
      return { ...view, dns }
    }),
  )
  return { ...situation, sites }
}

const dns_within_s = 3
/** Clients wait for a failover: a server that is silent costs no more of their time. */
const dns_in_a_hurry_s = 1

/** One writer per stack on this machine; another one is told who it is. */
async function locked<T>(lifeboat: Lifeboat, planned: Plan, work: () => Promise<T>): Promise<T> {
  // A cycle that hangs on a dead site must not keep anybody from failing over: the claims keep the two apart.
  const name = planned.verb === 'failover' || planned.verb === 'guard' ? `${planned.stack}-emergency` : planned.stack
  const lock = await lifeboat.store.lock(name, planned.verb)
  try {
    return await work()
  } finally {
    lock.release()
  }
}

const stated_down_ms = 1000

function worldOf(lifeboat: Lifeboat, planned: Plan): World {
  return {
    clock: lifeboat.clock,
    engine: (site) => engineOf(lifeboat, site),
    outside: lifeboat.outside,
    secrets: async (all, from, site) => {
      const wanted = all.filter(({ secret }) => secret !== SITE_PASSWORD)
      const passwords = all
        .filter(({ secret }) => secret === SITE_PASSWORD)
        .map(({ path }) => ({ path, content: `${lifeboat.bgpPassword?.(site) ?? ''}\n` }))
      return [...passwords, ...(await stackSecrets(wanted, from))]
    },
  }

  async function stackSecrets(wanted: readonly SecretFile[], from: SecretsFrom) {
    if (from.kind === 'appliance') {
      const engine = engineOf(lifeboat, from.site)
      return Promise.all(
        wanted.map(async (secret) => {
          const read = await engine.exec(from.instance, ['cat', secret.path], 15)
          if (read.exit !== 0)
            throw new EngineError(
              'not-found',
              from.site,
              `read ${secret.path}`,
              `${from.instance.name} has no ${secret.path}`,
            )
          return { path: secret.path, content: read.stdout }
        }),
      )
    }
    const definition = planned.steps.flatMap((step) =>
      step.action.do === 'definition' ? [step.action.definition] : [],
    )[0]
    const stack = definition === undefined ? undefined : stackOf(definition.text, definition.file)
    return Promise.all(
      wanted.map(async (secret) => {
        const file = stack?.secrets.find((each) => each.name === secret.secret)?.file
        if (file === undefined || definition === undefined)
          throw new Error(`plan names a secret "${secret.secret}" that its stack file has not`)
        return { path: secret.path, content: await readFile(resolve(dirname(definition.file), file), 'utf8') }
      }),
    )
  }
}

function engineOf(lifeboat: Lifeboat, site: string): Engine {
  const engine = lifeboat.engines.get(site)
  if (engine === undefined) throw new Error(`no engine for site "${site}"`)
  return engine
}

/** What a controller looks at all day does not change: a text is parsed once, and compiled once for each site. */
const parsed = new Map<string, Stack>()
const compiled = new WeakMap<Stack, Map<string, Compiled>>()
const most_parsed = 4_000

function stackOf(text: string, file: string): Stack {
  const key = `${file}\0${text}`
  const known = parsed.get(key)
  if (known !== undefined) return known
  const { stack, problems } = parseStack(text, file)
  if (stack === undefined) throw new StackProblems(problems)
  const [oldest] = parsed.keys()
  if (oldest !== undefined && parsed.size >= most_parsed) parsed.delete(oldest)
  parsed.set(key, stack)
  return stack
}

function compiledFor(stack: Stack, facts: SiteFacts): Compiled {
  const key = JSON.stringify(facts)
  const made = compiled.get(stack) ?? new Map<string, Compiled>()
  compiled.set(stack, made)
  const known = made.get(key) ?? compile(stack, facts)
  made.set(key, known)
  return known
}

async function defined(text: string, file: string, stack: Stack): Promise<Definition> {
  const secrets: Record<string, string> = {}
  for (const secret of stack.secrets) {
    const content = await readFile(resolve(dirname(file), secret.file)).catch(() => undefined)
    if (content !== undefined) secrets[secret.name] = sha256(content)
  }
  return { text, file: resolve(file), digest: sha256(text), secrets }
}

/** What is wrong with certificates, before anything is changed. */
async function certificateFindings(
  stack: Stack,
  file: string,
  now: Date,
  locate: Parsed['locate'],
): Promise<readonly Finding[]> {
  const contents: Record<string, string> = {}
  for (const secret of stack.secrets) {
    const content = await readFile(resolve(dirname(file), secret.file), 'utf8').catch(() => undefined)
    if (content !== undefined) contents[secret.name] = content
  }
  return certificateProblems(stack, contents, now).map((each) => told({ ...each, at: locate(each.at) }))
}

/** A problem of the stack file as a finding of a plan. */
function told({ level, at, what, hint }: Problem): Finding {
  return { level, what, hint, needs: level === 'error' ? 'change' : undefined, place: placeWords(at) }
}

function missingSecret(
  file: string,
  secret: { readonly name: string; readonly file: string },
  locate: Parsed['locate'],
): Finding {
  return {
    level: 'error',
    what: `secret "${secret.name}" cannot be read: ${resolve(dirname(file), secret.file)}`,
    hint: 'put certificate chain and key there, readable by you only',
    needs: 'change',
    place: placeWords(locate(['secrets', secret.name, 'file'])),
  }
}

const sha256 = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex')

function opened(lifeboat: Lifeboat, operation: string) {
  const state = fold(eventsOf(lifeboat, operation))
  if (state.plan === undefined) throw new Error(`operation ${operation} has no plan in its journal`)
  return { plan: state.plan, state }
}
