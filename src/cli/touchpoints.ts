import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { type Assumptions, parseAssumptions, usualAssumptions } from '../operations/assumptions.ts'
import { touchpointsOf, touchpointsText } from '../report/touchpoints.ts'
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
      const assumptions = options.assume === undefined ? usualAssumptions : readAssumptions(options.assume)
      if (stack === undefined) printProblems(problems, json)
      if (stack === undefined || assumptions === undefined) {
        process.exitCode = exit.problems
        return
      }
      const found = touchpointsOf(stack, assumptions)
      if (json) printJson(found)
      else process.stdout.write(touchpointsText(found))
    })
}

function readAssumptions(file: string): Assumptions | undefined {
  const { assumptions, problems } = parseAssumptions(readFileSync(file, 'utf8'))
  for (const each of problems) console.error(`${file}:${each.line}:${each.column}: error: ${each.what}`)
  return assumptions
}
