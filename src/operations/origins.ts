import { type Planned, refuse } from '../plan/plan.ts'
import type { Area, Point } from '../state/objects.ts'
import { type Origin, statefulOf } from './launch.ts'
import { keepArea, keptName } from './naming.ts'
import { instanceObject } from './objects.ts'
import { preparedObjects } from './replicate.ts'
import { isWhole, type SiteView, type Situation } from './situation.ts'

/** Every instance of a launch is a clone: of the point for stateful machines, of what was prepared for the rest. */
export function originsOf(
  situation: Situation,
  view: SiteView,
  area: Area,
  point: Pick<Point, 'name'> | undefined,
  there: ReadonlySet<string> = new Set(),
): { readonly make: ReadonlyMap<string, Origin> } | Extract<Planned, { refused: unknown }> {
  const { stack } = situation
  const areas = view.answer?.observed.areas ?? []
  const inArea = (kind: Area['kind']) => areas.find((each) => each.area.kind === kind)?.instances.filter(isWhole)
  const keep = new Set(inArea('keep')?.map((each) => each.object.name))
  const replica = new Map(inArea('replica')?.map((each) => [each.object.name, each.object.digest]))
  const make = new Map<string, Origin>()
  const lost: string[] = []
  for (const machine of statefulOf(view)) {
    if (there.has(machine.name)) continue
    const name = keptName(machine.name, point?.name ?? '')
    if (!keep.has(name)) lost.push(name)
    make.set(machine.name, {
      object: instanceObject(machine, area, view, {}),
      from: { area: keepArea(stack.name), name },
      finish: [],
    })
  }
  if (lost.length > 0)
    return refuse(
      `the keep at ${view.site.name} lacks ${lost.join(', ')}`,
      'choose another point: --point NAME',
    ) as Extract<Planned, { refused: unknown }>
  for (const { instance, object } of preparedObjects(situation, view)) {
    if (there.has(instance.name)) continue
    const full = instanceObject(instance, area, view, situation.definition.secrets)
    const ready = replica.get(object.name) === object.digest
    if (!ready && instance.kind === 'appliance') {
      return refuse(
        `${instance.name} is not prepared at ${view.site.name}`,
        'its configuration and secrets come with replicate; the newest cycle did not bring them',
      ) as Extract<Planned, { refused: unknown }>
    }
    make.set(instance.name, {
      object: full,
      from: ready ? { area: object.area, name: object.name } : undefined,
      finish: [],
    })
  }
  return { make }
}

/** The clones that will be there by the time of the launch. */
export function withKept(view: SiteView, stack: string, coming: readonly string[]): SiteView {
  if (view.answer === undefined) return view
  const { observed } = view.answer
  const area = keepArea(stack)
  const areas = observed.areas.map((each) =>
    each.area.kind === 'keep'
      ? {
          ...each,
          instances: [
            ...each.instances,
            ...coming.map((name) => ({
              object: {
                type: 'instance' as const,
                area,
                name,
                role: 'machine' as const,
                image: '',
                nics: [],
                digest: '',
              },
              power: 'stopped' as const,
              snapshots: [],
              started_at: undefined,
            })),
          ],
        }
      : each,
  )
  return { ...view, answer: { ...view.answer, observed: { ...observed, areas } } }
}

/** The point that was asked for, or the newest: a claim lists them newest first, whatever the clocks of those who took them said. */
export function pointOf(points: readonly Point[], asked: string | undefined): Point | undefined {
  if (asked !== undefined) return points.find((point) => point.name === asked)
  return points[0]
}

/** `4.2 s`: how old a point was at an instant. */
export function ageWords(now: Date, point: Point): string {
  return `${((now.getTime() - Date.parse(point.taken_at)) / 1000).toFixed(1)} s`
}
