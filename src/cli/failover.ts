import { existsSync } from 'node:fs'
import { Command } from 'commander'
import { measureLoss } from '../lifeboat.ts'
import { fail } from './common.ts'
import { exit } from './exit-codes.ts'
import { runVerb } from './run.ts'

export function failoverCommand(): Command {
  return new Command('failover')
    .description('the active site is lost or fenced: launch the newest complete point at the standby')
    .argument('<stack>', 'name of a replicated stack')
    .option('--to <site>', 'where to (default: the standby)')
    .option('--point <name>', 'launch this point instead of the newest complete one')
    .option('--site-is-down <site...>', 'your word that a silent site is down; silence alone is not enough', [])
    .option(
      '--acknowledged <file>',
      'JSON lines {ref, acked_at} of writes that clients were told were accepted, to measure the loss',
    )
    .option('--json', 'the report as JSON')
    .action(
      async (
        stack: string,
        options: { to?: string; point?: string; siteIsDown: string[]; acknowledged?: string; json?: boolean },
        command: Command,
      ) => {
        const { acknowledged } = options
        if (acknowledged !== undefined && !existsSync(acknowledged)) {
          fail(exit.problems, `there is no file ${acknowledged}; nothing was done`)
          return
        }
        await runVerb(
          command,
          { verb: 'failover', stack, to: options.to, point: options.point, down: options.siteIsDown },
          {
            ...(options.json === undefined ? {} : { json: options.json }),
            ...(acknowledged === undefined
              ? {}
              : { after: (lifeboat, ran) => measureLoss(lifeboat, ran, acknowledged) }),
          },
        )
      },
    )
}
