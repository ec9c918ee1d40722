import { Command } from 'commander'
import { runVerb } from './run.ts'

export function replicateCommand(): Command {
  return new Command('replicate')
    .description('one replication cycle: a new complete point at the standby')
    .argument('<stack>', 'name of a deployed stack')
    .option('--json', 'the report as JSON')
    .action(async (stack: string, options: { json?: boolean }, command: Command) => {
      await runVerb(command, { verb: 'replicate', stack }, options)
    })
}
