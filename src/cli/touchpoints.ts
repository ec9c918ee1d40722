import { Command } from 'commander'
import { type Assumptions, parseAssumptions, usualAssumptions } from '../operations/assumptions.ts'
import { touchpointsOf, touchpointsText } from '../report/touchpoints.ts'
import type { Problem } from '../stack/problem.ts'
import { readText } from '../store/files.ts'
import { printJson, printProblems, readStackFile } from './common.ts'
import { exit } from './exit-codes.ts'

export function touchpointsCommand(): Command {
  return new Command('touchpoints')
    .description('what a move of a stack touches outside it, beside what it would touch on physical gear')
    .argument('<file>', 'stack file')
    .option('--assume <file>', 'YAML with what is assumed of the physical gear; shown with its defaults in the output')
    .option('--json', 'as JSON')
    .action((file: string, options: { assume?: string; json?: boolean }) => {
      const json = options.json === true
      const { stack, problems } = readStackFile(file)
      const { assumptions, wrong } = options.assume === undefined ? usual : readAssumptions(options.assume)
      if (stack === undefined || assumptions === undefined) {
        printProblems([...(stack === undefined ? problems : []), ...wrong], json)
        process.exitCode = exit.problems
        return
      }
      const found = touchpointsOf(stack, assumptions)
      if (json) printJson(found)
      else process.stdout.write(touchpointsText(found))
    })
}

type Assumed = { readonly assumptions: Assumptions | undefined; readonly wrong: readonly Problem[] }

const usual: Assumed = { assumptions: usualAssumptions, wrong: [] }

function readAssumptions(file: string): Assumed {
  const { assumptions, problems } = parseAssumptions(readText(file))
  const hint = 'what can be assumed stands at the end of the output, with its defaults'
  return {
    assumptions,
    wrong: problems.map(({ line, column, what }) => ({ level: 'error', at: { file, line, column }, what, hint })),
  }
}
