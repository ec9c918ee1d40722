import { Command } from 'commander'
import { plan, type Request } from '../lifeboat.ts'
import { planText } from '../report/text.ts'
import { fail } from './common.ts'
import { exit } from './exit-codes.ts'
import { openLifeboat } from './open.ts'
import { close, showRefusal } from './run.ts'
import { decidedAt } from './sites.ts'

type Options = {
  readonly site?: string
  readonly to?: string
  readonly point?: string
  readonly siteIsDown: readonly string[]
  readonly remove: readonly string[]
  readonly overwrite: readonly string[]
  readonly promote?: boolean
  readonly json?: boolean
}

const verbs = 'deploy, replicate, drill, failover, move, reprotect, failback, guard or destroy'

export function planCommand(): Command {
  return new Command('plan')
    .description('show what a verb would do, step by step; change nothing')
    .argument('<verb>', verbs)
    .argument('<stack>', 'stack file for deploy, else the name of a stack')
    .option('--site <name>', 'as in deploy and destroy')
    .option('--to <site>', 'as in failover and move')
    .option('--point <name>', 'as in failover and drill')
    .option('--site-is-down <site...>', 'as in failover', [])
    .option('--remove <instance...>', 'as in deploy', [])
    .option('--overwrite <instance...>', 'as in deploy', [])
    .option('--promote', 'as in drill')
    .option('--json', 'the plan as JSON')
    .action(async (verb: string, stack: string, options: Options, command: Command) => {
      const request = requestOf(verb, stack, options)
      if (request === undefined) {
        fail(exit.usage, `there is no verb "${verb}"; plan takes ${verbs}`)
        return
      }
      const lifeboat = openLifeboat(command)
      try {
        const planned = await plan(lifeboat, request, decidedAt())
        if ('refused' in planned) showRefusal(planned.refused, options.json === true)
        else console.log(options.json === true ? JSON.stringify(planned.plan, undefined, 2) : planText(planned.plan))
      } finally {
        await close(lifeboat)
      }
    })
}

function requestOf(verb: string, stack: string, options: Options): Request | undefined {
  switch (verb) {
    case 'deploy':
      return { verb, file: stack, site: options.site, remove: options.remove, overwrite: options.overwrite }
    case 'replicate':
      return { verb, stack }
    case 'drill':
      return {
        ...{ verb, stack, point: options.point, keep: false, remove: false },
        ...{ promote: options.promote === true, down: options.siteIsDown },
      }
    case 'failover':
      return { verb, stack, to: options.to, point: options.point, down: options.siteIsDown }
    case 'move':
      return { verb, stack, to: options.to }
    case 'reprotect':
    case 'failback':
    case 'guard':
      return { verb, stack }
    case 'destroy':
      return { verb, stack, site: options.site, consent: stack }
    default:
      return undefined
  }
}
