import { writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { report } from '../lifeboat.ts'
import { reportHtml } from '../report/html.ts'
import { reportText, stepLine } from '../report/text.ts'
import { fail } from './common.ts'
import { exit } from './exit-codes.ts'
import { planned } from './history.ts'
import { openState } from './open.ts'

type Options = { readonly steps?: boolean; readonly html?: string; readonly json?: boolean }

export function reportCommand(): Command {
  return new Command('report')
    .description('explain an operation: phases, numbers, touch points, what was not tested')
    .argument('[operation]', 'id of an operation (default: the last one)')
    .option('--steps', 'every step')
    .option('--html <file>', 'write it as one HTML file, to keep or to hand on')
    .option('--json', 'as JSON')
    .action((operation: string | undefined, options: Options, command: Command) => {
      const store = openState(command)
      const id = operation ?? planned(store).at(-1)
      if (id === undefined) return fail(exit.problems, `no operation was run from here: ${store.dir} holds no journal`)
      if (!store.list().includes(id))
        return fail(
          exit.problems,
          `there is no operation "${id}" in ${store.dir}`,
          'lifeboat history lists those there are',
        )
      const found = report({ store }, id)
      if (options.html !== undefined) writeFileSync(options.html, reportHtml(found))
      if (options.json === true) console.log(JSON.stringify(found, undefined, 2))
      else if (options.html !== undefined) console.log(`${id}: written to ${options.html}`)
      else {
        console.log(reportText(found))
        if (options.steps === true) for (const step of found.steps) console.log(`  ${stepLine(step)}`)
      }
    })
}
