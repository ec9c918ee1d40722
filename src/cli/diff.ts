import { Command } from 'commander'
import { diff } from '../lifeboat.ts'
import { differenceText, unified } from '../report/difference-text.ts'
import { findingText } from '../report/text.ts'
import { exit } from './exit.ts'
import { openLifeboat } from './open.ts'
import { close } from './run.ts'

/** As diff(1): 0 same, 1 different; 2 where something could not be looked at, whatever else was found. */
export function diffCommand(): Command {
  return new Command('diff')
    .description('stack file against what is at both sites: what differs, where, and by whom; changes nothing')
    .argument('<stack>', 'name of a stack')
    .argument('[file]', 'stack file (default: the one that was deployed)')
    .option('--json', 'as JSON')
    .action(async (stack: string, file: string | undefined, options: { json?: boolean }, command: Command) => {
      const lifeboat = openLifeboat(command)
      try {
        const compared = await diff(lifeboat, stack, file, lifeboat.clock.now())
        if ('refused' in compared) {
          if (options.json === true) console.log(JSON.stringify(compared, undefined, 2))
          else for (const finding of compared.refused) console.error(`refused: ${findingText(finding)}`)
          process.exitCode = exit.failed
          return
        }
        const patches = compared.differences.map(({ texts: _, ...each }, index) => {
          const lines = unified(compared.differences[index] ?? { ...each })
          return lines.length === 0 ? each : { ...each, unified: lines.join('\n') }
        })
        console.log(
          options.json === true
            ? JSON.stringify({ ...compared, differences: patches }, undefined, 2)
            : differenceText(compared),
        )
        const seen = compared.differences.length > 0 ? exit.problems : exit.done
        process.exitCode = compared.unseen.length > 0 ? exit.failed : seen
      } finally {
        await close(lifeboat)
      }
    })
}
