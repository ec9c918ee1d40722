import { type Finding, type GuestFreeze, type Planned, refuse, type Step } from '../plan/plan.ts'
import { ids, step } from '../plan/step.ts'
import type { Keep } from '../stack/stack.ts'
import type { InstanceObject, Point } from '../state/objects.ts'
import { leastAt, rateWords } from '../state/wan.ts'
import { clocks } from './clocks.ts'
import { bubbleFindings } from './drill-owner.ts'
import { expire } from './expire.ts'
import { appliancesOf, statefulOf, withoutMissing } from './launch.ts'
import { isSpare, keepArea, keptName, pointIn, pointName, preparedName, replicaArea, stackArea } from './naming.ts'
import { instanceObject, unconfigured } from './objects.ts'
import { resumePaused } from './paused.ts'
import { kept } from './retention.ts'
import { activeView, isWhole, type SiteView, type Situation, unseen, viewOf } from './situation.ts'
import { activeNearlyFull, isError, lacks, rawFindings } from './survey.ts'
import { watchSteps, watchTouches, withoutWatch } from './watch.ts'

/** Without a byte of progress for so long a transfer is given up; a link that is down shows no error by itself. */
const stall_s = 15

/** One cycle: a new complete point at the standby, and all that a launch there needs beside data. */
export function planReplicate(situation: Situation): Planned {
  const pair = pairOf(situation)
  if ('refused' in pair) return goOn(situation, pair)
  const { active, standby } = pair
  const missing = lacks(situation, standby)
  const point = {
    name: pointName(situation.now),
    machines: statefulOf(active).map((machine) => machine.name),
    digest: situation.definition.digest,
  }
  const room = makeRoom(situation, active, standby)
  const steps = withoutMissing([
    ...roles(situation, active, standby),
    ...watchSteps(situation, standby),
    ...prepare(situation, active, standby),
    ...room,
    ...cycle(situation, active, standby, point, ids([...roles(situation, active, standby), ...room])),
    ...prune(situation, active, standby, point.name).filter((each) => !ids(room).includes(each.id)),
    ...withoutWatch(active),
    ...expire(situation, active, standby, point.name, keepOf(situation)),
  ])
  return {
    plan: {
      verb: 'replicate',
      stack: situation.stack.name,
      made_at: situation.now.toISOString(),
      summary: `point ${point.name} of ${point.machines.join(' ') || 'no stateful machine'} from ${active.site.name} to ${standby.site.name}`,
      steps,
      touches: watchTouches(situation, standby),
      not_tested: ['whether the stack comes up from this point: a drill shows that'],
      point: undefined,
      // The data is worth having also where a launch would still fail; what is missing is told with every cycle.
      undoable: true,
      findings: [
        ...missing.map((finding) =>
          isError(finding)
            ? { ...finding, level: 'warning' as const, what: `standby not ready: ${finding.what}` }
            : finding,
        ),
        ...bubbleFindings(situation),
        ...activeNearlyFull(active),
        ...clocks(situation),
        ...limits(situation, [active, standby]),
      ],
    },
  }
}

/** The line is the receiving site's to hold: the engine has no limit. */
function limits({ now }: Situation, [active, standby]: readonly [SiteView, SiteView]): readonly Finding[] {
  const limit_bps = leastAt([active.site.wan, standby.site.wan], now)
  if (limit_bps === undefined) return []
  const held = standby.site.wan?.relay !== undefined
  return [
    {
      level: held ? 'note' : 'warning',
      what: held
        ? `transfers are limited to ${rateWords(limit_bps)} now, by a relay`
        : `transfers are not limited to ${rateWords(limit_bps)}: the engine cannot, and ${standby.site.name} has no wan.relay`,
      hint: held ? undefined : 'name a relay in the site file, or shape the line itself',
      needs: undefined,
    },
  ]
}

/** No point can be taken, but what was left paused at the active site does not have to wait for that. */
function goOn(situation: Situation, refusal: Extract<Planned, { refused: unknown }>): Planned {
  const active = activeView(situation)
  const steps = active === undefined ? [] : resumePaused(active, situation.stack.name)
  if (active === undefined || steps.length === 0) return refusal
  return {
    plan: {
      verb: 'replicate',
      stack: situation.stack.name,
      made_at: situation.now.toISOString(),
      summary: `no point: only ${ids(steps).join(', ')} at ${active.site.name}`,
      steps,
      touches: [],
      not_tested: [],
      point: undefined,
      undoable: true,
      findings: [
        ...refusal.refused.map(
          (each): Finding => ({ ...each, level: 'warning', what: `no point was taken: ${each.what}` }),
        ),
        ...rawFindings(situation),
      ],
    },
  }
}

type Pair = { readonly active: SiteView; readonly standby: SiteView }

function pairOf(situation: Situation): Pair | Extract<Planned, { refused: unknown }> {
  const { stack } = situation
  const no = (what: string, hint?: string) => refuse(what, hint) as Extract<Planned, { refused: unknown }>
  const active = activeView(situation)
  if (active === undefined) {
    const silent = situation.sites.find((view) => view.answer === undefined)
    return silent === undefined
      ? no(`${stack.name} is active nowhere`, `lifeboat deploy it first`)
      : no(
          `nothing is known of an active site of ${stack.name}: ${unseen(silent)}`,
          'unreachable does not mean down: nothing was changed',
        )
  }
  const peer = active.answer?.observed.claim?.claim.peer ?? stack.protect?.standby
  if (peer === undefined)
    return no(`${stack.name} has no standby`, 'add protect: { standby: SITE } to the stack file and deploy')
  const standby = viewOf(situation, peer)
  if (standby === undefined) return no(`the standby "${peer}" is not in the site file`)
  if (standby.answer === undefined)
    return no(`the standby ${unseen(standby)}`, 'the last complete point there is untouched; try again when it answers')
  if (active.site.replication_url === undefined)
    return no(`${active.site.name} has no replication-url`, 'say in the site file how the other site reaches it')
  const claim = standby.answer.observed.claim?.claim
  if (claim !== undefined && claim.role !== 'standby') {
    return no(
      `${peer} is ${claim.role} under epoch ${claim.epoch} and still holds its own copy`,
      `lifeboat reprotect ${stack.name} sets it aside and makes ${peer} the standby; lifeboat failback ${stack.name} also moves back`,
    )
  }
  return { active, standby }
}

/** Machines left paused go on, the standby knows its role, the areas are there. */
function roles(situation: Situation, active: SiteView, standby: SiteView): readonly Step[] {
  const { stack } = situation
  const own = active.answer?.observed.claim?.claim
  const at = standby.answer?.observed
  const steps = [...resumePaused(active, stack.name)]
  const claim = at?.claim
  if (claim === undefined || renews(situation, active, standby)) {
    const held = heldPoints(situation, active, standby)
    const next = {
      stack: stack.name,
      role: 'standby' as const,
      epoch: own?.epoch ?? 1,
      peer: active.site.name,
      decided: { by: situation.by, at: situation.now.toISOString(), why: `standby of ${active.site.name}` },
      points: claim?.claim.points.filter((each) => held.has(each.name)) ?? [],
      launched: undefined,
      definition: situation.definition,
      proof: claim?.claim.proof,
      drilling: claim?.claim.drilling,
      rescues: claim?.claim.rescues,
    }
    steps.push(
      step(
        'claim',
        standby.site.name,
        'claim',
        { do: 'claim', expect: claim?.version, next },
        claim === undefined ? 'first cycle to this standby' : 'the stack file or the epoch changed',
      ),
    )
  }
  for (const each of [replicaArea(stack.name), keepArea(stack.name)]) {
    if (at?.areas.some((seen) => seen.area.kind === each.kind)) continue
    steps.push(
      step(
        'prepare',
        standby.site.name,
        `area ${each.kind}`,
        { do: 'area', area: each },
        each.kind === 'replica' ? 'what is received' : 'what no transfer touches',
        { after: ['claim'] },
      ),
    )
  }
  return steps
}

/** The claim of the standby is written anew when the stack file or the epoch changed. */
function renews(situation: Situation, active: SiteView, standby: SiteView): boolean {
  const claim = standby.answer?.observed.claim?.claim
  const epoch = active.answer?.observed.claim?.claim.epoch
  return claim?.epoch !== epoch || claim?.definition?.digest !== situation.definition.digest
}

/** The points that the standby has before this cycle. A stack file that keeps fewer takes effect at once: the pool may be full. */
function heldPoints(situation: Situation, active: SiteView, standby: SiteView): ReadonlySet<string> {
  const points = standby.answer?.observed.claim?.claim.points ?? []
  if (renews(situation, active, standby)) return kept(points, keepOf(situation))
  return new Set(points.map((point) => point.name))
}

export const keepOf = (situation: Situation): Keep => situation.stack.protect?.keep ?? { last: 24, hourly: 0, daily: 0 }

/** Clones of points that are gone from the claim, or never got there, make room before anything is received. */
function makeRoom(situation: Situation, active: SiteView, standby: SiteView): readonly Step[] {
  const held = heldPoints(situation, active, standby)
  const clones = standby.answer?.observed.areas.find((each) => each.area.kind === 'keep')?.instances ?? []
  return clones.flatMap((each) => {
    const point = pointIn(each.object.name)
    if (point === undefined || held.has(point)) return []
    return [dropClone(standby, each.object, 'of a point that is no longer kept, or was never complete', ['claim'])]
  })
}

/** Appliances with their configuration and secrets, and stateless machines, ready to be cloned at the standby. */
export function prepare(situation: Situation, active: SiteView, standby: SiteView): readonly Step[] {
  const { stack } = situation
  const site = standby.site.name
  const area = replicaArea(stack.name)
  const steps: Step[] = []
  const wanted = preparedObjects(situation, standby)
  const seen = standby.answer?.observed.areas.find((each) => each.area.kind === 'replica')?.instances ?? []
  const whole = seen.filter(isWhole)
  for (const { instance, object } of wanted) {
    if (whole.some((each) => each.object.name === object.name && each.object.digest === object.digest)) continue
    if (standby.answer?.survey.images[object.image] === undefined) continue
    const made = `prepare ${instance.name}`
    const started = instance.kind === 'appliance' ? { ...object, digest: unconfigured } : object
    const partial = whole.some((each) => each.object.name === object.name)
    if (!partial) {
      steps.push(
        step('prepare', site, made, { do: 'instance', instance: started }, 'a launch at the standby clones it', {
          after: ['area replica', 'claim'],
          optional: true,
        }),
      )
    }
    if (instance.kind === 'appliance') {
      steps.push(
        step(
          'prepare',
          site,
          `configure ${instance.name}`,
          {
            do: 'configure',
            instance: { area, name: object.name },
            files: instance.files,
            secrets: instance.secrets,
            secrets_from: {
              kind: 'appliance',
              site: active.site.name,
              instance: { area: stackArea(stack.name), name: instance.name },
            },
            digest: object.digest,
          },
          `${instance.files.length} files compiled for ${site}`,
          { after: [partial ? undefined : made], optional: true },
        ),
      )
    }
  }
  const names = new Set(wanted.map(({ object }) => object.name))
  const replicas = new Set(statefulOf(standby).map((machine) => machine.name))
  for (const each of seen) {
    if (names.has(each.object.name) || replicas.has(each.object.name)) continue
    steps.push(
      step(
        'clean',
        site,
        `remove ${each.object.name}`,
        { do: 'remove-instance', instance: { area, name: each.object.name } },
        'prepared for an older stack file',
        {
          after: ['complete'],
          optional: true,
        },
      ),
    )
  }
  return steps
}

/** What the standby has to have prepared, and under which name; a launch there clones these. */
export function preparedObjects(situation: Situation, standby: SiteView) {
  const area = replicaArea(situation.stack.name)
  const machines = standby.compiled.instances
    .filter((instance) => instance.kind === 'machine')
    .filter((machine) => !machine.stateful)
  return [...appliancesOf(standby), ...machines].map((instance) => {
    const full = instanceObject(instance, area, standby, situation.definition.secrets)
    const object: InstanceObject = { ...full, name: preparedName(instance.name, full.digest), nics: [] }
    return { instance, object }
  })
}

/**
 * The steps from the checkpoint to the complete point. `stopped` machines need no pause and no freeze; `keep` names the
 * points that stay in the claim where it is not for retention to say.
 */
export function cycle(
  situation: Situation,
  active: SiteView,
  standby: SiteView,
  point: Pick<Point, 'name' | 'machines' | 'digest'>,
  after: readonly string[],
  more: { readonly stopped?: boolean; readonly keep?: readonly string[] } = {},
): readonly Step[] {
  const { stack } = situation
  const [from, to] = [active.site.name, standby.site.name]
  const live = stackArea(stack.name)
  const machines = statefulOf(active)
  const refs = machines.map((machine) => ({ area: live, name: machine.name }))
  const guests = (more.stopped === true ? [] : machines).flatMap((machine): readonly GuestFreeze[] => {
    const freeze = stack.machines.find((group) => group.name === machine.group)?.freeze
    return freeze === undefined ? [] : [{ instance: { area: live, name: machine.name }, ...freeze }]
  })
  const checkpoint = step(
    'pause',
    from,
    'checkpoint',
    {
      do: 'checkpoint',
      instances: refs,
      name: point.name,
      consistency: more.stopped === true ? 'each' : (stack.protect?.consistency ?? 'together'),
      guests,
    },
    `${machines.map((machine) => machine.name).join(' ') || 'nothing'} at one instant`,
    {
      after,
      undo: [
        { do: 'unpause', stack: stack.name, instances: refs, guests },
        ...refs.map((instance) => ({ do: 'remove-snapshot' as const, instance, snapshot: point.name })),
      ],
    },
  )
  const received = machines.flatMap((machine) => {
    const replica: InstanceObject = { ...instanceObject(machine, replicaArea(stack.name), standby, {}), nics: [] }
    const target: InstanceObject = { ...replica, area: keepArea(stack.name), name: keptName(machine.name, point.name) }
    const source = { area: live, name: machine.name }
    return [
      step(
        'transfer',
        to,
        `receive ${machine.name}`,
        { do: 'receive', source: from, from: source, to: replica, snapshot: point.name, stall_s },
        `${machine.name} from ${from}`,
        // Nothing is taken back: on a link that died the receiving end is busy for as long as it does not know, and the
        // next transfer removes every snapshot that the source has no more.
        { after: ['checkpoint'] },
      ),
      step(
        'keep',
        to,
        `keep ${machine.name}`,
        { do: 'clone', from: { area: replicaArea(stack.name), name: machine.name, snapshot: point.name }, target },
        'proves that it arrived, and is out of reach of transfers',
        {
          after: [`receive ${machine.name}`],
          undo: [{ do: 'remove-instance', instance: { area: keepArea(stack.name), name: target.name } }],
        },
      ),
    ]
  })
  const complete = step(
    'keep',
    to,
    'complete',
    {
      do: 'complete',
      stack: stack.name,
      point,
      checkpoint_step: 'checkpoint',
      receive_steps: machines.map((machine) => `receive ${machine.name}`),
      keep: more.keep ?? staying(situation, standby, point.name),
    },
    'from here on the point exists',
    {
      after: machines.length === 0 ? ['checkpoint'] : machines.map((machine) => `keep ${machine.name}`),
      point_of_no_return: true,
    },
  )
  return [checkpoint, ...received, complete]
}

/** Names of the points that stay beside a new one. */
function staying(situation: Situation, standby: SiteView, point: string): readonly string[] {
  const old = standby.answer?.observed.claim?.claim.points ?? []
  const names = kept([{ name: point, taken_at: situation.now.toISOString() }, ...old], keepOf(situation))
  return old.map((each) => each.name).filter((name) => names.has(name))
}

/** The source keeps the newest snapshot, the parent of the next cycle; the standby keeps what its retention says. */
export function prune(situation: Situation, active: SiteView, standby: SiteView, point: string): readonly Step[] {
  const stay = new Set([point, ...staying(situation, standby, point)])
  const sources = active.answer?.observed.areas.find((each) => each.area.kind === 'stack')?.instances ?? []
  const clones = standby.answer?.observed.areas.find((each) => each.area.kind === 'keep')?.instances ?? []
  const extra = { after: ['complete'], optional: true }
  return [
    ...sources.flatMap((each) =>
      each.snapshots
        .filter((snapshot) => isPoint(snapshot) && snapshot !== point)
        .map((snapshot) =>
          step(
            'clean',
            active.site.name,
            `drop ${each.object.name} ${snapshot}`,
            { do: 'remove-snapshot', instance: { area: each.object.area, name: each.object.name }, snapshot },
            'the next cycle does not need it',
            extra,
          ),
        ),
    ),
    ...clones
      .filter((each) => isSpent(each.object.name, stay))
      .map((each) =>
        dropClone(
          standby,
          each.object,
          isSpare(each.object.name) ? 'the new point has all that it has' : 'beyond retention',
          ['complete'],
        ),
      ),
  ]
}

/** What was set aside for a person is of no point, and stays. */
function isSpent(name: string, stay: ReadonlySet<string>): boolean {
  const point = pointIn(name)
  return point === undefined ? isSpare(name) : !stay.has(point)
}

function dropClone(standby: SiteView, { area, name }: InstanceObject, reason: string, after: readonly string[]): Step {
  const action = { do: 'remove-instance', instance: { area, name } } as const
  return step('clean', standby.site.name, `drop ${name}`, action, reason, { after, optional: true })
}

const isPoint = (snapshot: string): boolean => /^p\d{8}-\d{6}-\d{3}$/.test(snapshot)
