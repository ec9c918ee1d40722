import { type Planned, refuse, type Step } from '../plan/plan.ts'
import { ids, step } from '../plan/step.ts'
import type { Claim, ObservedArea, ObservedInstance, Rescue } from '../state/objects.ts'
import { quell } from './guard.ts'
import { statefulOf, withoutMissing } from './launch.ts'
import { asideName, keepArea, replicaArea, stackArea } from './naming.ts'
import { activeView, epochOf, type SiteView, type Situation, unseen, viewOf } from './situation.ts'
import { rawFindings } from './survey.ts'

/**
 * Makes the site that lost its role the standby of the one that has it. What it held is set aside and kept, never
 * overwritten: the engine cannot always send back incrementally, and its last writes may be nowhere else.
 */
export function planReprotect(situation: Situation): Planned {
  const found = lostSite(situation)
  if ('refused' in found) return found
  const { active, view } = found
  const name = situation.stack.name
  const claimed = view.answer?.observed.claim
  const epoch = epochOf(active)
  const stopping = quell(situation, view, epoch)
  const from: Pick<Claim, 'role' | 'epoch'> =
    claimed === undefined
      ? { role: 'standby', epoch }
      : { role: claimed.claim.role === 'active' ? 'stale' : claimed.claim.role, epoch: claimed.claim.epoch }
  const ready = claimed === undefined || (from.role === 'standby' && from.epoch === epoch)
  const there = instancesIn(view, 'stack')
  const steps =
    ready && there.length === 0
      ? []
      : withoutMissing([
          ...stopping.steps,
          ...setAside(situation, {
            view,
            active,
            epoch,
            from,
            orderly: claimed?.claim.handed?.point !== undefined && claimed.claim.handed.point === launchedAt(active),
            fresh: !ready,
            after: ids(stopping.steps),
          }),
        ])
  return {
    plan: {
      verb: 'reprotect',
      stack: name,
      made_at: situation.now.toISOString(),
      summary:
        steps.length === 0
          ? `${view.site.name} is the standby of ${name} under epoch ${epoch} already`
          : `set aside what ${view.site.name} holds of ${name} and make it the standby of ${active.site.name}`,
      steps,
      touches: [],
      not_tested: [],
      point: undefined,
      undoable: false,
      findings: rawFindings(situation),
    },
  }
}

const launchedAt = (view: SiteView): string | undefined => view.answer?.observed.claim?.claim.launched

type Lost = { readonly active: SiteView; readonly view: SiteView }

/** The pair of the site that is active and the one that was, or will be beside it. */
export function lostSite(situation: Situation): Lost | Extract<Planned, { refused: unknown }> {
  const no = (what: string, hint?: string, needs?: 'person' | 'change') =>
    refuse(what, hint, needs) as Extract<Planned, { refused: unknown }>
  const name = situation.stack.name
  const active = activeView(situation)
  const silent = situation.sites.find((view) => view.answer === undefined)
  if (active === undefined)
    return no(
      `no active site of ${name} answers${silent === undefined ? '' : `; ${silent.site.name} is silent`}`,
      silent === undefined ? `lifeboat status ${name} shows what each site is` : 'unreachable does not mean down',
    )
  const peer =
    active.answer?.observed.claim?.claim.peer ??
    situation.sites.find((view) => view !== active && view.answer?.observed.claim !== undefined)?.site.name
  const view = peer === undefined ? undefined : viewOf(situation, peer)
  if (view === undefined || view === active) return no(`${name} has no other site beside ${active.site.name}`)
  if (view.answer === undefined)
    return no(unseen(view), 'nothing can be set aside at a site that cannot be seen; try again when it is back')
  const claim = view.answer.observed.claim?.claim
  if (claim !== undefined && claim.epoch > epochOf(active))
    return no(
      `${view.site.name} knows of epoch ${claim.epoch}, newer than ${epochOf(active)} of ${active.site.name}`,
      undefined,
      'person',
    )
  if (claim?.role === 'active' && claim.epoch === epochOf(active)) return no(...twoActive(active, view))
  return { active, view }
}

export const twoActive = (one: SiteView, other: SiteView): [string, string, 'person'] => [
  `${one.site.name} and ${other.site.name} are both active under epoch ${epochOf(one)}`,
  'look at both, decide which one has the word, and cut the other off from its clients by hand',
  'person',
]

export type SettingAside = {
  readonly view: SiteView
  readonly active: SiteView
  /** Of the active site, and of the standby from then on. */
  readonly epoch: number
  /** What the site's claim says when its turn comes. */
  readonly from: Pick<Claim, 'role' | 'epoch'>
  /** All that it wrote is in the point that was launched: the copy is kept until the next point is complete. */
  readonly orderly: boolean
  /** What its replica area holds is of an earlier time. */
  readonly fresh: boolean
  readonly after: readonly string[]
}

/** Clones of its stateful machines into the keep, then the removal of what it ran, then its new role. */
export function setAside(situation: Situation, request: SettingAside): readonly Step[] {
  const { view, active, epoch, from, orderly } = request
  const site = view.site.name
  const stack = situation.stack.name
  const kind = orderly ? 'spare' : 'rescue'
  const areas = [keepArea(stack), replicaArea(stack)]
    .filter((area) => !view.answer?.observed.areas.some((each) => each.area.kind === area.kind))
    .map((area) =>
      step(
        'reprotect',
        site,
        `area ${area.kind} at ${site}`,
        { do: 'area', area },
        area.kind === 'keep' ? 'what no transfer touches' : 'what is received',
        { after: request.after },
      ),
    )
  const there = instancesIn(view, 'stack')
  const stateless = new Set(
    view.compiled.instances
      .filter((each) => each.kind === 'appliance' || !each.stateful)
      .map((instance) => instance.name),
  )
  const holding = there.filter((each) => each.object.role === 'machine' && !stateless.has(each.object.name))
  const copies = holding.map((each) => {
    const target = {
      ...each.object,
      area: keepArea(stack),
      name: asideName(each.object.name, kind, from.epoch),
      nics: [],
    }
    return step(
      'reprotect',
      site,
      `set aside ${each.object.name}`,
      { do: 'clone', from: { area: stackArea(stack), name: each.object.name }, target },
      orderly ? 'until the next point is complete' : 'it may hold writes that are nowhere else',
      { after: [ids(areas), request.after] },
    )
  })
  const removals = [
    ...there.map((each) => ({ instance: each, area: stackArea(stack), reason: 'the stack is active elsewhere' })),
    ...(request.fresh ? oldReplicas(view) : []).map((each) => ({
      instance: each,
      area: replicaArea(stack),
      reason: 'a replica of an instance that is no more',
    })),
  ].map(({ instance, area, reason }) =>
    step(
      'reprotect',
      site,
      `remove ${area.kind} ${instance.object.name} at ${site}`,
      { do: 'remove-instance', instance: { area, name: instance.object.name } },
      reason,
      { after: [ids(copies), request.after] },
    ),
  )
  const rescues = orderly ? view.answer?.observed.claim?.claim.rescues : rescuesOf(situation, view, from.epoch, holding)
  const role = step(
    'reprotect',
    site,
    `${site} standby`,
    {
      do: 'role',
      stack,
      from,
      to: {
        role: 'standby',
        epoch,
        peer: active.site.name,
        launched: undefined,
        handed: undefined,
        decided: { by: situation.by, at: situation.now.toISOString(), why: `standby of ${active.site.name}` },
        definition: situation.definition,
        ...(rescues === undefined ? {} : { rescues }),
      },
    },
    `it follows ${active.site.name} from here on`,
    { after: [ids(areas), ids(copies), ids(removals), request.after] },
  )
  return [...areas, ...copies, ...removals, ...(request.fresh || copies.length > 0 ? [role] : [])]
}

function oldReplicas(view: SiteView): readonly ObservedInstance[] {
  const names = new Set(statefulOf(view).map((machine) => machine.name))
  return instancesIn(view, 'replica').filter((each) => names.has(each.object.name))
}

/** What is or will be in the keep of this epoch: an attempt before this one may have set aside some of it. */
function rescuesOf(
  situation: Situation,
  view: SiteView,
  epoch: number,
  holding: readonly ObservedInstance[],
): readonly Rescue[] | undefined {
  const known = view.answer?.observed.claim?.claim.rescues ?? []
  const before = instancesIn(view, 'keep').flatMap((each) => {
    const name = each.object.name
    return name.endsWith(`-rescue-${epoch}`) ? [name.slice(0, name.lastIndexOf('-rescue-'))] : []
  })
  const machines = [...new Set([...before, ...holding.map((each) => each.object.name)])].sort()
  if (machines.length === 0) return known.length === 0 ? undefined : known
  const others = known.filter((each) => each.epoch !== epoch)
  return [...others, { epoch, machines, at: situation.now.toISOString() }]
}

export function instancesIn(view: SiteView, kind: ObservedArea['area']['kind']): readonly ObservedInstance[] {
  return view.answer?.observed.areas.find((each) => each.area.kind === kind)?.instances ?? []
}
