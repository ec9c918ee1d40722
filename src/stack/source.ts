import { isAlias, isMap, isScalar, isSeq, type ParsedNode, parseDocument, type YAMLError } from 'yaml'
import type { Place, Problem } from './problem.ts'

/** A YAML file as plain data, with the place of every key and value. */
export type Source = {
  /** Null-prototype maps, arrays and scalars; undefined where the text is not YAML that we take. */
  readonly value: unknown
  readonly problems: readonly Problem[]
  /** Place of a value (or of its key); of the nearest enclosing node where the path does not exist. */
  readonly locate: Locate
}

export type Path = readonly (string | number)[]
export type Locate = (path: Path, part?: 'key' | 'value') => Place

/** Larger files are not stack files: the largest sensible one (thousands of machines) is a tenth of it. */
export const MAX_SIZE_BYTES = 1024 * 1024
/** The language nests less than ten deep. */
const MAX_DEPTH = 32
const TOO_DEEP = `the language nests less than ${MAX_DEPTH} levels deep`
/** After a syntax error the rest is guesswork; so only the first few are shown. */
const MAX_SYNTAX_PROBLEMS = 3

/** Never throws. Aliases, anchors and tags are refused: the language has no use for them and they hide what is meant. */
export function readSource(text: string, file: string): Source {
  const root: Spot = { key: 0, value: 0, children: undefined }
  const starts = lineStarts(text)
  // Counted here and not by the parser's LineCounter, which misses lines where the parser gives up and begins again.
  const place = (offset: number): Place => {
    const at = Math.max(0, Math.min(offset, text.length))
    const line = lineOf(starts, at)
    return { file, line, column: at - (starts[line - 1] ?? 0) + 1 }
  }
  const problems: Problem[] = []
  const problem = (offset: number, what: string, hint: string | undefined): undefined => {
    problems.push({ level: 'error', at: place(offset), what, hint })
  }
  const locate: Locate = (path, part = 'value') => place(spotAt(root, path)[part])
  const source = (value: unknown): Source => ({ value, problems, locate })

  const unreadable = refuseText(text)
  if (unreadable !== undefined) {
    problem(unreadable.offset, unreadable.what, unreadable.hint)
    return source(undefined)
  }

  const parsed = parseYaml(text)
  if (parsed === 'too deep') {
    problem(0, 'nested too deeply to be read', TOO_DEEP)
    return source(undefined)
  }
  const { contents, errors } = parsed
  const overflow = errors.find((error) => /call stack|stack overflow/i.test(error.message))
  if (overflow !== undefined) {
    problem(overflow.pos[0], 'nested too deeply to be read', TOO_DEEP)
    return source(undefined)
  }
  if (errors.length > 0) {
    // The parser reports some mistakes twice at one place.
    const once = new Map(errors.map((error) => [`${error.pos[0]} ${error.code}`, error]))
    for (const error of [...once.values()].slice(0, MAX_SYNTAX_PROBLEMS)) {
      problem(error.pos[0], syntaxWords(error), syntaxHint(error))
    }
    return source(undefined)
  }
  if (contents === null || (isScalar(contents) && contents.value === null)) {
    problem(0, 'the file is empty', 'a stack file starts with `lifeboat: 1` and `stack: NAME`')
    return source(undefined)
  }
  return source(convert(contents, root, problem, 0))
}

function lineStarts(text: string): readonly number[] {
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}

/** The line, from 1, that an offset is in. */
function lineOf(starts: readonly number[], offset: number): number {
  let [low, high] = [0, starts.length - 1]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((starts[middle] ?? 0) <= offset) low = middle
    else high = middle - 1
  }
  return low + 1
}

/** Where a node and its key start in the text, and what is below it. */
type Spot = { key: number; value: number; children: Map<string | number, Spot> | undefined }
type Report = (offset: number, what: string, hint: string | undefined) => undefined

function refuseText(text: string): { offset: number; what: string; hint: string } | undefined {
  if (text.length > MAX_SIZE_BYTES || Buffer.byteLength(text) > MAX_SIZE_BYTES) {
    return { offset: 0, what: `the file is larger than ${MAX_SIZE_BYTES} bytes`, hint: 'is it a stack file?' }
  }
  // A decoder puts U+FFFD where bytes were not UTF-8.
  const offset = text.search(/[\uFFFD\0]/)
  if (offset < 0) return undefined
  return { offset, what: 'the file is not UTF-8 text here', hint: 'save it as UTF-8 without binary data' }
}

function parseYaml(text: string) {
  try {
    // uniqueKeys compares every key with every other: duplicates are found in `convert` instead.
    return parseDocument(text, { uniqueKeys: false, prettyErrors: false, logLevel: 'error' })
  } catch (error) {
    // The composer recurses: what exhausts the call stack is refused like any other nesting that is too deep.
    if (error instanceof RangeError) return 'too deep'
    throw error
  }
}

function convert(node: ParsedNode | null, spot: Spot, problem: Report, depth: number): unknown {
  if (node === null) return null
  spot.value = node.range[0]
  if (isAlias(node)) return problem(spot.value, 'aliases are not allowed', 'write the value out')
  if (node.anchor !== undefined)
    problem(spot.value, 'anchors are not allowed', 'write the value out where it is needed')
  if (node.tag !== undefined && !STANDARD_TAG.test(node.tag)) {
    problem(spot.value, `tags are not allowed: ${node.tag}`, 'leave the tag out')
  }
  if (depth > MAX_DEPTH) return problem(spot.value, 'nested too deeply', TOO_DEEP)
  if (isScalar(node)) return typeof node.value === 'bigint' ? Number(node.value) : node.value
  spot.children = new Map()
  if (isSeq(node)) {
    const list: unknown[] = []
    for (const [index, item] of node.items.entries()) {
      const child: Spot = { key: spot.value, value: spot.value, children: undefined }
      if (item !== null) child.key = (item as ParsedNode).range[0]
      spot.children.set(index, child)
      list.push(convert(item as ParsedNode | null, child, problem, depth + 1))
    }
    return list
  }
  if (!isMap(node)) return null
  const map: Record<string, unknown> = Object.create(null)
  for (const { key, value } of node.items as { key: ParsedNode; value: ParsedNode | null }[]) {
    const at = key?.range?.[0] ?? spot.value
    const name = isScalar(key) ? String(key.source ?? key.value) : undefined
    if (name === undefined || name === '' || name === '__proto__') {
      problem(at, 'a key must be a name', 'write `name: value`')
      continue
    }
    const child: Spot = { key: at, value: at, children: undefined }
    if (spot.children.has(name)) {
      problem(at, `duplicate name "${name}"`, 'each name can be given once: rename or remove one of them')
      convert(value, child, problem, depth + 1)
      continue
    }
    spot.children.set(name, child)
    map[name] = convert(value, child, problem, depth + 1)
  }
  return map
}

/** Tags such as `!!str` of the YAML core schema change nothing but the type, which the schema checks anyway. */
const STANDARD_TAG = /^tag:yaml\.org,2002:(str|int|float|bool|null|map|seq)$/

function spotAt(root: Spot, path: Path): Spot {
  let spot = root
  for (const step of path) {
    const next = spot.children?.get(step)
    // What is missing is shown at the key of what should hold it.
    if (next === undefined) return { ...spot, value: spot.key }
    spot = next
  }
  return spot
}

function syntaxWords(error: YAMLError): string {
  const [first = 'not YAML'] = error.message.split('\n')
  return `not valid YAML: ${first.charAt(0).toLowerCase()}${first.slice(1).replace(/[.:]$/, '')}`
}

function syntaxHint(error: YAMLError): string | undefined {
  return error.message.includes('and end with a') ? SYNTAX_HINTS.MISSING_CHAR : SYNTAX_HINTS[error.code]
}

const SYNTAX_HINTS: Partial<Record<string, string>> = {
  TAB_AS_INDENT: 'indent with spaces',
  BAD_INDENT: 'align it with the keys of the same level',
  MISSING_CHAR: 'a closing bracket, brace, quote, comma or colon is missing here or above',
  MULTIPLE_DOCS: 'one stack per file: remove what follows `---`',
  BLOCK_AS_IMPLICIT_KEY: 'a nested map starts on a line of its own; or use { } on one line',
  MULTILINE_IMPLICIT_KEY: 'is a colon missing?',
  UNEXPECTED_TOKEN: 'quote text that holds special characters',
  BAD_SCALAR_START: 'quote text that starts with a special character',
  BAD_ALIAS: 'quote text that starts with *',
}
