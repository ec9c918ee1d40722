/** Something wrong with a file that a person wrote. Problems are values; all of a file are reported at once. */
export type Problem = {
  readonly level: 'error' | 'warning'
  readonly at: Place
  /** One sentence, lower case, no final dot: `unknown segment "fornt"`. */
  readonly what: string
  /** What to do: `did you mean "front"?` */
  readonly hint: string | undefined
}

/** Line and column count from 1. */
export type Place = { readonly file: string; readonly line: number; readonly column: number }

/** `stack.yaml:12:5: unknown segment "fornt"` and the hint on a line of its own. */
export function formatProblem(problem: Problem): string {
  const { file, line, column } = problem.at
  const level = problem.level === 'warning' ? 'warning: ' : ''
  const head = `${file}:${line}:${column}: ${level}${problem.what}`
  return problem.hint === undefined ? head : `${head}\n  hint: ${problem.hint}`
}
