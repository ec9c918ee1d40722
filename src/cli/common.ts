import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { styleText } from 'node:util'
import stringWidth from 'string-width'
import type { Raw } from '../compile/raw.ts'
import { sha256 } from '../lib/digest.ts'
import { certificateProblems } from '../stack/certificates.ts'
import { parseStack } from '../stack/parse.ts'
import { formatProblem, type Problem } from '../stack/problem.ts'
import type { Stack } from '../stack/stack.ts'
import type { Sites } from '../state/sites.ts'
import { readText } from '../store/files.ts'
import { sitesProblems } from './check-sites.ts'
import { exit } from './exit-codes.ts'

export type StackOnDisk = {
  /** Absent where there is an error. */
  readonly stack: Stack | undefined
  readonly problems: readonly Problem[]
}

/**
 * Reads and checks a stack file, sees whether the files of its secrets are there, and what these sites lack for it. Throws what
 * the file system throws.
 */
export function readStackFile(file: string, sites?: Sites): StackOnDisk {
  // Bytes that are not UTF-8 become U+FFFD, which the parser tells with its place.
  const { stack, problems, locate } = parseStack(readText(file), file)
  const missing = (stack?.secrets ?? []).filter((secret) => !existsSync(resolve(dirname(file), secret.file)))
  const warnings = missing.map(
    (secret): Problem => ({
      level: 'warning',
      at: locate(['secrets', secret.name, 'file']),
      what: `secret "${secret.name}" is not there: no file ${secret.file}`,
      hint: 'it is needed when the stack is deployed; the path is relative to the stack file',
    }),
  )
  const certificates = stack === undefined ? [] : certificateProblems(stack, secretContents(file, stack), new Date())
  const wrong = certificates.map(({ level, at, what, hint }): Problem => ({ level, at: locate(at), what, hint }))
  const lacking = stack === undefined || sites === undefined ? [] : sitesProblems(stack, sites, locate)
  const found = [...problems, ...warnings, ...wrong, ...lacking].toSorted(
    (a, b) => a.at.line - b.at.line || a.at.column - b.at.column,
  )
  return { stack: found.some(({ level }) => level === 'error') ? undefined : stack, problems: found }
}

/** What the secrets hold that can be read, by name. */
function secretContents(file: string, stack: Stack): Readonly<Record<string, string>> {
  const found = stack.secrets.filter((secret) => existsSync(resolve(dirname(file), secret.file)))
  return Object.fromEntries(
    found.map((secret) => [secret.name, readFileSync(resolve(dirname(file), secret.file), 'utf8')]),
  )
}

/** Digests of the secrets that are there, by name. */
export function secretDigests(file: string, stack: Stack): Readonly<Record<string, string>> {
  const found = stack.secrets.filter((secret) => existsSync(resolve(dirname(file), secret.file)))
  return Object.fromEntries(
    found.map((secret) => [secret.name, sha256(readFileSync(resolve(dirname(file), secret.file)))]),
  )
}

/** Problems as JSON on stdout, or for people on stderr. */
export function printProblems(problems: readonly Problem[], json: boolean): void {
  if (json) {
    printJson({ problems })
    return
  }
  for (const problem of problems)
    console.error(paint(problem.level === 'error' ? 'red' : 'yellow', formatProblem(problem), 'stderr'))
  const errors = problems.filter(({ level }) => level === 'error').length
  const warnings = problems.length - errors
  if (problems.length > 1)
    console.error([counted(errors, 'error'), counted(warnings, 'warning')].filter((each) => each !== '').join(', '))
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`)
}

/** Says why and sets the exit code; what has been printed is still written out. */
export function fail(code: number, message: string, hint?: string): void {
  console.error(`lifeboat: ${message}${hint === undefined ? '' : `\n      ${hint}`}`)
  if (asksForJson()) tell(code, message, hint)
  process.exitCode = code
}

/** The same as a program reads it: every command that takes --json prints one value, whatever comes of it. */
export function tell(code: number, what: string, hint?: string): void {
  printJson({ refused: [{ level: 'error', what, hint, needs: code === exit.person ? 'person' : 'change' }] })
}

export const asksForJson = (): boolean => process.argv.includes('--json')

/** Aligned columns under a heading; nothing where there are no rows. The last column is not padded. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return ''
  const widths = heading.map((title) => stringWidth(title))
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, stringWidth(cell))
  }
  const line = (row: readonly string[]) =>
    row
      .map((cell, index) => cell + ' '.repeat((widths[index] ?? 0) - stringWidth(cell)))
      .join('  ')
      .trimEnd()
  return `${[paint('dim', line(heading)), ...rows.map(line)].join('\n')}\n`
}

/** What nobody checks is shown wherever the stack is. */
export function rawTable(raw: readonly Raw[]): string {
  const rows = raw.flatMap(({ appliance, where, lines }) =>
    lines.map((line, index) => (index === 0 ? [appliance, where, line] : ['', '', line])),
  )
  return table(['RAW IN', 'WHERE', 'LINE, NOT CHECKED BY ANYBODY'], rows)
}

/** Colour only where a person looks at it: on a terminal, and without NO_COLOR. */
export function paint(
  colour: 'red' | 'yellow' | 'green' | 'dim',
  text: string,
  to: 'stdout' | 'stderr' = 'stdout',
): string {
  return styleText(colour, text, { stream: process[to] })
}

/** `2 errors`, `1 error`, or nothing at all. */
export function counted(count: number, noun: string): string {
  return count === 0 ? '' : `${count} ${noun}${count === 1 ? '' : 's'}`
}
