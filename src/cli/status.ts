import { Command } from 'commander'
import { seenStacks, status } from '../lifeboat.ts'
import { statusText } from '../report/status.ts'
import { openLifeboat } from './open.ts'
import { close, showNoStack, showRefusal } from './run.ts'

export function statusCommand(): Command {
  return new Command('status')
    .description('role and epoch at each site, age of the newest complete point, readiness of the standby')
    .argument('[stack]', 'name of a stack (default: all)')
    .option('--json', 'as JSON')
    .action(async (stack: string | undefined, options: { json?: boolean }, command: Command) => {
      const lifeboat = openLifeboat(command)
      try {
        const { names, silent } = stack === undefined ? await seenStacks(lifeboat) : { names: [stack], silent: [] }
        if (names.length === 0) showNoStack(silent, options.json === true)
        const found = []
        for (const name of names) {
          const one = await status(lifeboat, name, new Date())
          if (!('refused' in one)) found.push(one)
          else if (stack !== undefined) return showRefusal(one.refused, options.json === true)
          else {
            showRefusal(one.refused, false)
            found.push({ stack: name, ...one })
          }
        }
        if (options.json === true) console.log(JSON.stringify(stack === undefined ? found : found[0], undefined, 2))
        else for (const one of found) if (!('refused' in one)) console.log(statusText(one))
      } finally {
        await close(lifeboat)
      }
    })
}
