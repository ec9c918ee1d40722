import type { Place, Problem } from './problem.ts'
import { clipTo, problemsOfSchema } from './problems-of-schema.ts'
import { resolve } from './resolve.ts'
import { StackFile } from './schema.ts'
import { type Path, readSource } from './source.ts'
import type { Stack } from './stack.ts'
import { validate } from './validate.ts'
import { type Report, viewOf } from './view.ts'

export type Parsed = {
  /** Absent where there is an error; warnings do not stand in the way. */
  readonly stack: Stack | undefined
  /** All that is wrong, in the order of the file. */
  readonly problems: readonly Problem[]
  /** Place of a value by its path in the file, such as `['secrets', 'shop-tls', 'file']`. */
  locate(path: Path): Place
}

/**
 * A stack file's text, checked and resolved; `file` is only its name in problems. Never throws on any text.
 * What stands by itself is judged by the schema; what depends on other parts of the file by `validate`, also when the
 * schema had complaints: then over the entries that it had none about.
 */
export function parseStack(text: string, file: string): Parsed {
  const { value, problems: found, locate } = readSource(text, file)
  const problems = [...found]
  const done = (stack: Stack | undefined): Parsed => ({ stack, problems: inOrder(problems).map(printable), locate })
  if (value === undefined) return done(undefined)

  const first = StackFile.safeParse(value)
  let checked = first.data
  if (!first.success) {
    const complaints = problemsOfSchema(first.error.issues, value, locate)
    problems.push(...complaints.map(({ problem }) => problem))
    checked = StackFile.safeParse(withoutBroken(value, complaints)).data
  }
  if (checked === undefined) return done(undefined)

  const report: Report = (level, at, what, hint, part = 'value') =>
    problems.push({ level, at: locate(at, part), what, hint })
  const view = viewOf(checked, value, first.success && found.length === 0)
  validate(view, report)
  return done(problems.some(({ level }) => level === 'error') ? undefined : resolve(view))
}

/**
 * The value without unknown keys and without the entries (`machines.web`, `secrets.x`) or whole sections that do not fit
 * the schema; what must be there and is not gets a stand-in, so that the rest can be judged.
 */
function withoutBroken(value: unknown, complaints: readonly { path: Path; unknown_key: boolean }[]): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const copy = structuredClone({ ...value }) as Record<string, unknown>
  for (const { path, unknown_key } of complaints) {
    const section = path[0]
    const entries = section === undefined ? undefined : copy[section]
    if (section === undefined) continue
    if (unknown_key) remove(copy, path)
    else if (path.length > 1 && typeof entries === 'object' && entries !== null && !Array.isArray(entries)) {
      if (SINGLE.has(String(section))) delete copy[section]
      else delete (entries as Record<string, unknown>)[String(path[1])]
    } else delete copy[section]
  }
  return { ...STAND_INS, ...copy }
}

/** Sections that are one entry. */
const SINGLE = new Set(['protect'])
const STAND_INS = { lifeboat: 1, stack: 'stack', segments: {}, machines: {}, appliances: {} }

function remove(root: Record<string, unknown>, path: Path): void {
  let parent: unknown = root
  for (const step of path.slice(0, -1)) {
    if (typeof parent !== 'object' || parent === null) return
    parent = (parent as Record<string | number, unknown>)[step]
  }
  if (typeof parent === 'object' && parent !== null) delete (parent as Record<string | number, unknown>)[path.at(-1)!]
}

/** What comes from the file may hold anything: a problem is a line, and its hint is one. */
function printable({ level, at, what, hint }: Problem): Problem {
  return { level, at, what: clipTo(LONGEST, what), hint: hint === undefined ? undefined : clipTo(LONGEST, hint) }
}

const LONGEST = 1000

function inOrder(problems: readonly Problem[]): readonly Problem[] {
  return problems.toSorted((a, b) => a.at.line - b.at.line || a.at.column - b.at.column)
}
