import { formatDuration, formatSent } from '../lib/duration.ts'
import { generations } from '../plan/order.ts'
import type { Finding, PhysicalCount, Plan, TouchPoint } from '../plan/plan.ts'
import { drillText } from './proof.ts'
import type { Report, StepReport } from './report.ts'

/** A report for people. Only what was observed is in it; what was not measured is absent or said to be. */
export function reportText(report: Report): string {
  return [
    `${report.verb} ${report.stack}: ${outcomeWords(report)}`,
    `  ${report.summary}`,
    `  operation ${report.operation}, decided ${report.decided_at} by ${report.by}`,
    '',
    ...numbers(report),
    ...(report.drill === undefined ? [] : drillText(report.drill)),
    ...block(
      'phases (from the decision)',
      report.phases.map(
        (phase) =>
          `${phase.phase.padEnd(9)} ${formatDuration(phase.from_ms).padStart(8)} to ${formatDuration(phase.to_ms).padStart(8)}  ${bar(phase, report)}`,
      ),
    ),
    ...block(
      'failed',
      report.failures.map((each) => failureText(each)),
    ),
    ...block('could not be taken back', report.left),
    ...block('findings', report.findings.map(findingText)),
    ...(report.outcome === 'undone' ? [] : [...touches(report), ...block('not tested', report.not_tested)]),
    ...next(report),
  ].join('\n')
}

/** A plan for people: what would be done, in which order, why, and from where on there is no way back. */
export function planText(plan: Plan): string {
  const lines = [`${plan.verb} ${plan.stack}: ${plan.summary}`, '']
  let number = 0
  for (const generation of generations(plan.steps)) {
    number++
    for (const step of generation) {
      const mark = step.point_of_no_return ? '  == no return from here ==' : ''
      const undo = step.undo.length === 0 ? '' : ', can be undone'
      lines.push(
        `  ${String(number).padStart(2)}  ${step.phase.padEnd(8)} ${step.site.padEnd(6)} ${step.id.padEnd(34)} ${step.reason}${undo}${step.optional ? ', may fail' : ''}${mark}`,
      )
    }
  }
  lines.push('', `  ${plan.steps.length} steps; those with the same number run at the same time`, '')
  return [
    ...lines,
    ...lookedBlock(plan),
    ...estimateBlock(plan),
    ...block('findings', plan.findings.map(findingText)),
    ...touches(plan),
    ...block('not tested', plan.not_tested),
  ].join('\n')
}

export function lookedBlock({ looked = [] }: Pick<Plan, 'looked'>): readonly string[] {
  const width = Math.max(0, ...looked.map((each) => each.what.length))
  return block(
    'looked at before',
    looked.map((each) => `${each.what.padEnd(width)}  ${each.seen}`),
  )
}

export function estimateBlock({ estimate }: Pick<Plan, 'estimate'>): readonly string[] {
  if (estimate === undefined) return []
  const known = estimate.phases.reduce((all, each) => all + (each.s ?? 0), 0)
  const whole = estimate.phases.every((each) => each.s !== undefined)
  const total = known === 0 ? 'no evidence' : `${whole ? '' : 'at least '}${known.toFixed(1)} s`
  return block(`estimated outage: ${total}`, [
    ...estimate.phases.map(
      (each) =>
        `${each.phase.padEnd(13)}  ${each.s === undefined ? '      -' : `${each.s.toFixed(1).padStart(5)} s`}  ${each.from}`,
    ),
  ])
}

export function findingText(finding: Finding): string {
  const hint = finding.hint === undefined ? '' : `\n      ${finding.hint}`
  const place = finding.place === undefined ? '' : `${finding.place}: `
  return `${place}${finding.level === 'error' ? '' : `${finding.level}: `}${finding.what}${hint}`
}

export function outcomeWords(report: Report): string {
  const took = report.numbers.took_ms === undefined ? '' : ` in ${formatDuration(report.numbers.took_ms)}`
  switch (report.outcome) {
    case 'done':
      return `done${took}`
    case 'undone':
      return `failed${took}; everything was taken back`
    case 'stuck':
      return report.left.length > 0
        ? `failed${took}; not everything could be taken back`
        : `failed${took} past its point of no return; a person is needed`
    case 'running':
      return 'not finished: it is running, or its controller died'
  }
}

function numbers(report: Report): readonly string[] {
  const rows = numberRows(report)
  return rows.length === 0 ? [] : [...rows.map(([name, value]) => `  ${name.padEnd(18)} ${value}`), '']
}

/** What was measured, by name, in words. */
export function numberRows(report: Report): readonly (readonly [string, string])[] {
  const { numbers: n } = report
  const rows: (readonly [string, string])[] = []
  if (n.rto_ms !== undefined)
    rows.push([
      report.verb === 'deploy' ? 'first good answer' : 'RTO',
      `${formatDuration(n.rto_ms)} from the decision to the first good answer at the client`,
    ])
  if (n.outage_ms !== undefined) rows.push(['outage', outageWords(report, n.outage_ms)])
  if (n.point !== undefined && n.point_age_ms !== undefined)
    rows.push([
      report.verb === 'drill' ? 'drilled point' : 'launched point',
      `${n.point.name}, ${formatDuration(n.point_age_ms)} old at the decision${report.verb === 'drill' ? '' : ': the window of loss'}`,
    ])
  if (n.loss !== undefined) rows.push(['measured loss', lossWords(n.loss)])
  else if (n.loss_unknown !== undefined) rows.push(['measured loss', `NOT MEASURED: ${n.loss_unknown}`])
  else if (report.verb === 'failover' && n.point !== undefined)
    rows.push([
      'measured loss',
      'not measured: no record of acknowledged writes was compared (needs --acknowledged FILE, and protect.records in the stack file)',
    ])
  if (n.pause_ms !== undefined) rows.push(['pause', `${Math.round(n.pause_ms)} ms`])
  if (n.sent_bytes !== undefined)
    rows.push([
      'sent',
      `${formatSent(n.sent_bytes)}, ${n.incremental === true ? 'incremental' : 'not incremental: whole machines'}`,
    ])
  if (n.limit !== undefined) rows.push(['limit', n.limit])
  if (n.announced !== undefined) rows.push(['announced', announcedWords(n.announced)])
  if (n.address !== undefined) rows.push(['address', n.address])
  if (n.address6 !== undefined) rows.push(['IPv6 address', n.address6 === 'none' ? 'none: no AAAA record' : n.address6])
  return rows
}

function announcedWords(seen: NonNullable<Report['numbers']['announced']>): string {
  const { announced_ms, answered_after_ms, withdrawal_ms, accepted } = seen
  const answered =
    answered_after_ms === undefined
      ? ''
      : answered_after_ms < 0
        ? ', seen good before that was known'
        : `, first good answer ${formatDuration(answered_after_ms)} later`
  const gone =
    withdrawal_ms === undefined ? '' : `; gone where it was ${formatDuration(withdrawal_ms)} after its withdrawal`
  const taken = accepted === 'not looked at' ? 'nobody looked whether it was accepted' : `accepted by ${accepted}`
  return `${formatDuration(Math.max(0, announced_ms))} from the decision${answered}; ${taken}${gone}`
}

function outageWords({ verb, numbers: n }: Report, outage_ms: number): string {
  if (outage_ms === 0) return 'none seen: the first request after the first stop was answered'
  const from = verb === 'deploy' ? 'the first appliance stopped' : 'the first client cut off'
  const before =
    n.estimated_outage_ms === undefined ? '' : `; estimated before: ${formatDuration(n.estimated_outage_ms)}`
  return `${formatDuration(outage_ms)} from ${from} to the first good answer at the client${before}`
}

function lossWords(loss: NonNullable<Report['numbers']['loss']>): string {
  const oldest = loss.oldest_lost_at === undefined ? '' : `, the oldest acknowledged ${loss.oldest_lost_at}`
  return `${loss.lost} of ${loss.acknowledged} acknowledged${oldest}; ${loss.lost_before_point} older than the point`
}

export const touchWords = {
  'dns-record': 'DNS record',
  'dhcp-lease': 'DHCP lease',
  'bgp-prefix': 'BGP prefix',
} as const

/** What was not touched on physical gear, beside what would have been. */
export function physicalWords(otherwise: PhysicalCount | undefined): string {
  return otherwise === undefined
    ? 'physical devices: 0'
    : `physical devices: 0; with VLANs and contexts on them ${otherwise.touches} touches on ${otherwise.devices} (lifeboat touchpoints)`
}

function touches(report: {
  readonly touches: readonly TouchPoint[]
  readonly physical_otherwise?: PhysicalCount | undefined
}): readonly string[] {
  return block('touched outside the stack', [
    ...report.touches.map((touch) => `${touchWords[touch.kind]}  ${touch.what}`),
    physicalWords(report.physical_otherwise),
  ])
}

function failureText(failure: Report['failures'][number]): string {
  const where =
    failure.site === undefined ? '' : ` (${failure.site}${failure.call === undefined ? '' : `, ${failure.call}`})`
  const detail =
    failure.detail === undefined
      ? ''
      : `\n${failure.detail
          .split('\n')
          .map((line) => `      ${line}`)
          .join('\n')}`
  return `${failure.step}: ${failure.what}${where}${failure.optional ? ' - the operation went on' : ''}${detail}`
}

function next(report: Report): readonly string[] {
  if (report.outcome === 'stuck' || report.outcome === 'running')
    return [`  next: lifeboat resume ${report.operation}`, '']
  return []
}

export function stepLine(step: StepReport): string {
  return `${step.id} at ${step.site}: ${step.state}${step.took_ms === undefined ? '' : ` (${formatDuration(step.took_ms)})`}`
}

const width = 32

function bar(phase: { readonly from_ms: number; readonly to_ms: number }, report: Report): string {
  const whole = Math.max(report.numbers.took_ms ?? 0, ...report.phases.map((each) => each.to_ms), 1)
  const from = Math.round((phase.from_ms / whole) * width)
  const to = Math.max(Math.round((phase.to_ms / whole) * width), from + 1)
  return `${' '.repeat(from)}${'='.repeat(to - from)}`
}

function block(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [`  ${title}`, ...lines.map((line) => `    ${line}`), '']
}
