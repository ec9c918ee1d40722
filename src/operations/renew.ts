import type { CompiledAppliance } from '../compile/compiled.ts'
import type { LoadUnit, Step } from '../plan/plan.ts'
import { step } from '../plan/step.ts'
import type { InstanceObject, InstanceRef, ObservedInstance } from '../state/objects.ts'
import { handMade, unitOf, unlike } from './hand-made.ts'
import { beforeName, nextName } from './naming.ts'
import { unconfigured } from './objects.ts'
import type { SiteView, Situation } from './situation.ts'

/** How an appliance that differs becomes what it has to be. */
export type Renewal =
  | { readonly by: 'load'; readonly units: readonly LoadUnit[]; readonly gone: readonly string[] }
  | { readonly by: 'replace'; readonly why: string }

/**
 * What needs no other image, leg or address is loaded into the running appliance and costs no connection; for anything
 * else it is replaced.
 */
export function renewalOf(
  situation: Situation,
  view: SiteView,
  appliance: CompiledAppliance,
  object: InstanceObject,
  seen: ObservedInstance,
): Renewal {
  const replace = (why: string): Renewal => ({ by: 'replace', why })
  if (seen.power !== 'running') return replace(`it was ${seen.power}`)
  const image = view.answer?.survey.images[object.image]
  if (seen.made_from === undefined || seen.made_from !== image) return replace('its image changed')
  if (JSON.stringify(seen.object.nics) !== JSON.stringify(object.nics)) return replace('its legs changed')
  const found = view.answer?.inspected?.[appliance.name]
  if (found?.written === undefined) return replace('it does not tell what was written into it')
  const { changed, gone } = unlike(appliance, found, situation.definition.secrets)
  const hands = handMade(appliance, found)
  const stubborn = [...changed, ...gone].find((path) => unitOf(path) === undefined)
  if (stubborn !== undefined) return replace(`${stubborn} changed`)
  const role = programs.find(
    (path) => (found.files[path] === undefined) !== !appliance.files.some((file) => file.path === path),
  )
  if (role !== undefined) return replace(`${role} is new or gone`)
  const units = [...changed.map(unitOf), ...gone.map(unitOf), ...hands.map(({ unit }) => unit)]
  return { by: 'load', units: order.filter((unit) => units.includes(unit)), gone }
}

/** With or without these an appliance is another kind of thing. */
const programs = ['/etc/haproxy/haproxy.cfg', '/etc/dnsmasq.conf']

/** Names before the balancer, rules last: a new service is there when clients are let through. */
const order: readonly LoadUnit[] = ['dnsmasq', 'haproxy', 'nft']

type Target = {
  readonly view: SiteView
  readonly appliance: CompiledAppliance
  readonly object: InstanceObject
  readonly seen: ObservedInstance
  readonly after: readonly string[]
}

export function loadStep({ view, appliance, object, seen, after }: Target, renewal: Renewal & { by: 'load' }): Step {
  const instance = { area: object.area, name: appliance.name }
  const { units, gone } = renewal
  const before = { do: 'load-back', instance, units, digest: object.digest, before: seen.object.digest } as const
  return step(
    'swap',
    view.site.name,
    `load ${appliance.name}`,
    {
      do: 'load',
      instance,
      files: appliance.files,
      secrets: appliance.secrets,
      secrets_from: { kind: 'files' },
      gone,
      units,
      digest: object.digest,
    },
    `${units.map((unit) => words[unit]).join(', ') || 'files'}: no connection is lost`,
    { after, undo: [before] },
  )
}

const words: Readonly<Record<LoadUnit, string>> = {
  nft: 'rules in one transaction',
  haproxy: 'balancer by hand-over of its sockets',
  dnsmasq: 'addresses and names',
}

/**
 * Replacements are built beside what they replace and tried without legs, so that what does not start or is not taken by
 * its own program costs no outage. Then all swap together: names, legs, MACs and so the leases are those of before. What
 * was replaced stays, stopped, until clients were answered; a failure until then swaps back.
 */
export function replaceSteps(
  situation: Situation,
  targets: readonly (Target & { readonly why: string })[],
): readonly Step[] {
  const built = targets.flatMap(build)
  const ready = targets.map(({ appliance }) => `rest ${nextName(appliance.name)}`)
  return [...built, ...targets.flatMap((target) => swap(target, ready)), ...felt(situation, targets)]
}

function build({ view, appliance, object, why, after }: Target & { readonly why: string }): readonly Step[] {
  const site = view.site.name
  const ref: InstanceRef = { area: object.area, name: nextName(appliance.name) }
  const networks = appliance.legs.map((leg) => `network ${leg.to === 'segment' ? leg.segment : leg.to}`)
  const one = (verb: string, action: Step['action'], reason: string, more: Parameters<typeof step>[5] = {}) =>
    step('build', site, `${verb} ${ref.name}`, action, reason, more)
  return [
    one('make', { do: 'instance', instance: { ...object, name: ref.name, digest: unconfigured } }, why, {
      after: [after, networks],
      undo: [{ do: 'remove-instance', instance: ref }],
    }),
    one(
      'configure',
      {
        do: 'configure',
        instance: ref,
        files: appliance.files,
        secrets: appliance.secrets,
        secrets_from: { kind: 'files' },
        digest: object.digest,
      },
      `${appliance.files.length} files compiled from the stack file`,
      { after: [`make ${ref.name}`] },
    ),
    one('unplug', { do: 'cut-legs', instance: ref, cut: true, which: 'all' }, 'two with the same addresses', {
      after: [`make ${ref.name}`],
    }),
    one('try', { do: 'power', instance: ref, verb: 'start', within_s: 60 }, 'before anything is swapped', {
      after: [`configure ${ref.name}`, `unplug ${ref.name}`],
      undo: [{ do: 'power', instance: ref, verb: 'kill', within_s: 30 }],
    }),
    one('check', { do: 'sound', instance: ref, plugged: false, within_s: 20 }, 'its own programs take its files', {
      after: [`try ${ref.name}`],
    }),
    one('rest', { do: 'power', instance: ref, verb: 'kill', within_s: 10 }, 'it was tried', {
      after: [`check ${ref.name}`],
    }),
  ]
}

function swap({ view, appliance, object, seen }: Target, ready: readonly string[]): readonly Step[] {
  const site = view.site.name
  const { name } = appliance
  const [ref, next, before] = [name, nextName(name), beforeName(name)].map((each) => ({
    area: object.area,
    name: each,
  })) as [InstanceRef, InstanceRef, InstanceRef]
  const one = (id: string, action: Step['action'], reason: string, more: Parameters<typeof step>[5] = {}) =>
    step('swap', site, id, action, reason, more)
  const runs = seen.power === 'running'
  return [
    one(`stop ${name}`, { do: 'power', instance: ref, verb: 'stop', within_s: 3 }, 'the outage begins', {
      after: ready,
      undo: runs ? [{ do: 'power', instance: ref, verb: 'start', within_s: 60 }] : [],
    }),
    one(`set ${name} aside`, { do: 'rename', instance: ref, name: before.name }, 'to swap back', {
      after: [`stop ${name}`],
      undo: [{ do: 'rename', instance: before, name }],
    }),
    // An engine may refuse a leg whose MAC another instance has, also where that one is stopped.
    one(
      `unplug ${before.name}`,
      { do: 'cut-legs', instance: before, cut: true, which: 'all' },
      'its MACs go to the other',
      {
        after: [`set ${name} aside`],
        undo: [{ do: 'cut-legs', instance: before, cut: false, which: 'all' }],
      },
    ),
    one(`put ${next.name} in place`, { do: 'rename', instance: next, name }, 'the same name', {
      after: [`set ${name} aside`],
      undo: [{ do: 'rename', instance: ref, name: next.name }],
    }),
    one(`plug ${name}`, { do: 'cut-legs', instance: ref, cut: false, which: 'all' }, 'the same MACs', {
      after: [`put ${next.name} in place`, `unplug ${before.name}`],
      undo: [{ do: 'cut-legs', instance: ref, cut: true, which: 'all' }],
    }),
    one(`start ${name}`, { do: 'power', instance: ref, verb: 'start', within_s: 60 }, 'the same addresses', {
      after: [`plug ${name}`],
      undo: [{ do: 'power', instance: ref, verb: 'kill', within_s: 30 }],
    }),
    one(`check ${name}`, { do: 'sound', instance: ref, plugged: true, within_s: 30 }, 'it serves on its legs', {
      after: [`start ${name}`],
    }),
  ]
}

/** Clients ask from the moment at which the first one stops. */
function felt(situation: Situation, targets: readonly Target[]): readonly Step[] {
  const check = situation.stack.checks[0]
  const site = targets[0]?.view.site.name
  if (check === undefined || site === undefined) return []
  return situation.clients.map((place) =>
    step(
      'swap',
      site,
      `felt at ${place.name}`,
      {
        do: 'felt',
        place: place.name,
        check: { method: check.method, url: check.url, status: check.status },
        within_s: 60,
        // A lost SYN is sent again after a second: a new try is sooner.
        try_s: 0.5,
        every_ms: 100,
      },
      'the outage as a client sees it',
      { after: targets.map(({ appliance }) => `stop ${appliance.name}`), optional: true },
    ),
  )
}

/** What was replaced goes when everything was seen to be good. */
export function clearSteps(targets: readonly Target[], after: readonly string[]): readonly Step[] {
  return targets.map(({ view, appliance, object }) => {
    const instance = { area: object.area, name: beforeName(appliance.name) }
    return step('clean', view.site.name, `drop ${instance.name}`, { do: 'remove-instance', instance }, 'replaced', {
      after,
      optional: true,
    })
  })
}
