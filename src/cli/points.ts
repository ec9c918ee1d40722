import { Command } from 'commander'
import { formatBytes, formatDuration, formatSent } from '../lib/duration.ts'
import { type PointSpace, points, seenStacks } from '../lifeboat.ts'
import { fail } from './common.ts'
import { exit } from './exit-codes.ts'
import { openLifeboat } from './open.ts'
import { close } from './run.ts'

export function pointsCommand(): Command {
  return new Command('points')
    .description('complete recovery points of a stack at each site')
    .argument('<stack>', 'name of the stack')
    .option('--space', 'also what each point takes in the pool, where the engine can tell')
    .option('--json', 'as JSON')
    .action(async (stack: string, options: { json?: boolean; space?: boolean }, command: Command) => {
      const lifeboat = openLifeboat(command)
      try {
        const found = await points(lifeboat, stack, { space: options.space === true })
        if (found.length === 0) {
          const { names } = await seenStacks(lifeboat)
          if (!names.includes(stack))
            return fail(exit.problems, `no site knows a stack "${stack}"`, `stacks: ${names.join(', ') || 'none'}`)
          if (options.json !== true)
            console.log(`no complete point of ${stack} at any site: lifeboat replicate ${stack}`)
        }
        if (found.length > 0 && found.every(({ silence }) => silence !== undefined)) process.exitCode = exit.problems
        if (options.json === true) {
          console.log(JSON.stringify(found, undefined, 2))
          return
        }
        for (const { site, list, silence, pool, space: taken } of found) {
          if (silence !== undefined) {
            console.log(`${site}: unknown (${silence})`)
            continue
          }
          const sent = list.reduce((sum, point) => sum + point.sent_bytes, 0)
          const received = `${list.some((point) => point.sent_bytes === 0) ? 'at least ' : ''}${formatBytes(sent)}`
          const space =
            pool === undefined
              ? ''
              : `; pool ${pool.name}: ${formatBytes(pool.free_bytes)} of ${formatBytes(pool.total_bytes)} free`
          console.log(`${site}: ${list.length} complete points, ${received} received for them${space}`)
          if (taken !== undefined) console.log(`  ${spaceWords(taken)}`)
          for (const point of list) {
            const age = formatDuration(Date.now() - Date.parse(point.taken_at))
            const how = point.incremental ? 'incremental' : 'whole'
            const bytes = taken?.points[point.name]
            const takes = bytes === undefined ? '' : `  ${formatBytes(bytes).padStart(7)} in the pool`
            console.log(
              `  ${point.name}  ${age.padStart(9)} old  pause ${String(Math.round(point.pause_ms)).padStart(4)} ms  ${formatSent(point.sent_bytes).padStart(9)} ${how}  ${point.machines.join(' ')}${takes}`,
            )
          }
        }
      } finally {
        await close(lifeboat)
      }
    })
}

function spaceWords({ points, replica_bytes }: PointSpace): string {
  const kept = Object.values(points)
  if (replica_bytes === undefined || kept.some((each) => each === undefined))
    return 'what a point takes: no evidence. Points share what they have in common, and the engine does not count what is not shared (on btrfs: only with quotas on, which cost every write)'
  const sum = kept.reduce<number>((all, each) => all + (each ?? 0), 0)
  return `points take ${formatBytes(sum)} that nothing else shares, replicas ${formatBytes(replica_bytes)}`
}
