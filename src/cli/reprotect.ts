import { Command } from 'commander'
import { runVerb } from './run.ts'

export function reprotectCommand(): Command {
  return new Command('reprotect')
    .description('set aside what a site holds that lost its role, and make it the standby of the active one')
    .argument('<stack>', 'name of a stack')
    .option('--json', 'the report as JSON')
    .action(async (stack: string, options: { json?: boolean }, command: Command) => {
      await runVerb(command, { verb: 'reprotect', stack }, options)
    })
}
