import { type Finding, type Plan, type Planned, refuse, type Step } from '../plan/plan.ts'
import { ids, step, under } from '../plan/step.ts'
import type { Claim, Claimed } from '../state/objects.ts'
import { clocks } from './clocks.ts'
import { estimateMove } from './estimate.ts'
import { planOn } from './failover.ts'
import { firstAnswers, ingress, notTested, touchPoints } from './ingress.ts'
import { launch, type Origin, statefulOf, withoutMissing } from './launch.ts'
import { leftovers } from './leftovers.ts'
import { isSpare, keepArea, keptName, pointIn, pointName, stackArea } from './naming.ts'
import { originsOf, withKept } from './origins.ts'
import { resumePaused } from './paused.ts'
import { physicalCount } from './physical.ts'
import { looked, tooSmall } from './preflight.ts'
import { cycle, prepare, preparedObjects, prune } from './replicate.ts'
import { instancesIn, setAside } from './reprotect.ts'
import { epochOf, isWhole, type SiteView, type Situation, unseen, viewOf } from './situation.ts'
import { dnsFindings, isError, lacks } from './survey.ts'
import { leaseFindings, watchFindings } from './watch.ts'
import { withdraw } from './withdraw.ts'

export type MoveRequest = {
  /** Where to; undefined: the site that is standby. */
  readonly to: string | undefined
}

/** Planned, and without the loss of an acknowledged write: both sites answer, and the target takes over what the source gives up. */
export function planMove(situation: Situation, request: MoveRequest, verb: 'move' | 'failback' = 'move'): Planned {
  const { stack } = situation
  const target =
    request.to === undefined
      ? situation.sites.find((view) => view.answer?.observed.claim?.claim.role === 'standby')
      : viewOf(situation, request.to)
  if (target === undefined)
    return refuse(
      request.to === undefined
        ? `no site is standby for ${stack.name}`
        : `there is no site "${request.to}" in the site file`,
      `sites: ${situation.sites.map((view) => view.site.name).join(', ')}`,
    )
  const claimed = target.answer?.observed.claim
  if (claimed?.claim.role === 'active' && claimed.claim.launched !== undefined)
    return finish(situation, target, claimed.claim, verb)
  const ready = readyToMove(situation, target)
  if ('refused' in ready) return ready
  return across(situation, ready, verb)
}

type Ready = {
  readonly source: SiteView
  readonly target: SiteView
  readonly giving: Claimed
  readonly taking: Claimed
  readonly findings: readonly Finding[]
}

type Refused = Extract<Planned, { refused: unknown }>

/** Everything that could fail and can be seen from here, all at once, before anything is changed. */
function readyToMove(situation: Situation, target: SiteView): Ready | Refused {
  const { stack } = situation
  const to = target.site.name
  const no = (what: string, hint?: string) => refuse(what, hint) as Refused
  const taking = target.answer?.observed.claim
  if (target.answer === undefined) return no(unseen(target), 'a move needs both sites; nothing was changed')
  if (taking === undefined)
    return no(
      `${to} has no claim for ${stack.name}: nothing was ever replicated there`,
      `lifeboat replicate ${stack.name}`,
    )
  const { claim } = taking
  if (claim.role === 'active') return no(`${stack.name} is active at ${to} already`)
  if (claim.role === 'stale')
    return no(
      `${to} is stale for ${stack.name} (epoch ${claim.epoch}): its copy is older than the active one`,
      `lifeboat failback ${stack.name} sets it aside, replicates and moves`,
    )
  const source = situation.sites.find((view) => view !== target && givesUp(view, claim))
  const giving = source?.answer?.observed.claim
  if (source === undefined || giving === undefined) {
    const silent = situation.sites.find((view) => view.answer === undefined)
    const active = situation.sites.find((view) => view.answer?.observed.claim?.claim.role === 'active')
    if (active !== undefined)
      return no(
        `${to} follows epoch ${claim.epoch}, and ${active.site.name} is active under epoch ${epochOf(active)}`,
        `lifeboat replicate ${stack.name} first`,
      )
    return silent === undefined
      ? no(`${stack.name} is active nowhere`)
      : no(
          `nothing is known of the active site: ${unseen(silent)}`,
          'a move needs both sites; where one is lost: lifeboat failover',
        )
  }
  const problems: Finding[] = [...lacks(situation, target), ...dnsFindings(target, 'error')]
  const problem = (what: string, hint: string) => problems.push({ level: 'error', what, hint, needs: 'change' })
  if (claim.points.length === 0)
    problem(`${to} holds no complete point of ${stack.name}`, `lifeboat replicate ${stack.name} first`)
  if (claim.definition?.digest !== giving.claim.definition?.digest)
    problem(
      `${to} and ${source.site.name} hold different stack files`,
      `lifeboat replicate ${stack.name} brings the newer one to ${to}`,
    )
  if (source.site.replication_url === undefined)
    problem(`${source.site.name} has no replication-url`, 'say in the site file how the other site reaches it')
  const { lived } = leftovers(situation, target)
  if (lived.length > 0)
    problem(
      `${to} still has instances of an earlier launch: ${lived.map((each) => each.object.name).join(', ')}`,
      `lifeboat reprotect ${stack.name} sets them aside`,
    )
  const free = target.answer.survey.pool.free_bytes
  const sent = claim.points[0]?.sent_bytes ?? 0
  if (free < 2 * sent + spare_bytes)
    problem(
      `the pool of ${to} has ${megabytes(free)} left`,
      `${sent === 0 ? '' : `the last point took ${megabytes(sent)}; `}free some space`,
    )
  problems.push(...tooSmall(source, target))
  if (problems.some(isError)) return { refused: problems.filter(isError) }
  if (target.site.replication_url === undefined)
    problems.push({
      level: 'warning',
      what: `${to} has no replication-url: nothing can be replicated back to ${source.site.name}`,
      hint: 'say in the site file how the other site reaches it',
      needs: undefined,
    })
  return {
    source,
    target,
    giving,
    taking,
    findings: [...problems, ...clocks(situation), ...watchFindings(target), ...leaseFindings(target)],
  }
}

/** Room for the metadata of clones and of a launch. */
const spare_bytes = 64_000_000

/** Active under the epoch that the target follows, or in the middle of giving it up. */
function givesUp(view: SiteView, taking: Claim): boolean {
  const claim = view.answer?.observed.claim?.claim
  return claim !== undefined && claim.epoch === taking.epoch && (claim.role === 'active' || claim.role === 'stale')
}

const megabytes = (count: number): string => `${(count / 1e6).toFixed(1)} MB`

function across(situation: Situation, ready: Ready, verb: 'move' | 'failback'): Planned {
  const { stack } = situation
  const { source, target, giving, taking } = ready
  const names = { pre: nameAt(situation, 0), last: nameAt(situation, 1), back: nameAt(situation, 2) }
  const point = (name: string) => ({
    name,
    machines: statefulOf(source).map((machine) => machine.name),
    digest: situation.definition.digest,
  })
  const coming = statefulOf(target).map((machine) => keptName(machine.name, names.last))
  const area = stackArea(stack.name)
  const origins = originsOf(situation, withKept(target, stack.name, coming), area, { name: names.last })
  if ('refused' in origins) return origins

  const old = taking.claim.points.map((each) => each.name)
  const paused = resumePaused(source, stack.name)
  const unused = leftovers(situation, target).removal
  const opening = ids([...paused, ...unused])
  const runs = instancesIn(source, 'stack').some((each) => each.power !== 'stopped')
  const pre =
    giving.claim.role === 'active' && runs
      ? copy(cycle(situation, source, target, point(names.pre), [], { keep: old }), 'pre-copy', names.pre, opening)
      : []
  const built = prebuilt(situation, target, origins.make, [...opening, ...ids(pre)])
  const withdrawn = withdraw(situation, source, giving, target, names.last, [...opening, ...ids(pre), ...ids(built)])
  const last = copy(
    cycle(situation, source, target, point(names.last), [], { keep: [names.pre, ...old], stopped: true }),
    'last-copy',
    names.last,
    ids(withdrawn),
  )
  const epoch = taking.claim.epoch + 1
  const take = step(
    'claim',
    target.site.name,
    'claim',
    {
      do: 'role',
      stack: stack.name,
      from: { role: 'standby', epoch: taking.claim.epoch },
      newest: names.last,
      to: {
        role: 'active',
        epoch,
        peer: source.site.name,
        launched: names.last,
        decided: {
          by: situation.by,
          at: situation.now.toISOString(),
          why: `moved from ${source.site.name} by ${situation.by}`,
        },
      },
    },
    `epoch ${epoch}: ${source.site.name} has given it up, and all that was written is here`,
    { after: [ids(last), ids(withdrawn), ids(built)], point_of_no_return: true },
  )
  const done = new Set(ids(built))
  const launched = launch({ view: target, area, make: origins.make, after: [take.id] })
    .filter((each) => !done.has(each.id))
    .map((each) => (each.phase === 'start' ? { ...each, after: [...each.after, take.id] } : each))
  const entering = ingress(situation, target, area, false)
  const seen = ids([...launched, ...entering].filter((each) => each.phase === 'ready' || each.phase === 'verify'))
  const plan: Plan = {
    verb,
    stack: stack.name,
    made_at: situation.now.toISOString(),
    summary: `move ${stack.name} from ${source.site.name} to ${target.site.name} under epoch ${epoch}`,
    steps: withoutMissing([
      ...paused,
      ...unused,
      ...pre,
      ...built,
      ...withdrawn,
      ...last,
      take,
      ...launched,
      ...entering,
      ...firstAnswers(situation, target),
      ...orphans(situation, target, [take.id, ...seen]),
      ...theOtherWay(situation, {
        source,
        target,
        epoch,
        handed: giving.claim.epoch,
        back: names.back,
        after: [take.id, ...seen],
      }),
    ]),
    touches: touchPoints(situation, target),
    physical_otherwise: physicalCount(stack, 'moves'),
    not_tested: notTested(situation),
    point: undefined,
    undoable: true,
    findings: ready.findings,
    looked: looked(situation, source, target),
    estimate: estimateMove(situation, source, target),
  }
  return { plan }
}

const nameAt = (situation: Situation, later_ms: number): string =>
  pointName(new Date(situation.now.getTime() + later_ms))

/** A cycle as part of the move. Taken back, the point leaves the claim before its clones go. */
function copy(
  steps: readonly Step[],
  phase: 'pre-copy' | 'last-copy',
  point: string,
  after: readonly string[],
): readonly Step[] {
  return under(phase, steps, { phase, after }).map((each) =>
    each.action.do === 'complete'
      ? { ...each, undo: [{ do: 'remove-point' as const, stack: each.action.stack, name: point }] }
      : each,
  )
}

/** What holds no data is made before the source is touched: the outage is shorter by that. */
function prebuilt(
  situation: Situation,
  target: SiteView,
  make: ReadonlyMap<string, Origin>,
  after: readonly string[],
): readonly Step[] {
  const stateful = new Set(statefulOf(target).map((machine) => machine.name))
  const early = new Map([...make].filter(([name]) => !stateful.has(name)))
  return launch({ view: target, area: stackArea(situation.stack.name), make: early, after })
    .filter((each) => each.phase === 'build')
    .map((each) => ({ ...each, phase: 'prepare' as const }))
}

/** Clones of points that never came to be; the site that is active now is no longer tidied up by cycles. */
function orphans(situation: Situation, target: SiteView, after: readonly string[]): readonly Step[] {
  const points = new Set(target.answer?.observed.claim?.claim.points.map((each) => each.name))
  return instancesIn(target, 'keep')
    .filter((each) => {
      const point = pointIn(each.object.name)
      return point !== undefined && !points.has(point)
    })
    .map((each) =>
      step(
        'clean',
        target.site.name,
        `drop ${each.object.name}`,
        { do: 'remove-instance', instance: { area: keepArea(situation.stack.name), name: each.object.name } },
        'of a point that was never complete',
        { after, optional: true },
      ),
    )
}

type OtherWay = {
  readonly source: SiteView
  readonly target: SiteView
  readonly epoch: number
  /** The epoch of the copy that has to be set aside; undefined: it was. */
  readonly handed: number | undefined
  readonly back: string
  readonly after: readonly string[]
}

/** The site that was left becomes the standby, and gets its first point. The move has succeeded whether or not this does. */
function theOtherWay(situation: Situation, request: OtherWay): readonly Step[] {
  const { source, target, handed, back } = request
  const { stack } = situation
  const site = source.site.name
  const aside = (
    handed === undefined
      ? []
      : setAside(situation, {
          view: source,
          active: target,
          epoch: request.epoch,
          from: { role: 'stale', epoch: handed },
          orderly: true,
          fresh: true,
          after: request.after,
        })
  ).map((each) => ({ ...each, optional: true }))
  if (target.site.replication_url === undefined) return aside
  const point = {
    name: back,
    machines: statefulOf(target).map((machine) => machine.name),
    digest: situation.definition.digest,
  }
  const replicating = under(
    'back',
    [
      ...prepare(situation, target, source),
      ...cycle(situation, target, source, point, []),
      ...prune(situation, target, source, back),
    ],
    { phase: 'reprotect', after: [...ids(aside), ...request.after], optional: true },
  )
  const complete = replicating.filter((each) => each.action.do === 'complete')
  const spare = aside.flatMap((each) =>
    each.action.do === 'clone'
      ? [
          step(
            'reprotect',
            site,
            `drop ${each.action.target.name}`,
            { do: 'remove-instance', instance: { area: keepArea(stack.name), name: each.action.target.name } },
            'the new point has all that it has',
            { after: [ids(complete)], optional: true },
          ),
        ]
      : [],
  )
  return [...aside, ...replicating, ...spare]
}

/** The claim was taken and the move did not end: bring up what is missing, then turn to the site that was left. */
function finish(situation: Situation, target: SiteView, claim: Claim, verb: 'move' | 'failback'): Planned {
  const planned = planOn(situation, target, claim)
  if ('refused' in planned) return planned
  const source = claim.peer === undefined ? undefined : viewOf(situation, claim.peer)
  const left = source?.answer?.observed.claim?.claim
  const { plan } = planned
  const after = ids(plan.steps.filter((each) => each.phase === 'ready' || each.phase === 'verify'))
  const request = { target, epoch: claim.epoch, back: nameAt(situation, 2), after }
  const orderly = left?.role === 'stale' && left.handed?.point === claim.launched && left.epoch < claim.epoch
  const tail =
    source === undefined || left === undefined
      ? []
      : orderly
        ? theOtherWay(situation, { ...request, source, handed: left.epoch })
        : left.role === 'standby' && left.epoch === claim.epoch && !replicated(situation, source)
          ? theOtherWay(situation, { ...request, source, handed: undefined })
          : []
  return {
    plan: {
      ...plan,
      verb,
      point: undefined,
      steps: withoutMissing([...plan.steps, ...orphans(situation, target, after), ...tail]),
    },
  }
}

/** Whether the first cycle to a new standby came to its end, and left nothing out. */
export function replicated(situation: Situation, view: SiteView): boolean {
  const held = new Map(
    instancesIn(view, 'replica')
      .filter(isWhole)
      .map((each) => [each.object.name, each.object.digest]),
  )
  const prepared = preparedObjects(situation, view).every(({ object }) => held.get(object.name) === object.digest)
  const spares = instancesIn(view, 'keep').some((each) => isSpare(each.object.name))
  const [newest] = view.answer?.observed.claim?.claim.points ?? []
  return prepared && !spares && newest !== undefined && statefulOf(view).every((machine) => held.has(machine.name))
}
