import { digest } from '../lib/digest.ts'
import { formatDuration, formatSent } from '../lib/duration.ts'
import type { Point } from '../state/objects.ts'
import { style } from './html-style.ts'
import { drillRows } from './proof.ts'
import type { Report, StepReport } from './report.ts'
import { numberRows, outcomeWords, physicalWords, touchWords } from './text.ts'

/**
 * A report as one HTML file for people who were not there: no script, nothing is fetched, prints on paper. The same
 * report gives the same page, and the digest at its end is that of `lifeboat report --json` in canonical form (RFC 8785).
 */
export function reportHtml(report: Report): string {
  const body = [
    header(report),
    section('Measured', definitions(numberRows(report), 'Nothing was measured in this operation.')),
    section('Drill', report.drill === undefined ? '' : definitions(drillRows(report.drill), '')),
    section('Failed', failures(report)),
    section('Could not be taken back', list(report.left)),
    section('Findings', findings(report)),
    section('Phases', phases(report)),
    section('Touched outside the stack', touches(report)),
    section('Not tested', list(report.not_tested)),
    section('Recovery point', report.numbers.point === undefined ? '' : point(report.numbers.point)),
    section('Steps', steps(report)),
    footer(report),
  ].filter((part) => part !== '')
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    // Whatever gets into a text of a report, a browser runs and fetches nothing of it.
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    `<title>${escaped(`${report.verb} ${report.stack}, ${report.decided_at}`)}</title>`,
    `<style>\n${style}</style>`,
    '</head>',
    '<body>',
    ...body,
    '</body>',
    '</html>',
    '',
  ].join('\n')
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Safe in text and in quoted attributes. */
function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character)
}

function header(report: Report): string {
  return [
    '<header>',
    `<h1>${escaped(report.verb)} ${escaped(report.stack)} <span class="outcome ${report.outcome}">${escaped(outcomeWords(report))}</span></h1>`,
    `<p>${escaped(report.summary)}</p>`,
    definitions(
      [
        ['decided', `${report.decided_at} by ${report.by}`],
        ['ended', report.ended_at ?? 'not ended'],
        ['operation', report.operation],
      ],
      '',
    ),
    '</header>',
  ].join('\n')
}

function section(title: string, content: string): string {
  return content === '' ? '' : `<section>\n<h2>${escaped(title)}</h2>\n${content}\n</section>`
}

function definitions(rows: readonly (readonly [string, string])[], none: string): string {
  if (rows.length === 0) return none === '' ? '' : `<p>${escaped(none)}</p>`
  return `<dl>\n${rows.map(([name, value]) => `<dt>${escaped(name)}</dt><dd>${escaped(value)}</dd>`).join('\n')}\n</dl>`
}

function list(items: readonly string[]): string {
  return items.length === 0 ? '' : `<ul>\n${items.map((item) => `<li>${escaped(item)}</li>`).join('\n')}\n</ul>`
}

function failures(report: Report): string {
  return report.failures
    .map((each) => {
      const place = [each.site, each.call].filter((part) => part !== undefined).join(', ')
      return [
        `<div class="failure${each.optional ? ' optional' : ''}">`,
        `<p><strong>${escaped(each.step)}</strong>: ${escaped(each.what)}${each.optional ? ' <em>The operation went on.</em>' : ''}</p>`,
        place === '' ? '' : `<p class="quiet">${escaped(place)} (${escaped(each.code)})</p>`,
        each.detail === undefined ? '' : `<pre>${escaped(each.detail)}</pre>`,
        '</div>',
      ]
        .filter((line) => line !== '')
        .join('\n')
    })
    .join('\n')
}

function findings(report: Report): string {
  if (report.findings.length === 0) return ''
  const items = report.findings.map((each) => {
    const hint = each.hint === undefined ? '' : ` <span class="quiet">${escaped(each.hint)}</span>`
    return `<li><strong>${escaped(each.level)}</strong>: ${escaped(each.what)}${hint}</li>`
  })
  return `<ul>\n${items.join('\n')}\n</ul>`
}

function phases(report: Report): string {
  if (report.phases.length === 0) return ''
  const whole = wholeOf(report)
  const rows = report.phases.map((each) =>
    row([escaped(each.phase), time(each.from_ms), time(each.to_ms), bar(each.from_ms, each.to_ms, whole, 'phase')]),
  )
  return table(['phase', 'from', 'to', `from the decision to ${formatDuration(whole)}`], rows, 'phases')
}

function touches(report: Report): string {
  if (report.outcome === 'undone') return ''
  return list([
    ...report.touches.map((touch) => `${touchWords[touch.kind]}: ${touch.what}`),
    physicalWords(report.physical_otherwise),
  ])
}

function point(point: Point): string {
  return definitions(
    [
      ['point', point.name],
      ['taken', point.taken_at],
      ['complete', point.complete_at],
      ['machines', point.machines.join(' ')],
      ['paused for', `${Math.round(point.pause_ms)} ms`],
      ['received', `${formatSent(point.sent_bytes)}, ${point.incremental ? 'incremental' : 'whole machines'}`],
      ['stack file, SHA-256', point.digest],
    ],
    '',
  )
}

function steps(report: Report): string {
  const whole = wholeOf(report)
  const began = (step: StepReport) => step.from_ms ?? Number.POSITIVE_INFINITY
  // Those that did not run come last, in the order of the plan.
  const sorted = report.steps.toSorted((a, b) => (began(a) === began(b) ? 0 : began(a) - began(b)))
  const rows = sorted.map((step) => {
    const to_ms = step.from_ms === undefined ? undefined : step.from_ms + (step.took_ms ?? 0)
    return row(
      [
        `${escaped(step.id)}<br><span class="quiet">${escaped(step.reason)}</span>`,
        escaped(step.phase),
        escaped(step.site),
        `<span class="state">${escaped(step.state)}</span>`,
        time(step.from_ms),
        time(step.took_ms),
        step.from_ms === undefined || to_ms === undefined ? '' : bar(step.from_ms, to_ms, whole, 'step'),
      ],
      step.state.replace(' ', '-'),
    )
  })
  return table(['step and reason', 'phase', 'site', 'state', 'began', 'took', ''], rows, 'steps')
}

function footer(report: Report): string {
  // By way of JSON, so that absent members and `undefined` are the same, as for who reads `report --json`.
  const sum = digest(JSON.parse(JSON.stringify(report)))
  return `<footer>Times are milliseconds and seconds from the decision. SHA-256 of this report as canonical JSON: <code>${sum}</code></footer>`
}

function wholeOf(report: Report): number {
  const ends = report.steps.map((step) => (step.from_ms ?? 0) + (step.took_ms ?? 0))
  return Math.max(1, report.numbers.took_ms ?? 0, ...ends, ...report.phases.map((each) => each.to_ms))
}

/** An image and no background: paper shows it too. */
function bar(from_ms: number, to_ms: number, whole_ms: number, kind: string): string {
  const at = (ms: number) => Math.round((ms / whole_ms) * 1000)
  const width = Math.max(at(to_ms) - at(from_ms), 4)
  const x = Math.min(at(from_ms), 1000 - width)
  return `<svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true"><rect class="${kind}" x="${x}" width="${width}" height="10"/></svg>`
}

function time(ms: number | undefined): string {
  return ms === undefined ? '' : escaped(formatDuration(ms))
}

function row(cells: readonly string[], name = ''): string {
  return `<tr${name === '' ? '' : ` class="${name}"`}>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`
}

function table(heading: readonly string[], rows: readonly string[], name: string): string {
  const cells = heading.map((title) => `<th scope="col">${escaped(title)}</th>`).join('')
  return `<table class="${name}">\n<thead><tr>${cells}</tr></thead>\n<tbody>\n${rows.join('\n')}\n</tbody>\n</table>`
}
