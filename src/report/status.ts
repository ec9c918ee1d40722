import { formatBytes, formatDuration } from '../lib/duration.ts'
import { clocks } from '../operations/clocks.ts'
import { type BubbleState, bubbleStates } from '../operations/drill-owner.ts'
import { stackArea } from '../operations/naming.ts'
import { instanceObject } from '../operations/objects.ts'
import { resumePaused } from '../operations/paused.ts'
import { preparedObjects } from '../operations/replicate.ts'
import { activeView, type SiteView, type Situation } from '../operations/situation.ts'
import { activeNearlyFull, lacks } from '../operations/survey.ts'
import { watchFindings } from '../operations/watch.ts'
import type { Finding } from '../plan/plan.ts'
import type { Power, Rescue } from '../state/objects.ts'
import { proofWords } from './proof.ts'

/** Where a stack is, how far behind its standby is, and whether the standby could launch it now. */
export type Status = {
  readonly stack: string
  readonly at: string
  readonly sites: readonly SiteStatus[]
  /** Age of the newest complete point against the target; undefined without a standby or a point. */
  readonly point_age_ms: number | undefined
  readonly rpo_ms: number | undefined
  /** What makes the numbers above doubtful, such as clocks that do not agree. */
  readonly warnings: readonly string[]
  /** `unproven` with the reason, as long as no drill has shown otherwise. */
  readonly proof: string
}

export type SiteStatus = {
  readonly site: string
  readonly answers: boolean
  readonly silence: string | undefined
  /** `unknown` where the site does not answer; undefined where it has no claim. */
  readonly role: 'active' | 'standby' | 'stale' | 'unknown' | undefined
  readonly epoch: number | undefined
  readonly decided: string | undefined
  readonly instances: readonly { readonly name: string; readonly power: Power; readonly in_sync: boolean | undefined }[]
  readonly points: number
  readonly newest_point: string | undefined
  /** Copies of a site that lost its role, kept until a person lets them go. */
  readonly rescues: readonly Rescue[]
  /** Drills that are up, or of which something is left. */
  readonly drills: readonly BubbleState[]
  readonly pool_free_bytes: number | undefined
  /** Why a launch here would fail, or why the standby differs from the active site. */
  readonly not_ready: readonly string[]
}

export function statusOf(situation: Situation): Status {
  const active = activeView(situation)
  const standby = situation.sites.find((view) => view.answer?.observed.claim?.claim.role === 'standby')
  const newest = standby?.answer?.observed.claim?.claim.points[0]
  return {
    stack: situation.stack.name,
    at: situation.now.toISOString(),
    sites: situation.sites.map((view) => siteStatus(situation, view, view === active)),
    point_age_ms: newest === undefined ? undefined : situation.now.getTime() - Date.parse(newest.taken_at),
    rpo_ms: situation.stack.protect === undefined ? undefined : situation.stack.protect.rpo_s * 1000,
    warnings: [
      ...(active === undefined ? [] : [...activeNearlyFull(active), ...paused(situation, active)]),
      ...clocks(situation),
    ].map((each) => (each.hint === undefined ? each.what : `${each.what}: ${each.hint}`)),
    proof: proofWords(situation, standby),
  }
}

/** A cycle pauses machines for a moment; a controller that died in it leaves them so. */
function paused({ stack }: Situation, active: SiteView): readonly Pick<Finding, 'what' | 'hint'>[] {
  const names = resumePaused(active, stack.name).map(({ id }) => id.replace('resume ', ''))
  if (names.length === 0) return []
  const hint = `in a cycle that is a moment; what was left so goes on with: lifeboat guard ${stack.name}`
  return [{ what: `paused at ${active.site.name}: ${names.join(', ')}`, hint }]
}

function siteStatus(situation: Situation, view: SiteView, active: boolean): SiteStatus {
  const observed = view.answer?.observed
  const claim = observed?.claim?.claim
  const live = observed?.areas.find((each) => each.area.kind === 'stack')?.instances ?? []
  const area = stackArea(situation.stack.name)
  return {
    site: view.site.name,
    answers: view.answer !== undefined,
    silence: view.silence,
    role: view.answer === undefined ? 'unknown' : claim?.role,
    epoch: claim?.epoch,
    decided: claim === undefined ? undefined : `${claim.decided.why}, ${claim.decided.by}, ${claim.decided.at}`,
    instances: live.map((each) => {
      const wanted = view.compiled.instances.find((instance) => instance.name === each.object.name)
      const in_sync =
        wanted === undefined
          ? undefined
          : instanceObject(wanted, area, view, situation.definition.secrets).digest === each.object.digest
      return { name: each.object.name, power: each.power, in_sync }
    }),
    points: claim?.points.length ?? 0,
    newest_point: claim?.points[0]?.name,
    rescues: claim?.rescues ?? [],
    drills: bubbleStates(situation, view),
    pool_free_bytes: view.answer?.survey.pool.free_bytes,
    not_ready: active || view.answer === undefined || claim?.role !== 'standby' ? [] : notReady(situation, view),
  }
}

function notReady(situation: Situation, view: SiteView): readonly string[] {
  const replica = view.answer?.observed.areas.find((each) => each.area.kind === 'replica')?.instances ?? []
  const missing = preparedObjects(situation, view)
    .filter(
      ({ object }) => !replica.some((each) => each.object.name === object.name && each.object.digest === object.digest),
    )
    .map(({ instance }) => instance.name)
  return [
    ...lacks(situation, view).flatMap((finding) => (finding.level === 'note' ? [] : [finding.what])),
    ...watchFindings(view).map((finding) => finding.what),
    ...(missing.length === 0 ? [] : [`not prepared as the stack file says: ${missing.join(', ')}`]),
    ...(view.answer?.observed.claim?.claim.points.length === 0 ? ['no complete point'] : []),
  ]
}

export function statusText(status: Status): string {
  const lines = [`${status.stack}  ${status.at}`]
  for (const site of status.sites) {
    lines.push(
      '',
      `  ${site.site}: ${site.answers ? (site.role ?? 'no claim') : `unknown (${site.silence ?? 'silent'})`}${site.epoch === undefined ? '' : `, epoch ${site.epoch}`}`,
    )
    if (site.decided !== undefined) lines.push(`    ${site.decided}`)
    if (site.instances.length > 0)
      lines.push(
        `    ${site.instances.map((each) => `${each.name} ${each.power}${each.in_sync === false ? ' (differs)' : ''}`).join(', ')}`,
      )
    if (site.role === 'standby') lines.push(`    ${site.points} complete points, newest ${site.newest_point ?? 'none'}`)
    for (const rescue of site.rescues)
      lines.push(
        `    set aside: ${rescue.machines.join(' ')} of epoch ${rescue.epoch} (lifeboat rescue ${status.stack})`,
      )
    for (const { drill, state, words } of site.drills)
      lines.push(
        `    drill ${drill}: ${words}${state === 'running' ? '' : ` (lifeboat drill ${status.stack} --remove)`}`,
      )
    for (const reason of site.not_ready) lines.push(`    not ready: ${reason}`)
    if (site.pool_free_bytes !== undefined) lines.push(`    pool: ${formatBytes(site.pool_free_bytes)} free`)
  }
  if (status.point_age_ms !== undefined) {
    const late = status.rpo_ms !== undefined && status.point_age_ms > status.rpo_ms
    const target =
      status.rpo_ms === undefined ? 'no target' : `target ${formatDuration(status.rpo_ms)}${late ? ', missed' : ''}`
    const age =
      status.point_age_ms < 0
        ? `of an unknown age: taken ${formatDuration(-status.point_age_ms)} from now, by this machine's clock`
        : `${formatDuration(status.point_age_ms)} old`
    lines.push('', `  newest complete point: ${age} (${target})`)
  }
  lines.push(`  proof: ${status.proof}`, ...status.warnings.map((each) => `  warning: ${each}`), '')
  return lines.join('\n')
}
