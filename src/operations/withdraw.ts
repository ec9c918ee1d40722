import type { CompiledInstance } from '../compile/compiled.ts'
import type { Action, Step } from '../plan/plan.ts'
import { ids, step } from '../plan/step.ts'
import type { Claimed } from '../state/objects.ts'
import { withdrawals } from './ingress.ts'
import { stackArea } from './naming.ts'
import { instancesIn } from './reprotect.ts'
import type { SiteView, Situation } from './situation.ts'

/** A database gets this long to write down all that it has. */
const stop_s = 60

/**
 * Takes a stack that runs out of service without losing a write: its claim is given up, so that nobody starts it meanwhile;
 * clients are cut off, so that nothing is acknowledged that would not be moved; then it is stopped in the reverse order
 * of starting. Undo gives the claim back first, and starts nothing where that fails.
 */
export function withdraw(
  situation: Situation,
  source: SiteView,
  claimed: Claimed,
  target: SiteView,
  point: string,
  after: readonly string[],
): readonly Step[] {
  const site = source.site.name
  const area = stackArea(situation.stack.name)
  const { claim } = claimed
  const given = {
    role: 'stale' as const,
    epoch: claim.epoch,
    handed: { to: target.site.name, point },
    decided: {
      by: situation.by,
      at: situation.now.toISOString(),
      why: `handing over to ${target.site.name}`,
    },
  }
  const back: Action = {
    do: 'restore-claim',
    written: { ...claim, ...given },
    before: claim,
    unless: target.site.name,
  }
  const undo = (action: Action) => (claim.role === 'active' ? [back, action] : [])
  const giving = step(
    'withdraw',
    site,
    `claim of ${site}`,
    { do: 'role', stack: claim.stack, from: { role: claim.role, epoch: claim.epoch }, to: given },
    'from here on nobody starts it there',
    { after, undo: [back] },
  )
  const running = new Set(
    instancesIn(source, 'stack').flatMap((each) => (each.power === 'stopped' ? [] : [each.object.name])),
  )
  const here = source.compiled.instances.filter((instance) => running.has(instance.name))
  const routes = withdrawals(situation, source, area, running, {
    phase: 'withdraw',
    after: [giving.id],
    undo: claim.role === 'active',
  })
  const cuts = here
    .filter((instance) => instance.legs.some((leg) => leg.to === 'outside'))
    .map((instance) =>
      step(
        'withdraw',
        site,
        `cut ${instance.name} at ${site}`,
        { do: 'cut-legs', instance: { area, name: instance.name }, cut: true },
        'no client is told of a write that would not be moved',
        {
          after: [giving.id, ...ids(routes)],
          undo: undo({ do: 'cut-legs', instance: { area, name: instance.name }, cut: false }),
        },
      ),
    )
  const stop = (name: string) => `stop ${name} at ${site}`
  const machines = here.filter((instance) => instance.kind === 'machine').map((instance) => instance.name)
  const stops = here.map((instance) =>
    step(
      'withdraw',
      site,
      stop(instance.name),
      instance.kind === 'appliance'
        ? { do: 'power', instance: { area, name: instance.name }, verb: 'kill', within_s: 20 }
        : { do: 'power', instance: { area, name: instance.name }, verb: 'stop', within_s: stop_s },
      instance.kind === 'appliance' ? 'it holds nothing' : 'front to back, in good order',
      {
        after: [ids(cuts), giving.id, waitsFor(instance, here, machines).map(stop)],
        undo: undo({ do: 'power', instance: { area, name: instance.name }, verb: 'start', within_s: 60 }),
      },
    ),
  )
  return [giving, ...routes, ...cuts, ...stops]
}

/** Who needs it stops before it; an appliance carries the traffic of machines, so all that hold no data stop before it. */
function waitsFor(
  instance: CompiledInstance,
  here: readonly CompiledInstance[],
  machines: readonly string[],
): readonly string[] {
  if (instance.kind === 'appliance') {
    return here.flatMap((each) => (each.kind === 'machine' && !each.stateful ? [each.name] : []))
  }
  return here.flatMap((each) =>
    each.kind === 'machine' && each.needs.includes(instance.name) && machines.includes(each.name) ? [each.name] : [],
  )
}
