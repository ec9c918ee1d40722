import type { Step } from '../plan/plan.ts'
import { ids, step } from '../plan/step.ts'
import type { Area, NetworkObject, ObservedArea } from '../state/objects.ts'

type Contents = {
  readonly area: Area
  readonly networks: readonly NetworkObject[]
  readonly instances: readonly { readonly name: string; readonly stopped: boolean }[]
}

/** Removes a bubble as it was seen, or as it will be: everything at once, then its networks, then its area. */
export function removed(site: string, bubble: ObservedArea | Contents, after: readonly string[] = []): readonly Step[] {
  const { area, networks } = bubble
  const where = area.kind === 'bubble' ? area.drill : area.kind
  const instances = bubble.instances.map((each) =>
    'object' in each ? { name: each.object.name, stopped: each.power === 'stopped' } : each,
  )
  const gone = instances.flatMap(({ name, stopped }) => {
    const instance = { area, name }
    const kill = stopped
      ? []
      : [
          step(
            'stop',
            site,
            `kill ${name} of ${where}`,
            { do: 'power', instance, verb: 'kill', within_s: 30 },
            'a clone: nothing in it is needed',
            { after },
          ),
        ]
    return [
      ...kill,
      step('clean', site, `remove ${name} of ${where}`, { do: 'remove-instance', instance }, 'the bubble is removed', {
        after: stopped ? after : ids(kill),
      }),
    ]
  })
  const empty = networks.map((network) =>
    step(
      'clean',
      site,
      `remove network ${network.segment} of ${where}`,
      { do: 'remove-network', network },
      'the bubble is removed',
      { after: [after, ids(gone)] },
    ),
  )
  return [
    ...gone,
    ...empty,
    step('clean', site, `remove bubble ${where}`, { do: 'remove-area', area }, 'nothing of the drill is left', {
      after: [after, ids(gone), ids(empty)],
    }),
  ]
}
