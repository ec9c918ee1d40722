import { type Document, isMap, isScalar, LineCounter, parseDocument } from 'yaml'
import type { z } from 'zod'

/** One thing that is wrong with a YAML file; both numbers count from 1. */
export type YamlProblem = { readonly line: number; readonly column: number; readonly what: string }

export type YamlRead<T> = { readonly value: T | undefined; readonly problems: readonly YamlProblem[] }

/** As for stack files: whatever is larger is something else. */
const MOST_BYTES = 1024 * 1024

/**
 * A settings file by its schema: the value, or all problems at once, each with its place. Never throws. `begins` is its
 * first line, such as `lifeboat-sites: 1`; undefined where a file that says nothing is good.
 */
export function readYaml<T>(text: string, schema: z.ZodType<T>, begins: string | undefined): YamlRead<T> {
  const lines = new LineCounter()
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return { line, column: col }
  }
  const none = (what: string, place = { line: 1, column: 1 }): YamlRead<T> => ({
    value: undefined,
    problems: [{ ...place, what }],
  })
  if (Buffer.byteLength(text) > MOST_BYTES)
    return none(`the file is larger than ${MOST_BYTES} bytes: is it the right one?`)
  // A decoder puts U+FFFD where bytes were not UTF-8.
  const broken = text.search(/[\uFFFD\0]/)
  if (broken >= 0) {
    const before = text.slice(0, broken).split('\n')
    const place = { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
    return none('the file is not UTF-8 text here: is it the right one?', place)
  }
  try {
    const doc = parseDocument(text, { lineCounter: lines, uniqueKeys: true })
    if (doc.errors.length > 0)
      return {
        value: undefined,
        problems: doc.errors.map((error) => ({ ...at(error.pos[0]), what: error.message.split('\n')[0] ?? '' })),
      }
    const empty = doc.contents === null
    if (!isMap(doc.contents) && !(empty && begins === undefined)) {
      const what = empty ? 'the file is empty' : 'these are not names with values'
      return none(`${what}${begins === undefined ? '' : `: it begins with \`${begins}\``}`)
    }
    const parsed = schema.safeParse(doc.toJS({ maxAliasCount: 10 }) ?? {})
    if (parsed.success) return { value: parsed.data, problems: [] }
    const problems = parsed.error.issues.flatMap((issue) => {
      const path = issue.path.map(String)
      if (issue.code === 'unrecognized_keys')
        return issue.keys.map((key) => {
          const what = `${[...path, key].join('.')}: there is no such key`
          return { ...at(keyIn(doc, path, key) ?? placeOf(doc, path)), what }
        })
      const why = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message
      return [{ ...at(placeOf(doc, path)), what: `${path.join('.')}${path.length === 0 ? '' : ': '}${why}` }]
    })
    return { value: undefined, problems }
  } catch (error) {
    // The parser recurses, and ends with an error where aliases would unfold without end.
    if (error instanceof RangeError) return none('nested too deeply to be read')
    if (error instanceof ReferenceError) return none(`aliases: ${error.message}; write the values out`)
    throw error
  }
}

function keyIn(doc: Document, path: readonly string[], name: string): number | undefined {
  const map = path.length === 0 ? doc.contents : doc.getIn(path, true)
  const pair = isMap(map) ? map.items.find(({ key }) => isScalar(key) && String(key.value) === name) : undefined
  return isScalar(pair?.key) ? pair.key.range?.[0] : undefined
}

/** Where a value is, or what it is missing in. */
function placeOf(doc: Document, path: readonly string[]): number {
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? doc.contents : doc.getIn(path.slice(0, length), true)
    const range = (node as { readonly range?: readonly number[] } | null | undefined)?.range
    if (range?.[0] !== undefined) return range[0]
  }
  return 0
}
