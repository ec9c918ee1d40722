import type { z } from 'zod'
import { suggest } from './nearest.ts'
import type { Problem } from './problem.ts'
import type { Locate, Path } from './source.ts'

/** What zod found, as problems at the very key or value; `path` says what can not be used any further. */
export type SchemaProblem = { readonly problem: Problem; readonly path: Path; readonly unknown_key: boolean }

type Issue = z.core.$ZodIssue

export function problemsOfSchema(issues: readonly Issue[], value: unknown, locate: Locate): readonly SchemaProblem[] {
  return issues.flatMap((issue) => problemsOf(issue, [], value, locate))
}

function problemsOf(issue: Issue, above: Path, root: unknown, locate: Locate): readonly SchemaProblem[] {
  const path = [...above, ...(issue.path as (string | number)[])]
  const value = valueAt(root, path)
  const problem = (what: string, hint: string | undefined): SchemaProblem[] => [
    { problem: { level: 'error', at: locate(path), what, hint }, path, unknown_key: false },
  ]
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        problem: {
          level: 'error',
          at: locate([...path, key], 'key'),
          what: `unknown key "${clip(key)}"`,
          hint: suggest(key, issue.message.split(' '), 'keys'),
        },
        path: [...path, key],
        unknown_key: true,
      }))
    case 'invalid_union': {
      // Of the alternatives the one is meant that got further than the type of the whole.
      const meant = issue.errors.find((branch) =>
        branch.some((inner) => inner.path.length > 0 || inner.code !== 'invalid_type'),
      )
      const shown = meant ?? issue.errors[0] ?? []
      return shown.flatMap((inner) => problemsOf(inner as Issue, path, root, locate))
    }
    case 'invalid_type':
    case 'invalid_value':
    case 'invalid_format':
    case 'custom':
    case 'too_small':
    case 'too_big': {
      const expected = expectation(issue)
      if (value === undefined)
        return problem(
          `missing "${path.at(-1) ?? 'value'}"`,
          expected.hint === undefined ? `it is ${expected.noun}` : `${expected.noun}, ${expected.hint}`,
        )
      return problem(`expected ${expected.noun}, found ${shown(value)}`, expected.hint)
    }
    case 'invalid_key':
    case 'invalid_element':
    case 'not_multiple_of':
      return problem(issue.message, undefined)
  }
}

/** The schema's own message (noun and hint, on two lines) where it has one, else the type in words. */
function expectation(issue: Issue): { noun: string; hint: string | undefined } {
  const [noun = '', hint] = issue.message.split('\n')
  if (hint !== undefined) return { noun, hint }
  switch (issue.code) {
    case 'invalid_type':
      return { noun: TYPES[issue.expected] ?? issue.expected, hint: HINTS[issue.expected] }
    case 'invalid_value':
      return issue.values.length === 1
        ? { noun: String(issue.values[0]), hint: undefined }
        : { noun: `one of ${issue.values.join(', ')}`, hint: undefined }
    case 'too_small':
      return issue.origin === 'array'
        ? { noun: `at least ${issue.minimum} entry`, hint: 'such as [name]' }
        : { noun: `a number of at least ${issue.minimum}`, hint: undefined }
    case 'too_big':
      return { noun: `a number of at most ${issue.maximum}`, hint: undefined }
    default:
      return { noun: issue.message, hint: undefined }
  }
}

const TYPES: Partial<Record<string, string>> = {
  object: 'a map',
  record: 'a map of names',
  array: 'a list',
  string: 'text',
  boolean: 'true or false',
  number: 'a number',
  int: 'a whole number',
}

const HINTS: Partial<Record<string, string>> = {
  object: 'write `key: value` lines below it, or { key: value }',
  record: 'write `name: ...` lines below it',
  array: 'write [a, b], or lines that start with `- `',
}

function shown(value: unknown): string {
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'object') return 'a map'
  if (typeof value === 'string') return value === '' ? 'empty text' : `"${clip(value)}"`
  return String(value)
}

/** A problem is one line: no line breaks or control characters of the file in it, and no endless text. */
export function clip(text: string): string {
  return clipTo(60, text)
}

export function clipTo(longest: number, text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not reach a terminal
  const plain = text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]+/g, ' ')
  return plain.length > longest ? `${plain.slice(0, longest - 3)}...` : plain
}

function valueAt(root: unknown, path: Path): unknown {
  let value = root
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = Object.hasOwn(value, step) ? (value as Record<string | number, unknown>)[step] : undefined
  }
  return value
}
