import { compileWatch, type Watch } from '../compile/watch.ts'
import { digest } from '../lib/digest.ts'
import type { Finding, Step, TouchPoint } from '../plan/plan.ts'
import { step } from '../plan/step.ts'
import type { InstanceObject, InstanceRef, ObservedInstance } from '../state/objects.ts'
import { isWatch, watchArea } from './naming.ts'
import { applianceImage, unconfigured } from './objects.ts'
import type { SiteView, Situation } from './situation.ts'

/** The watch of a stack at its standby: made, kept as the stack and site files say, and asked. All of it may fail: data goes first. */
export function watchSteps(situation: Situation, standby: SiteView): readonly Step[] {
  const wanted = watchOf(situation, standby)
  if (wanted === undefined) return []
  const site = standby.site.name
  const { watch, object } = wanted
  const ref: InstanceRef = { area: object.area, name: object.name }
  const seen = seenWatch(standby)
  const up = seen?.object.digest === object.digest && seen.power === 'running'
  const steps: Step[] = []
  const add = (id: string, action: Step['action'], reason: string, after: readonly string[]) =>
    steps.push(step('prepare', site, id, action, reason, { after, optional: true }))
  if (standby.answer?.observed.areas.some(({ area }) => isWatch(area)) !== true)
    add('area watch', { do: 'area', area: object.area }, 'looks at what a launch would meet', ['claim'])
  const outdated = seen !== undefined && seen.object.digest !== object.digest && seen.object.digest !== unconfigured
  if (outdated) {
    if (seen.power !== 'stopped')
      add('stop watch', { do: 'power', instance: ref, verb: 'kill', within_s: 20 }, 'another is wanted', [])
    add('remove watch', { do: 'remove-instance', instance: ref }, 'another is wanted', ['stop watch'])
  }
  if (seen === undefined || outdated) {
    const bare = { ...object, digest: unconfigured }
    const legs = watch.legs.map((leg) => leg.interface).join(' and ')
    add('make watch', { do: 'instance', instance: bare }, `legs to ${legs}, and nothing behind`, [
      'area watch',
      'remove watch',
    ])
  }
  if (seen?.object.digest !== object.digest) {
    const files = { files: watch.files, secrets: [], secrets_from: { kind: 'files' as const }, digest: object.digest }
    add('configure watch', { do: 'configure', instance: ref, ...files }, `for ${site}`, ['make watch'])
  }
  if (!up)
    add('start watch', { do: 'power', instance: ref, verb: 'start', within_s: 60 }, 'asks for leases', [
      'configure watch',
    ])
  return [...steps, ...reachSteps(situation, standby, up ? quick_s : booting_s)]
}

/** Only the question, where a watch is there; a drill changes nothing beside its bubble. */
export function reachSteps(situation: Situation, standby: SiteView, within_s = quick_s): readonly Step[] {
  const wanted = watchOf(situation, standby)
  if (wanted === undefined || wanted.watch.services.length === 0) return []
  if (within_s === quick_s && !isUp(standby)) return []
  return [
    step(
      'prepare',
      standby.site.name,
      `services at ${standby.site.name}`,
      {
        do: 'reach',
        instance: { area: wanted.object.area, name: wanted.object.name },
        services: wanted.watch.services,
        within_s,
      },
      `${wanted.watch.services.map((each) => each.name).join(', ')}: seen from the watch there`,
      { after: ['start watch'], optional: true },
    ),
  ]
}

/** A watch belongs to a standby: at the active site the stack itself is what sees. */
export function withoutWatch(active: SiteView): readonly Step[] {
  const area = active.answer?.observed.areas.find((each) => isWatch(each.area))
  if (area === undefined) return []
  const site = active.site.name
  const steps = area.instances.flatMap(({ object, power }) => {
    const instance = { area: area.area, name: object.name }
    const stop = step(
      'clean',
      site,
      `stop ${object.name} of ${site}`,
      { do: 'power', instance, verb: 'kill', within_s: 20 },
      `${site} is no standby any more`,
      { after: ['complete'], optional: true },
    )
    return [
      ...(power === 'stopped' ? [] : [stop]),
      step('clean', site, `remove ${object.name} of ${site}`, { do: 'remove-instance', instance }, 'holds nothing', {
        after: ['complete', stop.id],
        optional: true,
      }),
    ]
  })
  return [
    ...steps,
    step('clean', site, `area watch of ${site}`, { do: 'remove-area', area: area.area }, 'empty now', {
      after: ['complete', ...steps.map((each) => each.id)],
      optional: true,
    }),
  ]
}

/** The leases that it holds as long as the site is standby. */
export function watchTouches(situation: Situation, standby: SiteView): readonly TouchPoint[] {
  const wanted = watchOf(situation, standby)
  if (wanted === undefined || seenWatch(standby)?.object.digest === wanted.object.digest) return []
  return wanted.watch.legs.map((leg) => ({
    kind: 'dhcp-lease',
    what: `watch on the ${leg.interface} network of ${standby.site.name} (${leg.mac})`,
  }))
}

export function watchOf(
  situation: Situation,
  standby: SiteView,
): { readonly watch: Watch; readonly object: InstanceObject } | undefined {
  const survey = standby.answer?.survey
  const image = survey?.images[applianceImage]
  const watch = compileWatch(situation.stack, { site: standby.site.name, services: standby.site.services })
  if (watch === undefined || survey === undefined || image === undefined) return undefined
  const there = { outside: survey.outside, services: survey.services_network }
  if (watch.legs.some((leg) => !there[leg.interface])) return undefined
  const object: InstanceObject = {
    type: 'instance',
    area: watchArea(situation.stack.name),
    name: 'watch',
    role: 'appliance',
    image: applianceImage,
    nics: watch.legs.map((leg) => ({ interface: leg.interface, mac: leg.mac, network: leg.interface })),
    digest: digest({ image, legs: watch.legs, files: watch.files }).slice(0, 16),
  }
  return { watch, object }
}

export const isUp = (view: SiteView): boolean => seenWatch(view)?.power === 'running'

function seenWatch(view: SiteView): ObservedInstance | undefined {
  return view.answer?.observed.areas.find(({ area }) => isWatch(area))?.instances[0]
}

/** A service that is there answers in milliseconds. */
const quick_s = 1
/** The watch boots and asks for a lease first. */
const booting_s = 15

/** A watch that asks in vain: a server that knows the appliances' own MACs alone would answer those, so it is no certainty. */
export function leaseFindings(view: SiteView): readonly Finding[] {
  return Object.entries(view.watched?.leases ?? {}).flatMap(([leg, lease]): Finding[] =>
    lease !== undefined
      ? []
      : [
          {
            level: 'warning',
            what: `the watch at ${view.site.name} has no address on its ${leg} leg: no DHCP server answers it`,
            hint: `see why, unless the server knows the MACs that lifeboat show FILE prints and no others`,
            needs: undefined,
          },
        ],
  )
}

/** What the watch of a site told, for a plan or a status. */
export function watchFindings(view: SiteView): readonly Finding[] {
  return view.watched === undefined || view.watched.silent.length === 0
    ? []
    : [
        {
          level: 'warning',
          what: `services at ${view.site.name}: ${view.watched.words}`,
          hint: 'a stack that is launched there would be without; correct the address in the site file, or see why it does not answer there',
          needs: undefined,
        },
      ]
}
