import { type Difference, definitionDifferences, engineChange } from './differences.ts'
import { statefulOf } from './launch.ts'
import { keptName } from './naming.ts'
import { imageOf } from './objects.ts'
import { preparedObjects } from './replicate.ts'
import type { SiteView, Situation } from './situation.ts'
import { isError, lacks } from './survey.ts'

/** Why a launch at the standby would fail, or would not be what runs now. */
export function standbyDifferences(
  situation: Situation,
  view: SiteView,
  active: SiteView | undefined,
): readonly Difference[] {
  const site = view.site.name
  const lagging = (object: string, place: string, what: string): Difference => ({
    site,
    object,
    place,
    what,
    by: 'standby',
  })
  const areas = view.answer?.observed.areas ?? []
  const inside = (kind: 'replica' | 'keep') => areas.find((each) => each.area.kind === kind)?.instances ?? []
  const prepared = new Map(inside('replica').map(({ object }) => [object.name, object.digest]))
  const kept = new Set(inside('keep').map(({ object }) => object.name))
  const handMade = (name: string): readonly Difference[] =>
    (inside('replica').find(({ object }) => object.name === name)?.by_hand ?? [])
      .map((change) => engineChange(site, name, change))
      .map((each) => ({
        ...each,
        what: `${each.what}; a launch would clone it so. Without it the next cycle makes it anew`,
      }))
  const newest = view.answer?.observed.claim?.claim.points[0]
  const images = [...new Set(view.compiled.instances.map(imageOf))]
  return [
    ...definitionDifferences(situation, view),
    ...lacks(situation, view)
      .filter(isError)
      .map(({ what }) => lagging('site', 'readiness', what)),
    ...images.flatMap((image) => {
      const [here, there] = [view.answer?.survey.images[image], active?.answer?.survey.images[image]]
      if (here === undefined || there === undefined || here === there) return []
      return [
        lagging(`image ${image}`, 'alias', `is ${here.slice(0, 12)}, ${active?.site.name} has ${there.slice(0, 12)}`),
      ]
    }),
    ...preparedObjects(situation, view)
      .filter(({ object }) => prepared.get(object.name) !== object.digest)
      .map(({ instance }) => lagging(instance.name, 'prepared instance', 'is not as the stack file says')),
    ...preparedObjects(situation, view).flatMap(({ object }) => handMade(object.name)),
    ...statefulOf(view)
      .filter(({ name }) => !prepared.has(name))
      .map(({ name }) => lagging(name, 'replica', 'was never received')),
    ...(newest === undefined ? [lagging('points', 'claim', 'no complete point')] : []),
    ...(newest?.machines ?? [])
      .filter((machine) => newest !== undefined && !kept.has(keptName(machine, newest.name)))
      .map((machine) => lagging(machine, 'keep', `the clone of the newest point ${newest?.name} is not there`)),
  ]
}
