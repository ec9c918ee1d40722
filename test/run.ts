import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { leftovers } from '../lab/leftovers.ts'

/**
 * All checks and tests, first those that need nothing, then those on the lab; ends with `N passed, N failed`, counted from what ran.
 * A test on the lab that was skipped, and a lab that is still there afterwards, count as failed.
 */
const root = join(import.meta.dirname, '..')
const results = join(root, '.results')
rmSync(results, { recursive: true, force: true })
mkdirSync(results)

const bin = (name: string) => join(root, 'node_modules/.bin', name)
const checks = [
  ['lint and format', [bin('biome'), 'check', '--error-on-warnings', '.']],
  ['types', [bin('tsc')]],
  ['dead code', [bin('knip')]],
] as const

type Results = {
  readonly numTotalTests: number
  readonly numPassedTests: number
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message?: string
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[]
  }[]
}

let passed = 0
let skipped = 0
const failed: string[] = []

for (const [name, argv] of checks) {
  console.log(`\n== ${name}`)
  if ((await run(argv)) === 0) passed++
  else failed.push(`${name}: see above`)
}
for (const project of ['unit', 'lab']) {
  console.log(`\n== ${project} tests`)
  const file = join(results, `${project}.json`)
  const exit = await vitest(project, file)
  const before = failed.length
  const found = read(file)
  if (found === undefined || found.numTotalTests === 0) failed.push(`${project}: no test ran`)
  else {
    passed += found.numPassedTests
    for (const each of found.testResults) {
      for (const one of each.assertionResults) {
        if (one.status === 'passed') continue
        if (project === 'unit' && ['skipped', 'pending', 'todo'].includes(one.status)) skipped++
        else failed.push(`${project}: ${one.fullName} (${one.status})`)
      }
      if (each.status !== 'passed' && each.assertionResults.every((one) => one.status !== 'failed'))
        failed.push(`${project}: ${each.name} (${each.message ?? 'did not load'})`)
    }
  }
  if (exit !== 0 && failed.length === before) failed.push(`${project}: the runner ended with ${exit}`)
}
const left = await leftovers()
if (left.length === 0) passed++
else failed.push(...left.map((each) => `left behind: ${each}`))

for (const each of failed) console.log(`failed: ${each}`)
console.log(`${passed} passed, ${failed.length} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`)
process.exitCode = failed.length === 0 ? 0 : 1

function vitest(project: string, file: string): Promise<number> {
  const program = join(root, 'node_modules/vitest/vitest.mjs')
  return run([
    process.execPath,
    program,
    'run',
    '--project',
    project,
    '--reporter=dot',
    '--reporter=json',
    `--outputFile.json=${file}`,
  ])
}

function run(argv: readonly string[]): Promise<number> {
  const child = spawn(argv[0] ?? '', argv.slice(1), { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  return new Promise((resolve) => child.on('exit', (code) => resolve(code ?? 1)))
}

function read(file: string): Results | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Results
  } catch {
    return undefined
  }
}
