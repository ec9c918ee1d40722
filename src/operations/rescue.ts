import { type Planned, refuse } from '../plan/plan.ts'
import { ids, step } from '../plan/step.ts'
import type { Claim, InstanceObject, Rescue } from '../state/objects.ts'
import { statefulOf } from './launch.ts'
import { asideName, keepArea, rescueArea } from './naming.ts'
import { instanceObject, networkObjects } from './objects.ts'
import { instancesIn } from './reprotect.ts'
import type { SiteView, Situation } from './situation.ts'
import { rawFindings } from './survey.ts'

export type RescueRequest = {
  readonly do: 'look' | 'stop' | 'discard'
  /** Of several copies the one of this epoch; undefined: the newest. */
  readonly epoch: number | undefined
  /** The stack's name, typed by a person, to discard. */
  readonly consent: string | undefined
}

/** Looks at the writes that only the copy of a site that lost its role has, in a bubble that leads nowhere; or lets them go. */
export function planRescue(situation: Situation, request: RescueRequest): Planned {
  const found = copyOf(situation, request.epoch)
  if ('refused' in found) return found
  switch (request.do) {
    case 'look':
      return look(situation, found)
    case 'stop':
      return stop(situation, found)
    case 'discard':
      return discard(situation, found, request.consent)
  }
}

export type Copy = { readonly view: SiteView; readonly claim: Claim; readonly rescue: Rescue }

/** The set-aside copy that is meant, and where it is. */
export function copyOf(situation: Situation, epoch: number | undefined): Copy | Extract<Planned, { refused: unknown }> {
  const { name } = situation.stack
  const all = situation.sites.flatMap((view) => {
    const claim = view.answer?.observed.claim?.claim
    return claim === undefined ? [] : (claim.rescues ?? []).map((rescue) => ({ view, claim, rescue }))
  })
  const fitting = all
    .filter((each) => epoch === undefined || each.rescue.epoch === epoch)
    .sort((a, b) => b.rescue.epoch - a.rescue.epoch)
  const [found] = fitting
  if (found !== undefined) return found
  const stale = situation.sites.find((view) => view.answer?.observed.claim?.claim.role === 'stale')
  return refuse(
    `no site that answers holds a copy of ${name} that was set aside${epoch === undefined ? '' : ` under epoch ${epoch}`}`,
    stale === undefined
      ? all.length === 0
        ? undefined
        : `there are those of epoch ${all.map((each) => each.rescue.epoch).join(', ')}`
      : `${stale.site.name} is stale: lifeboat reprotect ${name} sets its copy aside first`,
  ) as Extract<Planned, { refused: unknown }>
}

function look(situation: Situation, { view, rescue }: Copy): Planned {
  const { stack } = situation
  const site = view.site.name
  const area = rescueArea(stack.name, rescue.epoch)
  const machines = statefulOf(view).filter((machine) => rescue.machines.includes(machine.name))
  const segments = new Set(
    machines.flatMap((machine) => machine.legs.flatMap((leg) => (leg.to === 'segment' ? [leg.segment] : []))),
  )
  const opening = step('build', site, 'area', { do: 'area', area }, 'a place of its own, which leads nowhere', {
    undo: [{ do: 'remove-area', area }],
  })
  const networks = networkObjects(view, area)
    .filter((network) => segments.has(network.segment))
    .map((network) =>
      step(
        'build',
        site,
        `network ${network.segment}`,
        { do: 'network', network },
        'the segment that it was on, without anything else on it',
        { after: [opening.id], undo: [{ do: 'remove-network', network }] },
      ),
    )
  const steps = machines.flatMap((machine) => {
    const instance = { area, name: machine.name }
    const kept = keepOf(view, asideName(machine.name, 'rescue', rescue.epoch))
    const target: InstanceObject = {
      ...instanceObject(machine, area, view, {}),
      ...(kept === undefined ? {} : { digest: kept.digest }),
    }
    return [
      step(
        'build',
        site,
        `make ${machine.name}`,
        {
          do: 'clone',
          from: { area: keepArea(stack.name), name: asideName(machine.name, 'rescue', rescue.epoch) },
          target,
        },
        'a clone: what was set aside stays as it is',
        { after: [opening.id, ...ids(networks)], undo: [{ do: 'remove-instance', instance }] },
      ),
      step(
        'start',
        site,
        `start ${machine.name}`,
        { do: 'power', instance, verb: 'start', within_s: 60 },
        'to be looked at',
        { after: [`make ${machine.name}`], undo: [{ do: 'power', instance, verb: 'kill', within_s: 30 }] },
      ),
    ]
  })
  return plan(
    situation,
    `start the copy of epoch ${rescue.epoch} at ${site}, isolated: ${rescue.machines.join(' ')}`,
    [opening, ...networks, ...steps],
    true,
  )
}

function stop(situation: Situation, { view, rescue }: Copy): Planned {
  const steps = removal(situation, view, rescue)
  return plan(
    situation,
    steps.length === 0
      ? `the copy of epoch ${rescue.epoch} does not run at ${view.site.name}`
      : `remove the clone of epoch ${rescue.epoch} at ${view.site.name}; what was set aside stays`,
    steps,
    false,
  )
}

function removal(situation: Situation, view: SiteView, rescue: Rescue) {
  const site = view.site.name
  const area = rescueArea(situation.stack.name, rescue.epoch)
  const there = view.answer?.observed.areas.find((each) => JSON.stringify(each.area) === JSON.stringify(area))
  if (there === undefined) return []
  const instances = there.instances.flatMap((each) => {
    const instance = { area, name: each.object.name }
    return [
      step('stop', site, `stop ${instance.name}`, { do: 'power', instance, verb: 'kill', within_s: 20 }, 'seen enough'),
      step('clean', site, `remove ${instance.name}`, { do: 'remove-instance', instance }, 'a clone', {
        after: [`stop ${instance.name}`],
      }),
    ]
  })
  const networks = there.networks.map((network) =>
    step('clean', site, `network ${network.segment}`, { do: 'remove-network', network }, 'empty now', {
      after: ids(instances),
    }),
  )
  return [
    ...instances,
    ...networks,
    step('clean', site, 'area', { do: 'remove-area', area }, 'empty now', {
      after: [...ids(instances), ...ids(networks)],
    }),
  ]
}

function discard(situation: Situation, { view, claim, rescue }: Copy, consent: string | undefined): Planned {
  const { name } = situation.stack
  if (consent !== name)
    return refuse(
      `discarding removes the copy of epoch ${rescue.epoch} at ${view.site.name} for good, with every write that only it has`,
      `type the stack's name: --discard ${name}`,
      'person',
    )
  const site = view.site.name
  const gone = removal(situation, view, rescue)
  const copies = instancesIn(view, 'keep')
    .filter((each) => each.object.name.endsWith(`-rescue-${rescue.epoch}`))
    .map((each) =>
      step(
        'clean',
        site,
        `discard ${each.object.name}`,
        { do: 'remove-instance', instance: { area: keepArea(name), name: each.object.name } },
        `${situation.by} lets it go`,
        { after: ids(gone) },
      ),
    )
  const { role, epoch, decided } = claim
  const rest = (claim.rescues ?? []).filter((each) => each.epoch !== rescue.epoch)
  const forget = step(
    'clean',
    site,
    'forget',
    { do: 'role', stack: name, from: { role, epoch }, to: { role, epoch, decided, rescues: rest } },
    'there is nothing to rescue any more',
    { after: [...ids(gone), ...ids(copies)] },
  )
  return plan(
    situation,
    `remove the copy of epoch ${rescue.epoch} at ${site}: ${rescue.machines.join(' ')}`,
    [...gone, ...copies, forget],
    false,
  )
}

function keepOf(view: SiteView, name: string): InstanceObject | undefined {
  return instancesIn(view, 'keep').find((each) => each.object.name === name)?.object
}

function plan(
  situation: Situation,
  summary: string,
  steps: Extract<Planned, { plan: unknown }>['plan']['steps'],
  undoable: boolean,
): Planned {
  return {
    plan: {
      verb: 'rescue',
      stack: situation.stack.name,
      made_at: situation.now.toISOString(),
      summary,
      steps,
      touches: [],
      not_tested: [],
      point: undefined,
      undoable,
      findings: rawFindings(situation),
    },
  }
}
