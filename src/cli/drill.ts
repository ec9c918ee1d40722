import process from 'node:process'
import { Command } from 'commander'
import { runVerb } from './run.ts'

export function drillCommand(): Command {
  return new Command('drill')
    .description(
      'launch the newest complete point at the standby in an isolated bubble, prove that it works, remove it',
    )
    .argument('<stack>', 'name of a replicated stack')
    .option('--point <name>', 'drill this point instead of the newest complete one')
    .option('--keep', 'leave the bubble up when all has been seen')
    .option('--remove', 'only remove a bubble that was kept')
    .option('--json', 'the report as JSON')
    .action(
      async (
        stack: string,
        options: { point?: string; keep?: boolean; remove?: boolean; json?: boolean },
        command: Command,
      ) => {
        // A drill always ends by removing its bubble: an interrupt in between would leave it.
        process.on('SIGINT', () =>
          console.error(
            'a drill is not interrupted: it ends by removing its bubble (lifeboat abort takes back a dead one)',
          ),
        )
        const { point, keep, remove } = options
        await runVerb(
          command,
          { verb: 'drill', stack, point, keep: keep === true, remove: remove === true },
          options.json === undefined ? {} : { json: options.json },
        )
      },
    )
}
