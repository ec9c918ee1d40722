import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseStack } from '../../src/stack/parse.ts'
import { formatProblem } from '../../src/stack/problem.ts'

/** Each NAME.yaml has the problems of NAME.txt. After a change that is meant: UPDATE_GOLDEN=1 npx vitest run test/problems */
const here = new URL('.', import.meta.url)
const update = process.env.UPDATE_GOLDEN === '1'
const files = readdirSync(here).filter((name) => name.endsWith('.yaml'))

for (const name of files) {
  test(`${name} has the problems that are written beside it`, () => {
    const { stack, problems } = parseStack(read(name), name)
    const found = problems.map((problem) => `${formatProblem(problem)}\n`).join('')
    const golden = name.replace(/yaml$/, 'txt')
    if (update) writeFileSync(new URL(golden, here), found)
    expect(found).toBe(read(golden))
    expect(problems.length).toBeGreaterThan(0)
    expect(stack === undefined).toBe(problems.some(({ level }) => level === 'error'))
  })
}

/** Files that hold what is said to the writer of a stack file. */
const SPEAKING = /^(check-.*|rule-ends|source|nearest|schema|problems-of-schema)\.ts$/

/** Cannot be in a file beside this one: it would be large. `source.test.ts` has it. */
const ELSEWHERE = [/larger than/, /too deeply to be read/, /is it a stack file/, /and \d+ more/]

test('every sentence that the code can say occurs in some file here', () => {
  const said = files.map((name) => read(name.replace(/yaml$/, 'txt'))).join('')
  const stack = new URL('../../src/stack/', import.meta.url)
  const sentences = readdirSync(stack)
    .filter((name) => SPEAKING.test(name))
    .flatMap((name) => sentencesIn(readFileSync(new URL(name, stack), 'utf8')).map((text) => ({ name, text })))
  expect(sentences.length).toBeGreaterThan(80)
  const silent = sentences.filter(
    ({ text }) => !ELSEWHERE.some((known) => known.test(text)) && !pattern(text).test(said),
  )
  expect(silent).toEqual([])
})

/** Texts of at least three words that are no comment and no description of the schema; a hole is `\0`. */
function sentencesIn(source: string): readonly string[] {
  return literalsIn(source)
    .filter(({ before }) => !/(\.describe\(|duration\(|description:)\s*$/.test(before))
    .map(({ text }) => text)
    .filter((text) => / \S+ /.test(text))
}

/** String literals outside of comments, with the code before them; those inside holes of templates count by themselves. */
function literalsIn(source: string): readonly { text: string; before: string }[] {
  const found: { text: string; before: string }[] = []
  let at = 0
  const code = (end: string): void => {
    let depth = 0
    for (; at < source.length; at++) {
      const here = source[at]!
      if (depth === 0 && here === end) return
      if (here === '{') depth += 1
      else if (here === '}') depth -= 1
      else if (source.startsWith('//', at)) at = source.indexOf('\n', at)
      else if (source.startsWith('/*', at)) at = source.indexOf('*/', at) + 1
      else if (source[at] === '/' && /[(,=:?]\s*$|return $/.test(source.slice(Math.max(0, at - 8), at)))
        regularExpression()
      else if (here === "'" || here === '"' || here === '`') literal(here)
    }
  }
  const regularExpression = (): void => {
    for (at += 1; source[at] !== '/'; at++) {
      if (source[at] === '[') while (source[at] !== ']') at += source[at] === '\\' ? 2 : 1
      else if (source[at] === '\\') at += 1
    }
  }
  const literal = (quote: string): void => {
    const before = source.slice(Math.max(0, at - 40), at)
    let text = ''
    for (at += 1; source[at] !== quote; at++) {
      if (source[at] === '\\') {
        at += 1
        text += source[at] === 'n' ? '\n' : source[at]
      } else if (quote === '`' && source.startsWith('${', at)) {
        at += 2
        code('}')
        text += '\0'
      } else text += source[at]
    }
    found.push({ text, before })
  }
  code('')
  return found
}

function pattern(sentence: string): RegExp {
  // A problem has a line for itself and one for its hint.
  const parts = sentence.split(/[\0\n]/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(parts.join('[^]{0,200}'))
}

function read(name: string): string {
  return readFileSync(new URL(name, here), 'utf8')
}
