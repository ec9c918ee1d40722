import { Command } from 'commander'
import { runVerb } from './run.ts'

export function deployCommand(): Command {
  return new Command('deploy')
    .description('make the active site match the stack file')
    .argument('<file>', 'stack file')
    .option('--site <name>', 'where (default: where it is active, else the site that is not its standby)')
    .option('--remove <instance...>', 'instances gone from the stack file that may be removed with their data', [])
    .option('--json', 'the report as JSON')
    .action(async (file: string, options: { site?: string; remove: string[]; json?: boolean }, command: Command) => {
      await runVerb(command, { verb: 'deploy', file, site: options.site, remove: options.remove }, options)
    })
}
