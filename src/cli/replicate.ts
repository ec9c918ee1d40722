import { Command } from 'commander'
import { formatDuration, formatSent, parseDuration_s } from '../lib/duration.ts'
import { status } from '../lifeboat.ts'
import { counted, fail } from './common.ts'
import { exit } from './exit-codes.ts'
import { type Kept, keepUp } from './keep-up.ts'
import { openLifeboat } from './open.ts'
import { close, runVerb, showRefusal } from './run.ts'

type Options = { readonly every?: string | true; readonly json?: boolean }

export function replicateCommand(): Command {
  return new Command('replicate')
    .description('one replication cycle: a new complete point at the standby; with --every, cycle after cycle')
    .argument('<stack>', 'name of a deployed stack')
    .option(
      '--every [target]',
      'go on until SIGTERM or SIGINT, so that the newest complete point never gets older than this (default: protect.rpo)',
    )
    .option('--json', 'the report as JSON; with --every a line of JSON for each cycle')
    .action(async (stack: string, options: Options, command: Command) => {
      const { every, json } = options
      if (every === undefined) await runVerb(command, { verb: 'replicate', stack }, json === undefined ? {} : { json })
      else await replicateEvery(command, stack, every, json === true)
    })
}

async function replicateEvery(command: Command, stack: string, every: string | true, json: boolean): Promise<void> {
  const asked_s = every === true ? undefined : parseDuration_s(every)
  if (every !== true && (asked_s === undefined || asked_s === 0)) {
    fail(exit.usage, `--every takes a duration such as 5s or 1m, not "${every}"`)
    return
  }
  const lifeboat = openLifeboat(command)
  const stop = new AbortController()
  const stopping = () => {
    // The cycle at work ends first. A second signal is the system's: it ends this process at once.
    process.off('SIGTERM', stopping).off('SIGINT', stopping)
    if (!json) console.log('stopping after the cycle at work')
    stop.abort()
  }
  process.on('SIGTERM', stopping).on('SIGINT', stopping)
  try {
    const seen = await status(lifeboat, stack, new Date())
    if ('refused' in seen) {
      showRefusal(seen.refused, json)
      return
    }
    const target_ms = asked_s === undefined ? seen.rpo_ms : asked_s * 1000
    if (target_ms === undefined) {
      fail(exit.problems, `${stack} has no protect.rpo in its stack file: say a target, as in --every 10s`)
      return
    }
    if (!json) console.log(`replicate ${stack}: no complete point older than ${formatDuration(target_ms)}`)
    const ended = await keepUp(lifeboat, stack, target_ms, stop.signal, (kept) =>
      console.log(json ? JSON.stringify(kept) : keptText(kept)),
    )
    if (json) console.log(JSON.stringify({ type: 'ended', ...ended }))
    else {
      const worst = ended.worst_age_ms === undefined ? '' : `; the oldest got ${formatDuration(ended.worst_age_ms)} old`
      console.log(
        `stopped: ${counted(ended.points, 'point') || 'no point'}, target missed ${ended.missed} times, ${ended.failures} failures${worst}`,
      )
    }
  } finally {
    process.off('SIGTERM', stopping).off('SIGINT', stopping)
    await close(lifeboat)
  }
}

function keptText(kept: Kept): string {
  const at = kept.at.slice(0, 19).replace('T', ' ')
  if (kept.type === 'failed') return `${at}  FAILED, again in ${formatDuration(kept.again_in_ms)}: ${kept.what}`
  const age =
    kept.age_ms === undefined
      ? 'first point of this loop'
      : `the one before got ${formatDuration(kept.age_ms)} old${kept.missed ? ': target MISSED' : ''}`
  const failed = kept.failed.map((each) => `\n    failed, the cycle went on: ${each}`).join('')
  return `${at}  ${kept.point}  ${formatDuration(kept.took_ms).padStart(6)}  pause ${String(Math.round(kept.pause_ms)).padStart(3)} ms  ${formatSent(kept.sent_bytes).padStart(7)} ${kept.incremental ? 'incremental' : 'whole'}  ${age}${failed}`
}
