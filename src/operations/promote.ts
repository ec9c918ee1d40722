import { formatDuration } from '../lib/duration.ts'
import { type Finding, type GuestFreeze, type Planned, refuse, type Step } from '../plan/plan.ts'
import { ids, step } from '../plan/step.ts'
import type { Area, Claim, InstanceObject, ObservedArea, Point, Proof } from '../state/objects.ts'
import { bubblesAt, occupied } from './drill-owner.ts'
import { changedSince, partsOf } from './drill-parts.ts'
import { removed } from './drill-removal.ts'
import { fencing, planOn } from './failover.ts'
import { firstAnswers, ingress, notTested, touchPoints } from './ingress.ts'
import { launch, statefulOf, withoutMissing } from './launch.ts'
import { leftovers } from './leftovers.ts'
import { keepArea, keptName, pointIn, pointName, pointTime, stackArea } from './naming.ts'
import { instanceObject } from './objects.ts'
import { originsOf, withKept } from './origins.ts'
import { physicalCount } from './physical.ts'
import type { SiteView, Situation } from './situation.ts'
import { dnsFindings, isError, lacks } from './survey.ts'

export type PromoteRequest = {
  /** The point of the drill, named by a person who accepts that a newer one is passed over. */
  readonly point: string | undefined
  /** Sites that a person states to be down. */
  readonly down: readonly string[]
}

/**
 * A kept drill becomes the stack: a failover whose point is taken in the bubble. What was written there becomes live data, what
 * was written at the active site since the drill's own point is lost.
 */
export function planPromote(situation: Situation, request: PromoteRequest): Planned {
  const { stack } = situation
  const standby = situation.sites.find((each) => each.answer?.observed.claim?.claim.role === 'standby')
  const view = standby ?? situation.sites.find((each) => launchedFromDrill(each))
  const claim = view?.answer?.observed.claim?.claim
  if (view === undefined || claim === undefined)
    return refuse(`no site that answers is standby for ${stack.name}`, `lifeboat failover ${stack.name} tells why`)
  if (claim.role === 'active') return goOn(situation, view, claim)
  const { proof } = claim
  const bubble = bubblesAt(view).find(({ area }) => area.kind === 'bubble' && area.drill === proof?.drill)
  if (proof?.kept !== true || proof.verdict !== 'passed' || bubble === undefined)
    return refuse(
      `no drill of ${stack.name} is kept at ${view.site.name}`,
      `lifeboat failover ${stack.name} launches the newest point; a drill is kept with: lifeboat drill ${stack.name} --keep`,
    )
  const busy = occupied(situation, view, claim, undefined)
  if (busy !== undefined) return busy
  return promoted(situation, { view, claim, proof, bubble }, request)
}

type Kept = {
  readonly view: SiteView
  readonly claim: Claim
  readonly proof: Proof
  readonly bubble: ObservedArea
}

function promoted(situation: Situation, kept: Kept, request: PromoteRequest): Planned {
  const { stack } = situation
  const { view, claim, proof, bubble } = kept
  const site = view.site.name
  const refusal = unfit(situation, kept, request)
  if (refusal !== undefined) return refusal
  const findings = [...lacks(situation, view), ...told(situation, kept)]
  if (findings.some(isError)) return { refused: findings.filter(isError) }
  const fenced = fencing(situation, claim, siteOf(situation, claim.peer), request.down)
  if ('refused' in fenced) return fenced

  const area = stackArea(stack.name)
  const name = pointName(situation.now)
  const machines = statefulOf(view).map((machine) => machine.name)
  const coming = machines.map((machine) => keptName(machine, name))
  const origins = originsOf(situation, withKept(view, stack.name, coming), area, { name })
  if ('refused' in origins) return origins
  const unused = [...leftovers(situation, view).removal, ...unborn(situation, view, claim)]
  const taken = takePoint(situation, view, bubble.area, name, fenced.before)
  const epoch = claim.epoch + 1
  const why = `drill ${proof.drill} promoted, ${fenced.why}`
  const take = step(
    'claim',
    site,
    'claim',
    {
      do: 'role',
      stack: stack.name,
      from: { role: 'standby', epoch: claim.epoch },
      ...(claim.points[0] === undefined ? {} : { newest: claim.points[0].name }),
      born: {
        point: { name, machines, digest: situation.definition.digest, drill: proof.drill },
        checkpoint_step: 'checkpoint',
      },
      to: {
        role: 'active',
        epoch,
        launched: name,
        definition: situation.definition,
        proof: { ...proof, kept: false },
        drilling: undefined,
        decided: { by: situation.by, at: situation.now.toISOString(), why },
      },
    },
    `epoch ${epoch}: ${why}`,
    { after: [fenced.before, ids(taken)], point_of_no_return: true },
  )
  const brought = launch({ view, area, make: origins.make, after: [take.id, ...ids(unused)] })
  const entering = ingress(situation, view, area, false)
  const seen = ids([...brought, ...entering])
  const point = pointOfDrill(claim, proof)
  return {
    plan: {
      verb: 'failover',
      stack: stack.name,
      made_at: situation.now.toISOString(),
      summary: `promote drill ${proof.drill} of ${stack.name} at ${site}${point === undefined ? '' : `, launched from point ${point.name}, taken ${formatDuration(ageOf(situation, point))} ago`}, under epoch ${epoch}`,
      steps: withoutMissing([
        ...fenced.steps,
        ...unused,
        ...taken,
        take,
        ...brought,
        ...entering,
        ...firstAnswers(situation, view),
        ...cleared(site, bubble, [take.id, ...ids(brought.filter((each) => each.action.do === 'network'))], seen),
      ]),
      touches: touchPoints(situation, view),
      physical_otherwise: physicalCount(stack, 'comes'),
      not_tested: notTested(situation),
      point,
      undoable: true,
      findings: [...findings, ...dnsFindings(view, 'warning'), ...fenced.findings],
    },
  }
}

/** Why the drill cannot be what clients get; a newer point is passed over by a person's word only. */
function unfit(
  situation: Situation,
  { view, claim, proof, bubble }: Kept,
  request: PromoteRequest,
): Planned | undefined {
  const { stack } = situation
  const site = view.site.name
  const there = new Set(bubble.instances.map((each) => each.object.name))
  const gone = statefulOf(view).filter((machine) => !there.has(machine.name))
  if (gone.length > 0)
    return refuse(
      `drill ${proof.drill} at ${site} has no ${gone.map((machine) => machine.name).join(', ')} any more`,
      `lifeboat failover ${stack.name} launches the newest point`,
    )
  const remains = leftovers(situation, view).lived.map((each) => each.object.name)
  if (remains.length > 0)
    return refuse(
      `${site} still has instances of an earlier launch: ${remains.join(', ')}`,
      `lifeboat reprotect ${stack.name} sets them aside`,
    )
  if (request.point !== undefined && request.point !== proof.point)
    return refuse(`drill ${proof.drill} was launched from ${proof.point ?? 'no point'}, not from ${request.point}`)
  const newer = newerThan(claim, proof)[0]
  if (newer === undefined || request.point !== undefined) return undefined
  const base = pointOfDrill(claim, proof)
  return refuse(
    `${site} holds point ${newer.name}, newer than that of drill ${proof.drill}: to promote the drill loses ${base === undefined ? 'all that was accepted since the drill' : `what was accepted in the last ${formatDuration(ageOf(situation, base))}`}, the newest point only the last ${formatDuration(ageOf(situation, newer))}`,
    `lifeboat failover ${stack.name} launches the newest point; to promote the drill all the same, name what it was launched from: --point ${proof.point ?? ''}`,
    'person',
  )
}

/** What a reader of plan and report has to know of the data. */
function told(situation: Situation, { view, claim, proof }: Kept): readonly Finding[] {
  const note = (level: 'note' | 'warning', what: string): Finding => ({
    level,
    what,
    hint: undefined,
    needs: undefined,
  })
  const newer = newerThan(claim, proof)[0]
  const changed = changedSince(proof.parts, partsOf(situation, view))
  return [
    note(
      'note',
      `what was written in drill ${proof.drill} since ${proof.started_at}, by its checks or by a person, becomes live data; only ${
        statefulOf(view)
          .map((machine) => machine.name)
          .join(' ') || 'nothing'
      } is taken over, all else is made anew`,
    ),
    ...(newer === undefined
      ? []
      : [note('warning', `${view.site.name} held a newer point, ${newer.name}, taken ${newer.taken_at}: passed over`)]),
    ...(changed.length === 0
      ? []
      : [note('warning', `changed since the drill, not proved by it: ${changed.join(', ')}`)]),
  ]
}

/** The machines of the bubble at one instant, cloned into the keep: from there a launch is as any other. */
function takePoint(
  situation: Situation,
  view: SiteView,
  bubble: Area,
  point: string,
  after: readonly string[],
): readonly Step[] {
  const { stack } = situation
  const site = view.site.name
  const machines = statefulOf(view)
  const refs = machines.map((machine) => ({ area: bubble, name: machine.name }))
  const guests = machines.flatMap((machine): readonly GuestFreeze[] => {
    const freeze = stack.machines.find((group) => group.name === machine.group)?.freeze
    return freeze === undefined ? [] : [{ instance: { area: bubble, name: machine.name }, ...freeze }]
  })
  const checkpoint = step(
    'keep',
    site,
    'checkpoint',
    { do: 'checkpoint', instances: refs, name: point, consistency: stack.protect?.consistency ?? 'together', guests },
    `${machines.map((machine) => machine.name).join(' ') || 'nothing'} of the bubble at one instant`,
    {
      after,
      undo: [
        { do: 'unpause', stack: stack.name, instances: refs, guests },
        ...refs.map((instance) => ({ do: 'remove-snapshot' as const, instance, snapshot: point })),
      ],
    },
  )
  const kept = machines.map((machine) => {
    const keep = keepArea(stack.name)
    const target: InstanceObject = {
      ...instanceObject(machine, keep, view, {}),
      name: keptName(machine.name, point),
      nics: [],
    }
    return step(
      'keep',
      site,
      `keep ${machine.name}`,
      { do: 'clone', from: { area: bubble, name: machine.name, snapshot: point }, target },
      'the bubble goes, this stays',
      { after: [checkpoint.id], undo: [{ do: 'remove-instance', instance: { area: keep, name: target.name } }] },
    )
  })
  return [checkpoint, ...kept]
}

/**
 * The bubble stops as soon as the networks of the launch are there, which leaves processors and memory to it, and goes when
 * clients have been seen to get in.
 */
function cleared(
  site: string,
  bubble: ObservedArea,
  before: readonly string[],
  seen: readonly string[],
): readonly Step[] {
  return removed(site, bubble).map((each) => ({
    ...each,
    after: each.phase === 'stop' ? [...before, ...each.after] : [...seen, ...each.after],
    optional: true,
  }))
}

/** Clones of a point that was taken and never came to be: of a controller that died in between. */
function unborn(situation: Situation, view: SiteView, claim: Claim): readonly Step[] {
  const keep = keepArea(situation.stack.name)
  const clones = view.answer?.observed.areas.find(({ area }) => area.kind === 'keep')?.instances ?? []
  return clones.flatMap(({ object: { name } }) => {
    const point = pointIn(name)
    return point === undefined || claim.points.some((each) => each.name === point)
      ? []
      : [
          step(
            'prepare',
            view.site.name,
            `drop ${name}`,
            { do: 'remove-instance', instance: { area: keep, name } },
            'of a point that never was complete',
            { optional: true },
          ),
        ]
  })
}

/** The claim was taken and its controller died: another one brings up what is missing, then what is left of the bubble goes. */
function goOn(situation: Situation, view: SiteView, claim: Claim): Planned {
  const on = planOn(situation, view, claim)
  if ('refused' in on) return on
  const { plan } = on
  const site = view.site.name
  const clearing = bubblesAt(view).flatMap((each) => cleared(site, each, [], ids(plan.steps)))
  return { plan: { ...plan, steps: withoutMissing([...plan.steps, ...clearing]) } }
}

function launchedFromDrill(view: SiteView): boolean {
  const claim = view.answer?.observed.claim?.claim
  return (
    claim?.role === 'active' && claim.points.some((each) => each.name === claim.launched && each.drill !== undefined)
  )
}

/** Points that hold more of the active site than the drill does, newest first. */
function newerThan(claim: Claim, proof: Proof): readonly Point[] {
  const base = pointOfDrill(claim, proof)
  return base === undefined
    ? []
    : claim.points.filter((each) => each.taken_at > base.taken_at).sort((a, b) => b.taken_at.localeCompare(a.taken_at))
}

/** The point that the drill was launched from; where retention has dropped it meanwhile its name still tells its time. */
function pointOfDrill(claim: Claim, { point, digest }: Proof): Point | undefined {
  if (point === undefined) return undefined
  const at = pointTime(point)
  return (
    claim.points.find((each) => each.name === point) ?? {
      ...{ name: point, taken_at: at, complete_at: at, pause_ms: 0, sent_bytes: 0 },
      ...{ incremental: true, machines: [], digest },
    }
  )
}

const ageOf = ({ now }: Situation, point: Point): number => now.getTime() - Date.parse(point.taken_at)

const siteOf = (situation: Situation, name: string | undefined): SiteView | undefined =>
  situation.sites.find((each) => each.site.name === name)
