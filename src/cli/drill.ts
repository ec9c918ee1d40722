import { existsSync } from 'node:fs'
import { Command } from 'commander'
import { measureLoss } from '../lifeboat.ts'
import { fail } from './common.ts'
import { exit } from './exit-codes.ts'
import { runVerb } from './run.ts'

type Options = {
  readonly point?: string
  readonly keep?: boolean
  readonly remove?: boolean
  readonly gone?: string
  readonly promote?: boolean
  readonly siteIsDown: readonly string[]
  readonly acknowledged?: string
  readonly json?: boolean
}

export function drillCommand(): Command {
  return new Command('drill')
    .description(
      'launch the newest complete point at the standby in an isolated bubble, prove that it works, remove it',
    )
    .argument('<stack>', 'name of a replicated stack')
    .option('--point <name>', 'drill this point instead of the newest complete one')
    .option('--keep', 'leave the bubble up when all has been seen')
    .option('--remove', 'only remove a bubble that was kept, or left by a controller that is gone')
    .option('--gone <drill>', 'with --remove: your word that whoever runs this drill is gone')
    .option('--promote', 'make the kept drill the stack: a failover with the data of the bubble')
    .option('--site-is-down <site...>', 'with --promote: your word that a silent site is down', [])
    .option('--acknowledged <file>', 'with --promote: as in failover')
    .option('--json', 'the report as JSON')
    .action(async (stack: string, options: Options, command: Command) => {
      const wrong = contradiction(options)
      if (wrong !== undefined) {
        fail(exit.usage, wrong)
        return
      }
      const { point, keep = false, remove = false, gone, promote = false, siteIsDown, acknowledged } = options
      await runVerb(
        command,
        { verb: 'drill', stack, point, keep, remove, gone, promote, down: siteIsDown },
        {
          ...(options.json === undefined ? {} : { json: options.json }),
          ends_at_hangup: !promote && !remove,
          ...(acknowledged === undefined ? {} : { after: (lifeboat, ran) => measureLoss(lifeboat, ran, acknowledged) }),
        },
      )
    })
}

function contradiction(options: Options): string | undefined {
  const { keep, remove, promote, gone, siteIsDown, acknowledged } = options
  if ([keep, remove, promote].filter((each) => each === true).length > 1)
    return '--keep, --remove and --promote exclude each other'
  if (gone !== undefined && remove !== true) return '--gone goes with --remove'
  if ((siteIsDown.length > 0 || acknowledged !== undefined) && promote !== true)
    return '--site-is-down and --acknowledged go with --promote'
  if (acknowledged !== undefined && !existsSync(acknowledged))
    return `there is no file ${acknowledged}; nothing was done`
  return undefined
}
