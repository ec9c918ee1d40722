import type { ObservedArea } from '../state/objects.ts'
import { stackArea } from './naming.ts'
import { networkObjects } from './objects.ts'
import type { SiteView } from './situation.ts'

type NetworkDifference = {
  readonly object: string
  readonly place: 'network'
  readonly what: string
  readonly by: 'file' | 'hand'
}

/** Segments that are not there, and those that the stack file has no more. */
export function networksWanted(view: SiteView, live: ObservedArea | undefined): readonly NetworkDifference[] {
  const wanted = networkObjects(view, stackArea(view.compiled.stack)).map(({ segment }) => segment)
  const there = live?.networks.filter((each) => each.half_made !== true).map(({ segment }) => segment) ?? []
  return [
    ...wanted
      .filter((each) => !there.includes(each))
      .map((each) => ({
        object: `network ${each}`,
        place: 'network' as const,
        what: 'is not there',
        by: 'hand' as const,
      })),
    ...there
      .filter((each) => !wanted.includes(each))
      .map((each) => ({
        object: `network ${each}`,
        place: 'network' as const,
        what: 'is there, and not in the stack file',
        by: 'file' as const,
      })),
  ]
}
