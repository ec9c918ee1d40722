import { Command } from 'commander'
import { runVerb } from './run.ts'

type Options = {
  readonly site?: string
  readonly remove: readonly string[]
  readonly overwrite: readonly string[]
  readonly json?: boolean
}

export function deployCommand(): Command {
  return new Command('deploy')
    .description('make the active site match the stack file')
    .argument('<file>', 'stack file')
    .option('--site <name>', 'where (default: where it is active, else the site that is not its standby)')
    .option('--remove <instance...>', 'instances gone from the stack file that may be removed with their data', [])
    .option('--overwrite <instance...>', 'instances whose changes by hand may be lost (lifeboat diff shows them)', [])
    .option('--json', 'the report as JSON')
    .action(async (file: string, options: Options, command: Command) => {
      const { site, remove, overwrite } = options
      await runVerb(command, { verb: 'deploy', file, site, remove, overwrite }, options)
    })
}
