import type { CompiledInstance } from '../compile/compiled.ts'
import { type Finding, type Planned, refuse, type Step } from '../plan/plan.ts'
import { ids, step } from '../plan/step.ts'
import type { Claim, ObservedInstance } from '../state/objects.ts'
import { clocks } from './clocks.ts'
import { fence } from './fence.ts'
import { firstAnswers, ingress, notTested, touchPoints } from './ingress.ts'
import { launch, start, statefulOf, withoutMissing } from './launch.ts'
import { leftovers } from './leftovers.ts'
import { stackArea } from './naming.ts'
import { ageWords, originsOf, pointOf } from './origins.ts'
import { resumePaused } from './paused.ts'
import { physicalCount } from './physical.ts'
import { certificateHint, isWhole, type SiteView, type Situation, unseen, viewOf } from './situation.ts'
import { dnsFindings, isError, lacks } from './survey.ts'

export type FailoverRequest = {
  /** Where to; undefined: the site that is standby. */
  readonly to: string | undefined
  /** A point of the standby; undefined: the newest complete one. */
  readonly point: string | undefined
  /** Sites that a person states to be down. `unreachable` never means down. */
  readonly down: readonly string[]
}

/** The active site is lost, or fenced: launch the newest complete point at the standby under the next epoch. */
export function planFailover(situation: Situation, request: FailoverRequest): Planned {
  const { stack } = situation
  const unknown = request.down.filter((name) => viewOf(situation, name) === undefined)
  if (unknown.length > 0)
    return refuse(
      `there is no site "${unknown.join('", "')}" in the site file`,
      `sites: ${situation.sites.map((each) => each.site.name).join(', ')}`,
    )
  const view = standbyView(situation, request.to)
  if (view === undefined) return noStandby(situation, request.to)
  const claimed = view.answer?.observed.claim
  if (claimed === undefined || view.answer === undefined)
    return refuse(`${view.site.name} has no claim for ${stack.name}: nothing was ever replicated there`)
  const claim = claimed.claim
  if (claim.role === 'active' && claim.launched !== undefined) return planOn(situation, view, claim)
  if (claim.role !== 'standby')
    return refuse(
      `${view.site.name} is ${claim.role} for ${stack.name} (epoch ${claim.epoch})`,
      claim.role === 'active' ? 'it runs there already' : 'its copy is older than the active one',
    )
  const remains = leftovers(situation, view).lived.map((each) => each.object.name)
  if (remains.length > 0)
    return refuse(
      `${view.site.name} still has instances of an earlier launch: ${remains.join(', ')}`,
      `lifeboat reprotect ${stack.name} sets them aside; lifeboat destroy ${stack.name} --site ${view.site.name} removes everything there, points included`,
    )

  const point = pointOf(claim.points, request.point)
  if (point === undefined && statefulOf(view).length > 0) {
    return refuse(
      request.point === undefined
        ? `${view.site.name} holds no complete point of ${stack.name}`
        : `${view.site.name} holds no complete point "${request.point}"`,
      claim.points.length === 0 ? undefined : `points: ${claim.points.map((each) => each.name).join(', ')}`,
    )
  }
  const findings = lacks(situation, view)
  if (findings.some(isError)) return { refused: findings }

  const peer = claim.peer === undefined ? undefined : viewOf(situation, claim.peer)
  const fenced = fencing(situation, claim, peer, request.down)
  if ('refused' in fenced) return fenced
  const origins = originsOf(situation, view, stackArea(stack.name), point)
  if ('refused' in origins) return origins

  const area = stackArea(stack.name)
  const epoch = claim.epoch + 1
  const unused = leftovers(situation, view).removal
  const next: Claim = {
    ...claim,
    role: 'active',
    epoch,
    launched: point?.name,
    decided: { by: situation.by, at: situation.now.toISOString(), why: fenced.why },
  }
  const take = step(
    'claim',
    view.site.name,
    'claim',
    { do: 'claim', expect: claimed.version, next },
    `epoch ${epoch}: ${fenced.why}`,
    {
      after: fenced.before,
      point_of_no_return: true,
    },
  )
  const steps = withoutMissing([
    ...fenced.steps,
    ...unused,
    take,
    ...launch({ view, area, make: origins.make, after: [take.id, ...ids(unused)] }),
    ...ingress(situation, view, area, false),
    ...firstAnswers(situation, view),
  ])
  return {
    plan: {
      verb: 'failover',
      stack: stack.name,
      made_at: situation.now.toISOString(),
      summary: `launch ${stack.name} at ${view.site.name}${point === undefined ? '' : ` from point ${point.name}, taken ${ageWords(situation.now, point)} ago`}, under epoch ${epoch}`,
      steps,
      touches: touchPoints(situation, view),
      physical_otherwise: physicalCount(situation.stack, 'comes'),
      not_tested: notTested(situation),
      point,
      undoable: true,
      findings: [...findings, ...clocks(situation), ...dnsFindings(view, 'warning'), ...fenced.findings],
    },
  }
}

/**
 * The claim was taken and the launch did not end: another controller, without the journal, goes on from what it sees. What
 * is there is never made again, as it may have taken writes.
 */
export function planOn(situation: Situation, view: SiteView, claim: Claim): Planned {
  const findings = lacks(situation, view)
  if (findings.some(isError)) return { refused: findings }
  const point = claim.points.find((each) => each.name === claim.launched)
  const area = stackArea(situation.stack.name)
  const there = new Map(
    launched(view)
      .filter(isWhole)
      .map((each) => [each.object.name, each.power]),
  )
  const origins = originsOf(situation, view, area, point, new Set(there.keys()))
  if ('refused' in origins) return origins
  const starts = view.compiled.instances
    .filter((instance) => there.has(instance.name) && there.get(instance.name) === 'stopped')
    .flatMap((instance) => start(view, area, instance, ...instance.legs.map(networkStep)))
  const peer = claim.peer === undefined ? undefined : viewOf(situation, claim.peer)
  const theirs = peer?.answer?.observed.claim
  const fenced =
    peer?.answer === undefined
      ? undefined
      : fence(situation, peer, theirs?.claim.role === 'active' ? theirs : undefined)
  const missing = [...origins.make.keys(), ...ids(starts), ...(fenced?.steps ?? []).map((each) => each.id)]
  return {
    plan: {
      verb: 'failover',
      stack: situation.stack.name,
      made_at: situation.now.toISOString(),
      summary:
        missing.length === 0
          ? `${situation.stack.name} is already active at ${view.site.name} since ${claim.decided.at}, under epoch ${claim.epoch}: nothing to do but to look again`
          : `${situation.stack.name} is active at ${view.site.name} under epoch ${claim.epoch}: bring up what is missing (${missing.join(' ')})`,
      steps: withoutMissing([
        ...(fenced?.steps ?? []),
        ...resumePaused(view, situation.stack.name),
        ...launch({ view, area, make: origins.make, after: fenced?.before ?? [] }),
        ...starts,
        ...ingress(situation, view, area, false),
        ...(missing.length === 0 ? [] : firstAnswers(situation, view)),
      ]),
      touches: touchPoints(situation, view),
      physical_otherwise: physicalCount(situation.stack, 'comes'),
      not_tested: notTested(situation),
      // Looking again at what is up loses nothing.
      point: missing.length === 0 ? undefined : point,
      undoable: false,
      findings: [...findings, ...dnsFindings(view, 'warning')],
    },
  }
}

/** Where a segment was not made to the end it is made before anything that is there is connected to it. */
const networkStep = (leg: CompiledInstance['legs'][number]): string =>
  `network ${leg.to === 'segment' ? leg.segment : leg.to}`

const launched = (view: SiteView): readonly ObservedInstance[] =>
  view.answer?.observed.areas.find((each) => each.area.kind === 'stack')?.instances ?? []

function standbyView(situation: Situation, to: string | undefined): SiteView | undefined {
  if (to !== undefined) return viewOf(situation, to)
  const claims = (role: Claim['role']) =>
    situation.sites.filter((view) => view.answer?.observed.claim?.claim.role === role)
  return (
    claims('standby')[0] ?? claims('active').find((view) => view.answer?.observed.claim?.claim.launched !== undefined)
  )
}

function noStandby(situation: Situation, to: string | undefined): Planned {
  if (to !== undefined)
    return refuse(
      `there is no site "${to}" in the site file`,
      `sites: ${situation.sites.map((view) => view.site.name).join(', ')}`,
    )
  const silent = situation.sites
    .filter((view) => view.answer === undefined)
    .map((view) => `${view.site.name} (${view.silence ?? 'silent'})`)
  const active = situation.sites.find((view) => view.answer?.observed.claim?.claim.role === 'active')
  if (active !== undefined && silent.length === 0)
    return refuse(
      `no site is standby for ${situation.stack.name}; it is active at ${active.site.name}`,
      'run replicate first',
    )
  return refuse(
    `no site that answers is standby for ${situation.stack.name}`,
    silent.length === 0 ? undefined : `silent: ${silent.join(', ')}`,
  )
}

type Fencing = {
  readonly steps: readonly Step[]
  readonly before: readonly string[]
  readonly why: string
  readonly findings: readonly Finding[]
}

/** Either the active site answers and is fenced, or a person has said that it is down. Nothing else will do. */
export function fencing(
  situation: Situation,
  claim: Claim,
  peer: SiteView | undefined,
  down: readonly string[],
): Fencing | Extract<Planned, { refused: unknown }> {
  const name = claim.peer ?? 'the active site'
  if (peer?.answer === undefined) {
    if (down.includes(name) && peer?.closed === true) {
      return {
        steps: [],
        before: [],
        why: `${name} stated down by ${situation.by}`,
        findings: [
          {
            level: 'warning',
            what: `${situation.by} states that ${name} is down, and ${unseen(peer)}: it cannot be fenced from here`,
            hint: `make sure that nothing of ${situation.stack.name} serves anybody there`,
            needs: undefined,
          },
        ],
      }
    }
    if (down.includes(name)) {
      return {
        steps: [],
        before: [],
        why: `${name} stated down by ${situation.by}`,
        findings: [
          {
            level: 'note',
            what: `${name} does not answer; ${situation.by} states that it is down`,
            hint: undefined,
            needs: undefined,
          },
        ],
      }
    }
    if (peer?.closed === true)
      return refuse(`${unseen(peer)}; it is there and cannot be fenced`, certificateHint, 'person') as Extract<
        Planned,
        { refused: unknown }
      >
    return refuse(
      `${name} does not answer (${peer?.silence ?? 'not in the site file'}); that does not mean it is down`,
      `make sure that it is, and say so: --site-is-down ${name}`,
      'person',
    ) as Extract<Planned, { refused: unknown }>
  }
  const theirs = peer.answer.observed.claim
  if (theirs !== undefined && theirs.claim.epoch > claim.epoch) {
    return refuse(
      `${name} holds epoch ${theirs.claim.epoch}, newer than ${claim.epoch} here: this copy is not the latest`,
      undefined,
    ) as Extract<Planned, { refused: unknown }>
  }
  // One that was handing over is told that it is too late, so that it does not take its role back.
  const handing = theirs?.claim.role === 'stale' && theirs.claim.epoch === claim.epoch
  if (theirs === undefined || (theirs.claim.role !== 'active' && !handing)) {
    return { ...fence(situation, peer, undefined), why: `${name} answers and is not active`, findings: [] }
  }
  const fenced = fence(situation, peer, theirs)
  const findings: Finding[] = down.includes(name)
    ? [
        {
          level: 'warning',
          what: `${name} was stated down, but it answers: it is fenced first`,
          hint: undefined,
          needs: undefined,
        },
      ]
    : []
  return { ...fenced, why: `${name} answers and is fenced`, findings }
}
