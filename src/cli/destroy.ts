import { Command } from 'commander'
import { runVerb } from './run.ts'

export function destroyCommand(): Command {
  return new Command('destroy')
    .description("remove everything that carries the stack's mark, points included")
    .argument('<stack>', 'name of the stack')
    .option('--site <name>', 'only at this site')
    .option('--consent <stack>', "the stack's name once more")
    .option('--json', 'the report as JSON')
    .action(async (stack: string, options: { site?: string; consent?: string; json?: boolean }, command: Command) => {
      await runVerb(command, { verb: 'destroy', stack, site: options.site, consent: options.consent }, options)
    })
}
