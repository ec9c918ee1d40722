import type { CompiledAppliance, CompiledInstance } from '../compile/compiled.ts'
import type { HandChange, ObservedInstance } from '../state/objects.ts'
import { handMade, unlike } from './hand-made.ts'
import { stackArea } from './naming.ts'
import { networksWanted } from './networks-wanted.ts'
import { imageOf, instanceObject } from './objects.ts'
import { activeView, type SiteView, type Situation, unseen } from './situation.ts'
import { standbyDifferences } from './standby-differences.ts'

/** One thing at a site that is not as the stack file and the site file say. */
export type Difference = {
  readonly site: string
  /** `fw`, `network web`, `stack file`. */
  readonly object: string
  /** Where exactly: a path, `rules in the kernel`, `config limits.memory`. */
  readonly place: string
  readonly what: string
  /** `file`: the stack or site file changed since; `hand`: the site was changed; `standby`: it lags behind. */
  readonly by: 'file' | 'hand' | 'standby'
  /** Two texts, of which the second is what was found at the site. */
  readonly texts?: { readonly wanted: string; readonly found: string }
}

export type Compared = {
  readonly stack: string
  readonly differences: readonly Difference[]
  /** What could not be looked at, and why: of this nothing is known. */
  readonly unseen: readonly string[]
}

/** The stack as its file says against what is at the sites that answer. */
export function compare(situation: Situation): Compared {
  const active = activeView(situation)
  const found = situation.sites.flatMap((view): readonly Difference[] => {
    const role = view.answer?.observed.claim?.claim.role
    if (view.answer === undefined) return []
    if (view === active) return activeDifferences(situation, view)
    return role === 'standby' ? standbyDifferences(situation, view, active) : []
  })
  const everywhere = situation.sites.every((view) => view.answer !== undefined)
  const nowhere: readonly Difference[] =
    active === undefined && everywhere
      ? [{ site: '-', object: situation.stack.name, place: 'claim', what: 'active at no site', by: 'file' }]
      : []
  return { stack: situation.stack.name, differences: [...nowhere, ...found], unseen: unknown(situation, active) }
}

function unknown(situation: Situation, active: SiteView | undefined): readonly string[] {
  const silent = situation.sites.filter((view) => view.answer === undefined).map(unseen)
  const live = active?.answer?.observed.areas.find((each) => each.area.kind === 'stack')?.instances ?? []
  const closed = live
    .filter(({ object, power }) => object.role === 'appliance' && power === 'running')
    .filter(({ object }) => active?.compiled.instances.some((each) => each.name === object.name))
    .filter(({ object }) => active?.answer?.inspected?.[object.name] === undefined)
    .map(({ object }) => `${object.name} at ${active?.site.name} could not be looked into`)
  const files = situation.stack.secrets
    .filter(({ name }) => situation.definition.secrets[name] === undefined)
    .map(({ name, file }) => `secret ${name}: its file ${file} cannot be read, so nothing was compared with it`)
  return [...silent, ...closed, ...files]
}

function activeDifferences(situation: Situation, view: SiteView): readonly Difference[] {
  const site = view.site.name
  const observed = view.answer?.observed
  const live = observed?.areas.find((each) => each.area.kind === 'stack')
  const wanted = view.compiled.instances
  const seen = new Map(live?.instances.map((each) => [each.object.name, each]))
  const extra = [...seen.keys()].filter((name) => !wanted.some((each) => each.name === name))
  return [
    ...definitionDifferences(situation, view),
    ...networksWanted(view, live).map((each) => ({ site, ...each })),
    ...(live?.changed_networks ?? []).flatMap(({ segment, changes }) =>
      changes.map((change) => engineChange(site, `network ${segment}`, change)),
    ),
    ...wanted.flatMap((instance) => instanceDifferences(situation, view, instance, seen.get(instance.name))),
    ...extra.map((object): Difference => {
      const what = 'is there, and not in the stack file'
      return { site, object, place: 'instance', what, by: 'file' }
    }),
  ]
}

/** The stack file and the secrets beside it against those that were deployed. */
export function definitionDifferences(situation: Situation, view: SiteView): readonly Difference[] {
  const held = view.answer?.observed.claim?.claim.definition
  const { definition, stack } = situation
  const site = view.site.name
  const by = view === activeView(situation) ? 'file' : 'standby'
  if (held === undefined) return [{ site, object: 'stack file', place: definition.file, what: 'is not held there', by }]
  const text: readonly Difference[] =
    held.digest === definition.digest
      ? []
      : [
          {
            site,
            object: 'stack file',
            place: definition.file,
            what: by === 'file' ? 'is not what was deployed' : 'is not what it would launch',
            by,
            texts: { wanted: definition.text, found: held.text },
          },
        ]
  const secrets = stack.secrets.flatMap(({ name }): readonly Difference[] => {
    const [mine, theirs] = [definition.secrets[name], held.secrets[name]]
    if (mine === undefined || mine === theirs) return []
    const what = `SHA-256 ${theirs?.slice(0, 12) ?? 'of nothing'}, the file has ${mine.slice(0, 12)}`
    return [{ site, object: `secret ${name}`, place: 'claim', what, by }]
  })
  return [...text, ...secrets]
}

function instanceDifferences(
  situation: Situation,
  view: SiteView,
  instance: CompiledInstance,
  seen: ObservedInstance | undefined,
): readonly Difference[] {
  const site = view.site.name
  const object = instance.name
  if (seen === undefined) return [{ site, object, place: 'instance', what: 'is not there', by: 'hand' }]
  const wanted = instanceObject(instance, stackArea(situation.stack.name), view, situation.definition.secrets)
  const hands = (seen.by_hand ?? []).map((change) => engineChange(site, object, change))
  const power: readonly Difference[] =
    seen.power === 'running'
      ? []
      : [{ site, object, place: 'power', what: `is ${seen.power}, not running`, by: 'hand' }]
  const causes = [
    ...imageDifference(view, instance, seen),
    ...(JSON.stringify(seen.object.nics) === JSON.stringify(wanted.nics)
      ? []
      : [{ site, object, place: 'legs', what: 'has other networks, MACs or interfaces', by: 'file' as const }]),
    ...(instance.kind === 'appliance' ? applianceDifferences(situation, view, instance) : []),
  ]
  const untold: readonly Difference[] =
    seen.object.digest === wanted.digest || causes.some(({ by }) => by === 'file')
      ? []
      : [
          {
            site,
            object,
            place: 'definition',
            what: `made as ${seen.object.digest}, wanted is ${wanted.digest}`,
            by: 'file',
          },
        ]
  return [...hands, ...power, ...causes, ...untold]
}

/** A stateful machine outlives its image. */
function imageDifference(view: SiteView, instance: CompiledInstance, seen: ObservedInstance): readonly Difference[] {
  const image = imageOf(instance)
  const now = view.answer?.survey.images[image]
  if ((instance.kind === 'machine' && instance.stateful) || seen.made_from === undefined) return []
  if (seen.made_from === now) return []
  const what = `made from ${seen.made_from.slice(0, 12)}; ${image} is ${now?.slice(0, 12) ?? 'not there'} now`
  return [{ site: view.site.name, object: instance.name, place: 'image', what, by: 'file' }]
}

function applianceDifferences(
  situation: Situation,
  view: SiteView,
  appliance: CompiledAppliance,
): readonly Difference[] {
  const found = view.answer?.inspected?.[appliance.name]
  if (found === undefined) return []
  const site = view.site.name
  const object = appliance.name
  const compiled = new Map(appliance.files.map(({ path, text }) => [path, text]))
  const hands = handMade(appliance, found)
  const touched = new Set(hands.map(({ place }) => place))
  const { changed, gone } = unlike(appliance, found, situation.definition.secrets)
  const files = [...changed, ...gone]
    .filter((path) => !touched.has(path))
    .map((place): Difference => {
      const [text, there] = [compiled.get(place), found.files[place]]
      const what =
        there === undefined ? 'is not there' : gone.includes(place) ? 'is there, and not compiled' : 'differs'
      const both = text === undefined || there?.text === undefined ? {} : { texts: { wanted: text, found: there.text } }
      return {
        site,
        object,
        place,
        what: there?.text === undefined ? secretWords(what, there?.sha256) : what,
        by: 'file',
        ...both,
      }
    })
  return [
    ...files,
    ...hands.map(({ place, what, written, found: is }): Difference => {
      const text = written ?? compiled.get(place)
      const both = text === undefined || is === undefined ? {} : { texts: { wanted: text, found: is } }
      return { site, object, place, what, by: 'hand', ...both }
    }),
  ]
}

const secretWords = (what: string, sha256: string | undefined): string =>
  sha256 === undefined ? what : `SHA-256 ${sha256.slice(0, 12)} is not that of the file`

export function engineChange(site: string, object: string, { place, made, found }: HandChange): Difference {
  const what =
    found === undefined
      ? `was removed (${made ?? ''})`
      : `is ${found}${made === undefined ? ', was not set' : `, not ${made}`}`
  return { site, object, place, what, by: 'hand' }
}
