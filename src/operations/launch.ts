import type { CompiledAppliance, CompiledInstance, CompiledMachine } from '../compile/compiled.ts'
import type { Step } from '../plan/plan.ts'
import { step } from '../plan/step.ts'
import type { Area, InstanceObject, InstanceRef } from '../state/objects.ts'
import { networkObjects } from './objects.ts'
import type { SiteView } from './situation.ts'

/**
 * Brings a stack up in an area of a site: networks, instances, appliances before machines, machines in the order of
 * their needs, readiness. Deploy, drill, move and failover launch by this and by nothing else.
 *
 * Undo of everything here is removal: what a launch made holds no state that is not at its origin too.
 */
export function launch(request: LaunchRequest): readonly Step[] {
  const { view, area } = request
  const instances = request.view.compiled.instances.filter((instance) => request.make.has(instance.name))
  return [
    ...build(request, instances),
    ...instances.flatMap((instance) => start(view, area, instance, `make ${instance.name}`)),
    ...ready(request),
  ]
}

export type LaunchRequest = {
  readonly view: SiteView
  readonly area: Area
  /** What to make, and from what; instances not in it are taken to be there and running. */
  readonly make: ReadonlyMap<string, Origin>
  /** Steps that have to be done before anything is made. */
  readonly after: readonly string[]
  /** Groups whose readiness is awaited; all by default. */
  readonly groups?: ReadonlySet<string>
}

export type Origin = {
  readonly object: InstanceObject
  /** A clone of this, or from its image where absent (`finish` then writes what the image lacks). */
  readonly from: (InstanceRef & { readonly snapshot?: string }) | undefined
  readonly finish: readonly Step[]
}

function build(request: LaunchRequest, instances: readonly CompiledInstance[]): readonly Step[] {
  const { view, area } = request
  const site = view.site.name
  const there = view.answer?.observed.areas.find((each) => JSON.stringify(each.area) === JSON.stringify(area))
  const steps: Step[] = []
  if (there === undefined) {
    steps.push(
      step('build', site, 'area', { do: 'area', area }, 'the stack has a project of its own', {
        after: [request.after],
        undo: [{ do: 'remove-area', area }],
      }),
    )
  }
  for (const network of networkObjects(view, area)) {
    if (there?.networks.some((each) => each.segment === network.segment && each.half_made !== true)) continue
    steps.push(
      step('build', site, `network ${network.segment}`, { do: 'network', network }, 'segment of the stack file', {
        after: [request.after, there === undefined ? 'area' : undefined],
        undo: [{ do: 'remove-network', network }],
      }),
    )
  }
  const networked = new Set(steps.map((each) => each.id))
  for (const instance of instances) {
    const origin = request.make.get(instance.name)
    if (origin === undefined) continue
    const networks = instance.legs.map((leg) => `network ${leg.to === 'segment' ? leg.segment : leg.to}`)
    const after = [
      request.after,
      networks.filter((id) => networked.has(id)),
      networked.has('area') ? 'area' : undefined,
    ]
    const undo = [{ do: 'remove-instance', instance: { area, name: instance.name } }] as const
    steps.push(
      origin.from === undefined
        ? step(
            'build',
            site,
            `make ${instance.name}`,
            { do: 'instance', instance: origin.object },
            `from image ${origin.object.image}`,
            { after, undo },
          )
        : step(
            'build',
            site,
            `make ${instance.name}`,
            { do: 'clone', from: origin.from, target: origin.object },
            `clone of ${origin.from.name}`,
            { after, undo },
          ),
      ...origin.finish,
    )
  }
  return steps
}

/** Starts one instance: after it was made, after the anchors of its segments were started, after what it needs is ready. */
export function start(
  view: SiteView,
  area: Area,
  instance: CompiledInstance,
  ...after: readonly string[]
): readonly Step[] {
  const ref = { area, name: instance.name }
  const waits =
    instance.kind === 'appliance'
      ? [`configure ${instance.name}`]
      : [
          ...anchorsOf(view, instance).map((name) => `start ${name}`),
          ...needsOf(view, instance).map((group) => `ready ${group}`),
        ]
  const reason = instance.kind === 'appliance' ? `${instance.role} of the stack` : 'machine of the stack file'
  return [
    step(
      'start',
      view.site.name,
      `start ${instance.name}`,
      { do: 'power', instance: ref, verb: 'start', within_s: 60 },
      reason,
      {
        after: [after, waits],
        undo: [{ do: 'power', instance: ref, verb: 'kill', within_s: 30 }],
      },
    ),
  ]
}

/** One step a group: its machines are seen ready from the anchor of their segment, or inside for `exec`. */
export function ready(request: Pick<LaunchRequest, 'view' | 'area' | 'groups'>): readonly Step[] {
  const { view, area } = request
  return groupsOf(view).flatMap(([group, machines]) => {
    const first = machines[0]
    if (first?.ready === undefined || (request.groups !== undefined && !request.groups.has(group))) return []
    const refs = machines.map((machine) => ({ area, name: machine.name }))
    const from = first.ready.by === 'exec' ? (refs[0] as InstanceRef) : { area, name: first.ready.from }
    const probes = machines.flatMap((machine) => (machine.ready === undefined ? [] : [machine.ready]))
    return [
      step(
        'ready',
        view.site.name,
        `ready ${group}`,
        { do: 'ready', from, machines: refs, probes, within_s: first.ready_within_s },
        `ready: ${probeWords(first)}`,
        {
          after: [
            machines.map((machine) => `start ${machine.name}`),
            first.ready.by === 'exec' ? undefined : `start ${first.ready.from}`,
          ],
        },
      ),
    ]
  })
}

export function groupsOf(view: SiteView): readonly (readonly [string, readonly CompiledMachine[]])[] {
  const groups = new Map<string, CompiledMachine[]>()
  for (const instance of view.compiled.instances) {
    if (instance.kind === 'machine') groups.set(instance.group, [...(groups.get(instance.group) ?? []), instance])
  }
  return [...groups]
}

export function appliancesOf(view: SiteView): readonly CompiledAppliance[] {
  return view.compiled.instances.filter((instance) => instance.kind === 'appliance')
}

export function statefulOf(view: SiteView): readonly CompiledMachine[] {
  return view.compiled.instances.filter((instance) => instance.kind === 'machine').filter((machine) => machine.stateful)
}

/** Leaves out what a step would wait for if that is not in the plan: it is there already. */
export function withoutMissing(steps: readonly Step[]): readonly Step[] {
  const known = new Set(steps.map((each) => each.id))
  return steps.map((each) => ({ ...each, after: each.after.filter((id) => known.has(id)) }))
}

function anchorsOf(view: SiteView, instance: CompiledInstance): readonly string[] {
  const segments = instance.legs.flatMap((leg) => (leg.to === 'segment' ? [leg.segment] : []))
  return view.compiled.segments.filter((segment) => segments.includes(segment.name)).map((segment) => segment.anchor)
}

function needsOf(view: SiteView, instance: CompiledMachine): readonly string[] {
  const needed = new Set(instance.needs)
  return groupsOf(view)
    .filter(([, machines]) => machines.some((machine) => needed.has(machine.name) && machine.ready !== undefined))
    .map(([group]) => group)
}

function probeWords(machine: CompiledMachine): string {
  if (machine.ready === undefined) return 'nothing'
  return machine.ready.by === 'exec' ? machine.ready.command : machine.ready.url
}
