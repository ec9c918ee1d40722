import type { CompiledInstance } from '../compile/compiled.ts'
import { type Finding, type Planned, refuse, type Step } from '../plan/plan.ts'
import { step } from '../plan/step.ts'
import type { Area, Claim, Claimed, InstanceRef, ObservedInstance } from '../state/objects.ts'
import { clocks } from './clocks.ts'
import { announcers, ingress, notTested, outsideLegs, touchPoints } from './ingress.ts'
import { groupsOf, launch, type Origin, start, withoutMissing } from './launch.ts'
import { stackArea } from './naming.ts'
import { instanceObject, unconfigured } from './objects.ts'
import { physicalCount } from './physical.ts'
import { activeView, isWhole, type SiteView, type Situation, unseen, viewOf } from './situation.ts'
import { dnsFindings, isError, lacks, lacksRoutes } from './survey.ts'

export type DeployRequest = {
  /** Where; undefined: where the stack is active, else the site that is not its standby. */
  readonly site: string | undefined
  /** Instances that are no longer in the stack file and may be removed with their data. */
  readonly remove: readonly string[]
}

/** Makes the active site match the stack file. What matches already is left alone. */
export function planDeploy(situation: Situation, request: DeployRequest): Planned {
  const chosen = siteFor(situation, request.site)
  if ('refused' in chosen) return chosen
  const view = chosen
  const findings = lacks(situation, view)
  if (findings.some(isError)) return { refused: findings }
  const claim = view.answer?.observed.claim
  const back = claim === undefined ? undefined : takeBack(situation, view, claim)
  if (claim !== undefined && claim.claim.role !== 'active' && back === undefined) {
    return refuse(
      `${view.site.name} is ${claim.claim.role} for ${situation.stack.name} (epoch ${claim.claim.epoch}), not active`,
      claim.claim.peer === undefined ? undefined : `deploy at ${claim.claim.peer}, or fail over first`,
    )
  }

  const area = stackArea(situation.stack.name)
  const site = view.site.name
  const observed = view.answer?.observed.areas.find((each) => each.area.kind === 'stack')
  const seen = new Map(observed?.instances.filter(isWhole).map((each) => [each.object.name, each]) ?? [])
  const changes = view.compiled.instances.map((instance) =>
    changeOf(situation, view, instance, seen.get(instance.name)),
  )
  const refused = changes.flatMap((change) => (change.kind === 'refused' ? [change.finding] : []))
  const gone = [...seen.values()].filter(
    (each) => !view.compiled.instances.some((instance) => instance.name === each.object.name),
  )
  for (const each of gone) {
    if (each.object.role === 'machine' && !request.remove.includes(each.object.name)) {
      refused.push({
        level: 'error',
        what: `${each.object.name} runs at ${site} but is not in the stack file`,
        hint: `add it again, or remove it with its data: --remove ${each.object.name}`,
        needs: 'person',
      })
    }
  }
  if (refused.length > 0) return { refused }

  const first = claim === undefined
  const opening = first
    ? [
        step(
          'claim',
          site,
          'claim',
          { do: 'claim', expect: undefined, next: firstClaim(situation, view) },
          'nobody is active: epoch 1',
          {
            undo: [{ do: 'release-claim', stack: situation.stack.name }],
          },
        ),
      ]
    : back === undefined
      ? []
      : [back, ...reconnect(situation, view, area, [...seen.keys()], back.id)]
  const removals = gone.flatMap((each) =>
    removal(site, { area, name: each.object.name }, 'no longer in the stack file'),
  )
  const make = new Map<string, Origin>()
  for (const change of changes) if (change.kind === 'make') make.set(change.instance.name, change.origin)
  const before = changes.flatMap((change) =>
    change.kind === 'make' || change.kind === 'reconfigure' || change.kind === 'start' ? change.before : [],
  )
  const restarts = changes.flatMap((change) =>
    change.kind === 'reconfigure' || change.kind === 'start'
      ? start(view, area, change.instance, ...change.before.map((each) => each.id), ...opening.map((each) => each.id))
      : [],
  )
  const untouched = changes.every((change) => change.kind === 'same') && gone.length === 0
  const steps = withoutMissing([
    ...opening,
    ...removals,
    ...before,
    ...launch({ view, area, make, after: [...opening, ...removals].map((each) => each.id).concat(replacedBy(before)) }),
    ...restarts,
    ...ingress(situation, view, area, first, 'deploy'),
    step(
      'verify',
      site,
      'definition',
      { do: 'definition', stack: situation.stack.name, definition: situation.definition },
      'the site holds what it runs',
      {
        after: situation.clients
          .flatMap((place) => situation.stack.checks.map((_, index) => `check ${index + 1} at ${place.name}`))
          .concat(groupsOf(view).map(([group]) => `ready ${group}`)),
      },
    ),
  ])
  const standby = viewOf(situation, situation.stack.protect?.standby ?? '')
  // It is needed there only in the hour of need, when nobody has time to agree on it.
  const later = standby === undefined ? [] : lacksRoutes(situation, standby)
  const findingsAll: Finding[] = [
    ...findings,
    ...later.map((each): Finding => ({ ...each, level: 'warning', needs: undefined })),
    ...clocks(situation),
    ...dnsFindings(view, 'warning'),
  ]
  return {
    plan: {
      verb: 'deploy',
      stack: situation.stack.name,
      made_at: situation.now.toISOString(),
      summary: untouched
        ? `${situation.stack.name} at ${site} matches the stack file already; readiness, name and checks are looked at again`
        : `make ${situation.stack.name} at ${site} match the stack file: ${summaryOf(changes, gone)}`,
      steps,
      touches: touchPoints(situation, view, 'deploy'),
      physical_otherwise: physicalCount(situation.stack, 'comes'),
      not_tested: notTested(situation),
      point: undefined,
      undoable: true,
      findings: findingsAll,
    },
  }
}

/**
 * A move that was given up in the middle, without its journal: the site gave up its claim and nobody took it. Where both
 * sites answer and say so, deploying there again takes the claim back.
 */
function takeBack(situation: Situation, view: SiteView, claimed: Claimed): Step | undefined {
  const { claim } = claimed
  const heir = claim.handed === undefined ? undefined : viewOf(situation, claim.handed.to)
  const theirs = heir?.answer?.observed.claim?.claim
  if (claim.role !== 'stale' || theirs === undefined || theirs.role !== 'standby' || theirs.epoch !== claim.epoch)
    return undefined
  const next: Claim = {
    ...claim,
    role: 'active',
    handed: undefined,
    decided: {
      by: situation.by,
      at: situation.now.toISOString(),
      why: `taken back, as ${heir?.site.name ?? 'nobody'} did not take it`,
    },
  }
  return step('claim', view.site.name, 'claim', { do: 'claim', expect: claimed.version, next }, next.decided.why, {
    undo: [{ do: 'restore-claim', written: next, before: claim }],
  })
}

/** The hand-over cut it off from its clients. */
function reconnect(
  { stack }: Situation,
  view: SiteView,
  area: Area,
  there: readonly string[],
  after: string,
): readonly Step[] {
  const routes = announcers(stack)
    .filter(({ appliance }) => there.includes(appliance))
    .map(({ appliance, prefixes }) =>
      step(
        'claim',
        view.site.name,
        `announce ${appliance} again`,
        { do: 'announcing', instance: { area, name: appliance }, prefixes, announce: true, within_s: 5 },
        'it was withdrawn for a move',
        { after: [after] },
      ),
    )
  const legs = [...new Set(outsideLegs(view).map((each) => each.appliance))]
    .filter((name) => there.includes(name))
    .map((name) =>
      step(
        'claim',
        view.site.name,
        `reconnect ${name}`,
        { do: 'cut-legs', instance: { area, name }, cut: false },
        'it was cut off for a move',
        { after: [after], undo: [{ do: 'cut-legs', instance: { area, name }, cut: true }] },
      ),
    )
  return [...routes, ...legs]
}

function siteFor(situation: Situation, asked: string | undefined): SiteView | { readonly refused: readonly Finding[] } {
  const active = activeView(situation)
  const name =
    asked ??
    active?.site.name ??
    situation.sites.find((view) => view.site.name !== situation.stack.protect?.standby)?.site.name
  const view = name === undefined ? undefined : viewOf(situation, name)
  if (view === undefined) {
    return refuse(
      `there is no site "${name ?? ''}" in the site file`,
      `sites: ${situation.sites.map((each) => each.site.name).join(', ')}`,
    ) as { refused: readonly Finding[] }
  }
  if (active !== undefined && active !== view) {
    return refuse(`${situation.stack.name} is active at ${active.site.name}`, 'deploy there, or move it') as {
      refused: readonly Finding[]
    }
  }
  const standby = situation.stack.protect?.standby
  if (standby === view.site.name && active !== view) {
    return refuse(
      `${view.site.name} is the standby of ${situation.stack.name} in the stack file`,
      'deploy at the other site',
    ) as { refused: readonly Finding[] }
  }
  if (standby !== undefined && viewOf(situation, standby) === undefined) {
    return refuse(
      `the standby "${standby}" of the stack file is not in the site file`,
      `sites: ${situation.sites.map((each) => each.site.name).join(', ')}`,
    ) as { refused: readonly Finding[] }
  }
  const silent = situation.sites.find((each) => each.answer === undefined && each.site.name === standby)
  if (view.answer?.observed.claim === undefined && silent !== undefined) {
    return refuse(
      `${unseen(silent)}; so nobody can tell whether ${situation.stack.name} is active there`,
      'a first deploy needs both sites to answer',
    ) as { refused: readonly Finding[] }
  }
  return view
}

type Change =
  | { readonly kind: 'same'; readonly instance: CompiledInstance }
  | {
      readonly kind: 'make'
      readonly instance: CompiledInstance
      readonly origin: Origin
      readonly before: readonly Step[]
      readonly replaces: boolean
    }
  | { readonly kind: 'reconfigure' | 'start'; readonly instance: CompiledInstance; readonly before: readonly Step[] }
  | { readonly kind: 'refused'; readonly instance: CompiledInstance; readonly finding: Finding }

function changeOf(
  situation: Situation,
  view: SiteView,
  instance: CompiledInstance,
  seen: ObservedInstance | undefined,
): Change {
  const area = stackArea(situation.stack.name)
  const site = view.site.name
  const ref = { area, name: instance.name }
  const object = instanceObject(instance, area, view, situation.definition.secrets)
  const origin: Origin = {
    object: instance.kind === 'appliance' ? { ...object, digest: unconfigured } : object,
    from: undefined,
    finish: configure(view, ref, instance, object.digest, `make ${instance.name}`),
  }
  if (seen === undefined) return { kind: 'make', instance, origin, before: [], replaces: false }
  if (seen.object.digest === object.digest) {
    if (seen.power === 'running') return { kind: 'same', instance }
    if (seen.power === 'paused') {
      const resume = step(
        'start',
        site,
        `resume ${instance.name}`,
        { do: 'power', instance: ref, verb: 'resume', within_s: 10 },
        'it was left paused',
      )
      return { kind: 'start', instance, before: [resume] }
    }
    return { kind: 'start', instance, before: [] }
  }
  const sameLegs = JSON.stringify(seen.object.nics) === JSON.stringify(object.nics)
  if (instance.kind === 'appliance' && sameLegs) {
    const stop = step(
      'stop',
      site,
      `stop ${instance.name}`,
      { do: 'power', instance: ref, verb: 'stop', within_s: 10 },
      'its configuration changed',
    )
    return { kind: 'reconfigure', instance, before: [stop, ...configure(view, ref, instance, object.digest, stop.id)] }
  }
  if (instance.kind === 'machine' && instance.stateful) {
    return {
      kind: 'refused',
      instance,
      finding: {
        level: 'error',
        what: `${instance.name} holds data and its definition changed (image name, segment or address)`,
        hint: 'a stateful machine is not replaced: keep its definition, or take its data elsewhere and remove it first',
        needs: 'person',
      },
    }
  }
  return { kind: 'make', instance, origin, before: removal(site, ref, 'its definition changed'), replaces: true }
}

function configure(
  view: SiteView,
  ref: InstanceRef,
  instance: CompiledInstance,
  digest: string,
  after: string,
): readonly Step[] {
  if (instance.kind === 'machine') return []
  return [
    step(
      'build',
      view.site.name,
      `configure ${instance.name}`,
      {
        do: 'configure',
        instance: ref,
        files: instance.files,
        secrets: instance.secrets,
        secrets_from: { kind: 'files' },
        digest,
      },
      `${instance.files.length} files compiled from the stack file`,
      { after: [after] },
    ),
  ]
}

function removal(site: string, ref: InstanceRef, reason: string): readonly Step[] {
  return [
    step('stop', site, `stop ${ref.name}`, { do: 'power', instance: ref, verb: 'stop', within_s: 20 }, reason),
    step('stop', site, `remove ${ref.name}`, { do: 'remove-instance', instance: ref }, reason, {
      after: [`stop ${ref.name}`],
    }),
  ]
}

const replacedBy = (before: readonly Step[]): readonly string[] =>
  before.filter((each) => each.action.do === 'remove-instance').map((each) => each.id)

function firstClaim(situation: Situation, view: SiteView): Claim {
  return {
    stack: situation.stack.name,
    role: 'active',
    epoch: 1,
    peer: situation.stack.protect?.standby,
    decided: { by: situation.by, at: situation.now.toISOString(), why: `first deploy at ${view.site.name}` },
    points: [],
    launched: undefined,
    definition: undefined,
  }
}

function summaryOf(changes: readonly Change[], gone: readonly ObservedInstance[]): string {
  const names = (kind: Change['kind']) =>
    changes.filter((change) => change.kind === kind).map((change) => change.instance.name)
  const parts = [
    ['make', names('make')],
    ['reconfigure', names('reconfigure')],
    ['start', names('start')],
    ['remove', gone.map((each) => each.object.name)],
  ] as const
  return parts.flatMap(([verb, list]) => (list.length === 0 ? [] : [`${verb} ${list.join(' ')}`])).join('; ')
}
