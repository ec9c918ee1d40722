import { join } from 'node:path'
import { lifeboat, verb } from '../../lab/demo/story.ts'
import { down, killSite, returnSite, up } from '../../lab/lab.ts'
import type { Report } from '../../src/report/report.ts'
import { type Convergence, gapOf, watchConvergence } from '../e2e/convergence.ts'
import { median, printRows, row, seconds } from './rows.ts'

/**
 * How long routes take, with a stack that has a prefix of its own: moved there and back, then its site loses its power. Judged by
 * curl at the client and by the kernel of the provider's router; what the firewall says of when it announced is one end of it.
 */
const file = join(import.meta.dirname, '../e2e/beacon.yaml')
const url = 'http://203.0.113.17/healthz'
const prefix = '203.0.113.16/28'

type Seen = {
  readonly report: Report
  readonly seen: Convergence
  readonly announced_at: number
  /** Of a move: when the last steps before the old firewall was cut began. */
  readonly withdrawn_at: number | undefined
}

export async function announcedPrefix(): Promise<void> {
  await away()
  await verb('deploy', file, '--site', 'east')
  await verb('replicate', 'beacon')
  const moves = [await watched('move', 'beacon', '--to', 'west'), await watched('move', 'beacon', '--to', 'east')]
  await killSite('east')
  const over = await watched('failover', 'beacon', '--site-is-down', 'east')
  await returnSite('east')
  await away()
  summary(moves, over)
}

async function watched(...argv: readonly string[]): Promise<Seen> {
  const watching = await watchConvergence(url, prefix)
  try {
    const report = await verb(...argv)
    const decided = Date.parse(report.decided_at)
    const withdrawal = report.steps.find(({ id }) => id.startsWith('withdraw '))?.from_ms
    return {
      report,
      seen: await watching.stop(),
      announced_at: decided + (report.numbers.announced?.announced_ms ?? Number.NaN),
      withdrawn_at: withdrawal === undefined ? undefined : decided + withdrawal,
    }
  } finally {
    await watching.stop()
  }
}

function summary(moves: readonly Seen[], over: Seen): void {
  const good = [...moves, over].map((each) => gapOf(each.seen).to - each.announced_at)
  const worst = Math.max(...good)
  row(
    'BGP: announcement to first good answer at the client',
    seconds(median(good)),
    `worst ${seconds(worst)}`,
    '< 3 s',
    worst < 3000,
  )
  const routed = [...moves, over].map((each) => lastRoute(each.seen) - each.announced_at)
  row('  to the route at the provider', seconds(median(routed)), `worst ${seconds(Math.max(...routed))}`, '', true)
  const gone = moves.map((each) => firstLoss(each.seen) - (each.withdrawn_at ?? Number.NaN))
  row(
    'BGP: withdrawal to no route at the provider',
    seconds(median(gone)),
    `worst ${seconds(Math.max(...gone))}`,
    '',
    true,
  )
  const outages = moves.map(({ seen }) => gapOf(seen).to - gapOf(seen).from)
  row(
    '  outage of a move, at the client',
    seconds(median(outages)),
    `${median(moves.map(({ report }) => report.numbers.outage_ms ?? Number.NaN)).toFixed(0)} ms reported`,
    '',
    true,
  )
}

/** When the provider had the route that stayed; when it had none any more. */
const lastRoute = ({ routes }: Convergence): number => routes.findLast(({ via }) => via !== undefined)?.at ?? Number.NaN
const firstLoss = ({ routes }: Convergence): number => routes.find(({ via }) => via === undefined)?.at ?? Number.NaN

async function away(): Promise<void> {
  const ran = await lifeboat(['destroy', 'beacon', '--consent', 'beacon'])
  if (ran.exit !== 0 && !ran.stderr.includes('no site that answers knows a stack'))
    throw new Error(`destroy ended with ${ran.exit}: ${ran.stderr}`)
}

if (import.meta.main) {
  await up()
  try {
    await announcedPrefix()
  } finally {
    await down()
  }
  printRows()
}
