import type { CompiledAppliance, CompiledInstance } from '../compile/compiled.ts'
import { type Finding, type Planned, refuse, type Step } from '../plan/plan.ts'
import { ids, step } from '../plan/step.ts'
import type {
  Area,
  Claim,
  Claimed,
  HandChange,
  InstanceObject,
  InstanceRef,
  ObservedInstance,
} from '../state/objects.ts'
import { clocks } from './clocks.ts'
import { handMade } from './hand-made.ts'
import { announcers, ingress, notTested, outsideLegs, touchPoints } from './ingress.ts'
import { launch, type Origin, start, withoutMissing } from './launch.ts'
import { stackArea } from './naming.ts'
import { instanceObject, unconfigured } from './objects.ts'
import { physicalCount } from './physical.ts'
import { droppedTouches, dropSteps } from './records.ts'
import { clearSteps, loadStep, type Renewal, renewalOf, replaceSteps } from './renew.ts'
import { renewStandby } from './renew-standby.ts'
import { activeView, isWhole, type SiteView, type Situation, unseen, viewOf } from './situation.ts'
import { dnsFindings, isError, lacks, lacksByFiles } from './survey.ts'

export type DeployRequest = {
  /** Where; undefined: where the stack is active, else the site that is not its standby. */
  readonly site: string | undefined
  /** Instances that are no longer in the stack file and may be removed with their data. */
  readonly remove: readonly string[]
  /** Instances whose changes by hand may be lost. */
  readonly overwrite?: readonly string[] | undefined
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
    changeOf(situation, view, instance, seen.get(instance.name), request.overwrite ?? []),
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
  const first_of_all = [...opening, ...removals].map((each) => each.id)
  const before = changes
    .flatMap((change) => (change.kind === 'make' || change.kind === 'start' ? change.before : []))
    .map((each) => (each.action.do === 'cut-legs' ? { ...each, after: first_of_all } : each))
  const renewed = changes.flatMap((change) =>
    change.kind === 'renew' ? [{ ...change, view, after: first_of_all }] : [],
  )
  const loads = renewed.flatMap((each) => (each.renewal.by === 'load' ? [loadStep(each, each.renewal)] : []))
  const replaced = renewed.flatMap((each) =>
    each.renewal.by === 'replace' ? [{ ...each, why: each.renewal.why }] : [],
  )
  const swaps = [...loads, ...replaceSteps(situation, replaced)]
  const restarts = changes.flatMap((change) =>
    change.kind === 'start'
      ? start(view, area, change.instance, ...change.before.map((each) => each.id), ...opening.map((each) => each.id))
      : [],
  )
  const untouched = changes.every((change) => change.kind === 'same') && gone.length === 0
  const after_swap = [...loads.map((each) => each.id), ...replaced.map((each) => `check ${each.appliance.name}`)]
  const rest = [
    ...launch({ view, area, make, after: [...first_of_all, ...replacedBy(before)] }),
    ...restarts,
    ...ingress(situation, view, area, first, 'deploy'),
  ].map((each) => (comes_after.has(each.phase) ? { ...each, after: [...each.after, ...after_swap] } : each))
  const afterwards = [...clearSteps(replaced, ['definition']), ...renewStandby(situation, view)]
  const dropped = dropSteps(situation, view, [...after_swap, ...rest.map((each) => each.id)])
  const made = [...opening, ...removals, ...before, ...swaps, ...rest, ...dropped]
  const steps = withoutMissing([
    ...made,
    step(
      'verify',
      site,
      'definition',
      { do: 'definition', stack: situation.stack.name, definition: situation.definition },
      'the site holds what it runs',
      {
        after: ids(made),
        // What follows lets go of what a way back would need.
        point_of_no_return: afterwards.length > 0,
      },
    ),
    ...afterwards,
  ])
  const standby = viewOf(situation, situation.stack.protect?.standby ?? '')
  // It is needed there only in the hour of need, when nobody has time to agree on it.
  const later = standby === undefined ? [] : lacksByFiles(situation, standby)
  const findingsAll: Finding[] = [
    ...findings,
    ...later.map((each): Finding => ({ ...each, level: 'warning', needs: undefined })),
    ...(back === undefined ? leftAlone(view, changes) : []),
    ...costs(changes),
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
      touches: [...touchPoints(situation, view, 'deploy'), ...droppedTouches(situation, view)],
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
  | { readonly kind: 'start'; readonly instance: CompiledInstance; readonly before: readonly Step[] }
  | {
      readonly kind: 'renew'
      readonly instance: CompiledInstance
      readonly appliance: CompiledAppliance
      readonly object: InstanceObject
      readonly seen: ObservedInstance
      readonly renewal: Renewal
    }
  | { readonly kind: 'refused'; readonly instance: CompiledInstance; readonly finding: Finding }

function changeOf(
  situation: Situation,
  view: SiteView,
  instance: CompiledInstance,
  seen: ObservedInstance | undefined,
  overwrite: readonly string[],
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
  const found = view.answer?.inspected?.[instance.name]
  const hands = instance.kind === 'appliance' && found !== undefined ? handMade(instance, found) : []
  if (seen.object.digest === object.digest && hands.length === 0) {
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
    // A swap that was left in the middle has put it in place without its legs.
    const plug = step(
      'start',
      site,
      `plug ${instance.name}`,
      { do: 'cut-legs', instance: ref, cut: false, which: 'all' },
      'it has all its legs',
    )
    return { kind: 'start', instance, before: instance.kind === 'appliance' ? [plug] : [] }
  }
  const renewal = instance.kind === 'appliance' ? renewalOf(situation, view, instance, object, seen) : undefined
  const lost = [
    ...hands.filter((each) => each.down === undefined).map((each) => `${each.place} (${each.what})`),
    ...(renewal?.by === 'load' ? [] : (seen.by_hand ?? []).map(handWords)),
  ]
  const stateful = instance.kind === 'machine' && instance.stateful
  if (lost.length > 0 && !stateful && !overwrite.includes(instance.name)) {
    return {
      kind: 'refused',
      instance,
      finding: {
        level: 'error',
        what: `${instance.name} at ${site} was changed by hand, and that would be lost: ${lost.join('; ')}`,
        hint: `lifeboat diff ${situation.stack.name} shows it; --overwrite ${instance.name} lets it go`,
        needs: 'person',
      },
    }
  }
  if (instance.kind === 'appliance' && renewal !== undefined)
    return { kind: 'renew', instance, appliance: instance, object, seen, renewal }
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

/** Steps that have to find an appliance as it will be. */
const comes_after: ReadonlySet<Step['phase']> = new Set(['start', 'ready', 'ingress', 'verify'])

const handWords = ({ place, made, found }: HandChange): string =>
  found === undefined ? `${place} (removed by hand)` : `${place} = ${found}${made === undefined ? '' : `, not ${made}`}`

/** What was changed in the engine and stays, as its instance does. A launch elsewhere has not got it. */
function leftAlone(view: SiteView, changes: readonly Change[]): readonly Finding[] {
  const stays = new Set(
    changes.flatMap((change) =>
      change.kind === 'make' || (change.kind === 'renew' && change.renewal.by === 'replace')
        ? []
        : change.instance.name,
    ),
  )
  const there = view.answer?.observed.areas.find((each) => each.area.kind === 'stack')?.instances ?? []
  return there.flatMap(({ object, by_hand }): readonly Finding[] => {
    if (!stays.has(object.name) || by_hand === undefined || by_hand.length === 0) return []
    const what = `${object.name} at ${view.site.name} was changed by hand: ${by_hand.map(handWords).join('; ')}`
    return [
      { level: 'warning', what, hint: 'it is left alone; a launch at the other site has not got it', needs: undefined },
    ]
  })
}

/** What a reader should know before an appliance changes under running connections. */
function costs(changes: readonly Change[]): readonly Finding[] {
  const note = (what: string): Finding => ({ level: 'note', what, hint: undefined, needs: undefined })
  const [loaded, replaced] = [renewals(changes, 'load'), renewals(changes, 'replace')]
  return [
    ...(loaded.length === 0
      ? []
      : [note(`${loaded.join(' ')}: connections go on, also those that new rules would not let in`)]),
    ...(replaced.length === 0
      ? []
      : [
          note(
            `${replaced.join(' ')}: connections through it end, its connection tracking is lost; clients connect anew`,
          ),
        ]),
  ]
}

const renewals = (changes: readonly Change[], by: Renewal['by']): readonly string[] =>
  changes.flatMap((change) => (change.kind === 'renew' && change.renewal.by === by ? [change.instance.name] : []))

function summaryOf(changes: readonly Change[], gone: readonly ObservedInstance[]): string {
  const names = (kind: Change['kind']) =>
    changes.filter((change) => change.kind === kind).map((change) => change.instance.name)
  const parts = [
    ['make', names('make')],
    ['load into', renewals(changes, 'load')],
    ['replace', renewals(changes, 'replace')],
    ['start', names('start')],
    ['remove', gone.map((each) => each.object.name)],
  ] as const
  return parts.flatMap(([verb, list]) => (list.length === 0 ? [] : [`${verb} ${list.join(' ')}`])).join('; ')
}
