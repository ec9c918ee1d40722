import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { makeCertificate } from '../examples/certificate.ts'
import { ensureImages } from '../lab/images/images.ts'
import { endLabs, runLabFiles } from './worlds.ts'

/**
 * All checks and tests, first those that need nothing, then those on the lab; ends with `N passed, N failed`, counted from what ran.
 * A test on the lab that was skipped, and a lab that is still there afterwards, count as failed. LIFEBOAT_TEST_MINUTES: after
 * so many no further file of lab tests is begun; each that was not is named, and counts as failed.
 */
const minutes = Number(process.env.LIFEBOAT_TEST_MINUTES ?? Number.POSITIVE_INFINITY)
const within_ms = minutes * 60_000
const root = join(import.meta.dirname, '..')
const results = join(root, '.results')
rmSync(results, { recursive: true, force: true })
mkdirSync(results)

const bin = (name: string) => join(root, 'node_modules/.bin', name)
const checks = [
  ['lint and format', [bin('biome'), 'check', '--error-on-warnings', '.']],
  ['types', [bin('tsc')]],
  ['types of the page', [bin('tsc'), '-p', 'web']],
  ['dead code', [bin('knip')]],
] as const

type Results = {
  readonly numTotalTests: number
  readonly numPassedTests: number
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message?: string
    readonly assertionResults: readonly {
      readonly fullName: string
      readonly status: string
      readonly failureMessages?: readonly string[]
    }[]
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
console.log('\n== unit tests')
const unit = join(results, 'unit.json')
count('unit', unit, await vitest('unit', unit))

console.log('\n== browser tests')
const browser = join(results, 'browser.json')
count('browser', browser, await vitest('browser', browser))

console.log('\n== lab tests')
try {
  await ensureImages(console.log, ['wiki'])
  for (const stack of ['shop', 'wiki']) await makeCertificate(join(root, 'examples', stack, 'secrets'), stack)
  const { not_begun } = await runLabFiles(
    results,
    within_ms - performance.now(),
    ({ file, results: at, exit, said, took_s }) => {
      const before = failed.length
      const tests = count(file, at, exit)
      const verdict = failed.length === before ? 'passed' : 'FAILED'
      console.log(`${verdict}  ${file}  ${tests} tests, ${took_s} s`)
      if (verdict !== 'passed') console.log(said.trimEnd())
    },
  )
  failed.push(...not_begun.map((file) => `${file}: not run, ${minutes} minutes were over`))
} catch (error) {
  failed.push(`lab: ${error instanceof Error ? error.message : String(error)}`)
}
const left = await endLabs()
if (left.length === 0) passed++
else failed.push(...left.map((each) => `left behind: ${each}`))

for (const each of failed) console.log(`failed: ${each}`)
console.log(`${passed} passed, ${failed.length} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`)
process.exitCode = failed.length === 0 ? 0 : 1

/** Adds what a runner wrote to the counts; answers how many tests it knows. */
function count(what: string, file: string, exit: number): number {
  const before = failed.length
  const found = read(file)
  if (found === undefined || found.numTotalTests === 0) failed.push(`${what}: no test ran`)
  else {
    passed += found.numPassedTests
    for (const each of found.testResults) {
      for (const one of each.assertionResults) {
        if (one.status === 'passed') continue
        if (['unit', 'browser'].includes(what) && ['skipped', 'pending', 'todo'].includes(one.status)) skipped++
        else failed.push(`${what}: ${one.fullName} (${reason(one.failureMessages?.[0]) ?? one.status})`)
      }
      if (each.status !== 'passed' && each.assertionResults.every((one) => one.status !== 'failed'))
        failed.push(`${what}: ${each.name} (${each.message ?? 'did not load'})`)
    }
  }
  if (exit !== 0 && failed.length === before) failed.push(`${what}: the runner ended with ${exit}`)
  return found?.numTotalTests ?? 0
}

/** The first lines of a failure and its place in a test: a log of an hour may be read from its end only. */
function reason(message: string | undefined): string | undefined {
  if (message === undefined) return undefined
  const lines = message.split('\n').map((line) => line.trim())
  const stack = lines.findIndex((line) => line.startsWith('at '))
  const told = lines.slice(0, stack < 0 ? 6 : Math.min(stack, 6)).join(' | ')
  const place = lines.map((line) => /(?:test|src)\/[^ ()]*\.test\.ts:\d+/.exec(line)?.[0]).find(Boolean)
  return `${told.slice(0, 600)}${place === undefined ? '' : ` at ${place}`}`
}

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
