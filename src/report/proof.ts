import type { JournalState } from '../execute/journal.ts'
import { formatDuration } from '../lib/duration.ts'
import { changedSince, partsOf } from '../operations/drill-parts.ts'
import { type SiteView, type Situation, unseen } from '../operations/situation.ts'
import type { Plan } from '../plan/plan.ts'

/** What a drill showed, from its journal; absent members were not seen. */
export type DrillReport = {
  readonly drill: string
  readonly site: string
  readonly verdict: 'passed' | 'failed' | 'open'
  /** From the command to the proof, and from the proof to the end. */
  readonly verdict_ms: number | undefined
  readonly clean_up_ms: number | undefined
  readonly kept: boolean
  readonly checks: readonly { readonly words: string; readonly good: boolean; readonly total_ms: number | undefined }[]
  readonly matrix:
    | {
        readonly pass: number
        readonly stopped: number
        readonly no_evidence: number
        /** Probes that a busy site was too late for at first; undefined where none was sent again. */
        readonly sent_twice?: number
      }
    | undefined
  /** Probes of which nothing could be seen. */
  readonly without_evidence: readonly string[]
  /** Packets at the border, by direction: `left_ldap`, `came_ldap`, `denied_billing`, `refused_outside`. */
  readonly border: Readonly<Record<string, number>> | undefined
  /** Instances of the active site that have run all the time; undefined where that was not seen. */
  readonly untouched: { readonly site: string; readonly instances: number } | undefined
  /** How to look into a bubble that was kept. */
  readonly shell: string | undefined
}

export function drillReport(plan: Plan, state: JournalState): DrillReport | undefined {
  const proof = plan.steps.find((step) => step.action.do === 'prove')
  if (proof?.action.do !== 'prove') return undefined
  const of = (what: string) => plan.steps.filter((step) => step.action.do === what)
  const found = (id: string | undefined) => (id === undefined ? undefined : state.done.get(id))
  const matrix = found(proof.action.matrix_step)
  const counters = found(of('border-counters')[0]?.id)
  const look = of('untouched')[0]
  const seen = found(look?.id)
  const proved_at = found(proof.id)?.at
  const { drill, kept } = proof.action.proof
  return {
    drill,
    site: proof.site,
    verdict: proved_at !== undefined ? 'passed' : state.unwinding !== undefined ? 'failed' : 'open',
    verdict_ms: proved_at === undefined ? undefined : Date.parse(String(proved_at)) - Date.parse(plan.made_at),
    clean_up_ms:
      proved_at === undefined || kept || state.ended === undefined
        ? undefined
        : Date.parse(state.ended.at) - Date.parse(String(proved_at)),
    kept: kept && state.ended?.outcome === 'done',
    checks: of('bubble-check').map((step) => ({
      words: step.reason,
      good: state.done.has(step.id),
      total_ms: state.done.has(step.id) ? Number(found(step.id)?.total_ms) : undefined,
    })),
    matrix:
      matrix === undefined
        ? undefined
        : {
            pass: Number(matrix.pass),
            stopped: Number(matrix.stopped),
            no_evidence: Number(matrix.no_evidence),
            ...(matrix.sent_twice === undefined ? {} : { sent_twice: Number(matrix.sent_twice) }),
          },
    without_evidence: matrix?.without_evidence === undefined ? [] : String(matrix.without_evidence).split('; '),
    border:
      counters === undefined
        ? undefined
        : Object.fromEntries(Object.entries(counters).map(([name, packets]) => [name, Number(packets)])),
    untouched:
      look === undefined || seen === undefined ? undefined : { site: look.site, instances: Number(seen.instances) },
    shell:
      kept && state.ended?.outcome === 'done'
        ? `incus exec --project lb-${plan.stack}-drill-${drill} ${lastMachine(plan)} -- bash`
        : undefined,
  }
}

/** Some machine of the stack; the border where there is none. */
function lastMachine(plan: Plan): string {
  const made = plan.steps.flatMap(({ action }) =>
    action.do === 'clone' ? [action.target] : action.do === 'instance' ? [action.instance] : [],
  )
  return (made.findLast((each) => each.role === 'machine') ?? made.at(-1))?.name ?? ''
}

/** Lines for a reader; a thing of which nothing was seen is said to be without evidence. */
export function drillText(drill: DrillReport): readonly string[] {
  return [...drillRows(drill).map(([name, value]) => `  ${name.padEnd(18)} ${value}`), '']
}

export function drillRows(drill: DrillReport): readonly (readonly [string, string])[] {
  const rows: (readonly [string, string])[] = []
  if (drill.verdict_ms !== undefined)
    rows.push(['verdict', `passed, ${formatDuration(drill.verdict_ms)} from the command`])
  else if (drill.verdict === 'failed') rows.push(['verdict', 'FAILED: the stack would not come up as declared'])
  for (const check of drill.checks) {
    rows.push([
      'check',
      check.good
        ? `good: ${check.words} (${Math.round(check.total_ms ?? 0)} ms)`
        : `no good answer seen: ${check.words}`,
    ])
  }
  if (drill.matrix === undefined)
    rows.push([
      'reachability',
      drill.verdict === 'failed' ? 'not shown: it does not hold, or something failed before' : 'no evidence',
    ])
  else {
    const { sent_twice } = drill.matrix
    const twice = sent_twice === undefined ? '' : `, ${sent_twice} of them sent twice, as this site was late`
    rows.push([
      'reachability',
      `${drill.matrix.pass} declared flows passed, ${drill.matrix.stopped} undeclared ones were stopped, ${drill.matrix.no_evidence} without evidence${twice}`,
    ])
  }
  for (const each of drill.without_evidence) rows.push(['no evidence', each])
  if (drill.border === undefined) rows.push(['border', 'no evidence of what left the bubble'])
  else rows.push(['left the bubble', leftWords(drill.border)], ['stopped there', stoppedWords(drill.border)])
  rows.push([
    'active site',
    drill.untouched === undefined
      ? 'no evidence'
      : `${drill.untouched.instances} instances at ${drill.untouched.site} have run all the time`,
  ])
  if (drill.clean_up_ms !== undefined)
    rows.push(['clean-up', `${formatDuration(drill.clean_up_ms)}; nothing of the drill is left`])
  if (drill.shell !== undefined)
    rows.push(['left up', `drill ${drill.drill} at ${drill.site}; look into it there: ${drill.shell}`])
  return rows
}

function leftWords(border: Readonly<Record<string, number>>): string {
  const left = Object.entries(border).filter(([name]) => name.startsWith('left_'))
  if (left.length === 0) return 'nothing: no leg leads out of it'
  const parts = left.map(([name, packets]) => {
    const came = border[name.replace('left_', 'came_')]
    return `${name.slice(5)} ${packets} packets${came === undefined ? '' : ` (${came} came back)`}`
  })
  const frames = border.site_frames
  return `${parts.join(', ')}${frames === undefined ? '' : `; ${frames} frames in all, the rest ARP and DHCP of the border`}`
}

function stoppedWords(border: Readonly<Record<string, number>>): string {
  const stopped = Object.entries(border).filter(([name]) => /^(denied|refused|stopped)_/.test(name))
  return stopped.map(([name, packets]) => `${name.replaceAll('_', ' ')} ${packets}`).join(', ')
}

/** Why there is nothing that a drill could prove. */
function withoutStandby(situation: Situation): string {
  const unknown = situation.sites.find((view) => view.answer === undefined)
  if (unknown !== undefined) return `no site that answers is standby, and ${unseen(unknown)}`
  const { name, protect } = situation.stack
  if (protect === undefined) return 'the stack file names no standby'
  const other = situation.sites.find((view) => view.answer?.observed.claim?.claim.role === 'stale')
  return other === undefined
    ? `${protect.standby} is not yet standby (lifeboat replicate ${name})`
    : `${other.site.name} is stale and no standby (lifeboat reprotect ${name})`
}

/** Proof of a standby for `status`: what was drilled is compared with what would be launched now. */
export function proofWords(situation: Situation, standby: SiteView | undefined): string {
  const proof = standby?.answer?.observed.claim?.claim.proof
  if (standby === undefined) return `unproven: ${withoutStandby(situation)}`
  if (proof === undefined) return 'unproven: never drilled'
  const age = `${formatDuration(situation.now.getTime() - Date.parse(proof.ended_at))} ago`
  const kept = proof.kept ? `; drill ${proof.drill} is still up` : ''
  if (proof.verdict === 'failed') return `unproven: the last drill (${proof.drill}, ${age}) did not end well${kept}`
  const changed = changedSince(proof.parts, partsOf(situation, standby))
  if (changed.length > 0) return `unproven: changed since drill ${proof.drill} (${age}): ${changed.join(', ')}${kept}`
  const { pass, stopped, no_evidence } = proof.matrix
  return `proven ${age} by drill ${proof.drill} of ${proof.point ?? 'no point'}: ${proof.checks} checks, ${pass} flows passed, ${stopped} stopped, ${no_evidence} without evidence${kept}`
}
