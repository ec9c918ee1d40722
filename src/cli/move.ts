import { Command } from 'commander'
import { runVerb } from './run.ts'

export function moveCommand(): Command {
  return new Command('move')
    .description('move a stack to the other site, planned and without the loss of an acknowledged write')
    .argument('<stack>', 'name of a replicated stack')
    .requiredOption('--to <site>', 'the site that takes over; it has to be the standby')
    .option('--json', 'the report as JSON')
    .action(async (stack: string, options: { to: string; json?: boolean }, command: Command) => {
      await runVerb(command, { verb: 'move', stack, to: options.to }, options)
    })
}
