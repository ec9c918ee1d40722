import { Command } from 'commander'
import { formatBytes, formatDuration } from '../lib/duration.ts'
import { points } from '../lifeboat.ts'
import { openLifeboat } from './open.ts'
import { close } from './run.ts'

export function pointsCommand(): Command {
  return new Command('points')
    .description('complete recovery points of a stack at each site')
    .argument('<stack>', 'name of the stack')
    .option('--json', 'as JSON')
    .action(async (stack: string, options: { json?: boolean }, command: Command) => {
      const lifeboat = openLifeboat(command)
      try {
        const found = await points(lifeboat, stack)
        if (options.json === true) {
          console.log(JSON.stringify(found, undefined, 2))
          return
        }
        for (const { site, list, silence, pool } of found) {
          if (silence !== undefined) {
            console.log(`${site}: unknown (${silence})`)
            continue
          }
          const received = formatBytes(list.reduce((sum, point) => sum + point.sent_bytes, 0))
          const space =
            pool === undefined
              ? ''
              : `; pool ${pool.name}: ${formatBytes(pool.free_bytes)} of ${formatBytes(pool.total_bytes)} free`
          console.log(`${site}: ${list.length} complete points, ${received} received for them${space}`)
          for (const point of list) {
            const age = formatDuration(Date.now() - Date.parse(point.taken_at))
            const how = point.incremental ? 'incremental' : 'whole'
            console.log(
              `  ${point.name}  ${age.padStart(9)} old  pause ${String(Math.round(point.pause_ms)).padStart(4)} ms  ${formatBytes(point.sent_bytes).padStart(9)} ${how}  ${point.machines.join(' ')}`,
            )
          }
        }
      } finally {
        await close(lifeboat)
      }
    })
}
