import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'

/** Documents that name what is not there are worse than none. */
const root = join(import.meta.dirname, '..')
const documents = [
  'README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file)),
]
const commands = new Set(
  [...readFileSync(join(root, 'src/cli/main.ts'), 'utf8').matchAll(/^ {2}(\w+): async \(\) =>/gm)].map(
    (each) => each[1],
  ),
)

describe.each(documents)('%s', (document) => {
  const text = readFileSync(join(root, document), 'utf8')

  it('links to what is there', () => {
    const links = [...text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map((each) => each[1] ?? '')
    const missing = links.filter((link) => !/^[a-z]+:/.test(link) && !existsSync(join(root, dirname(document), link)))
    expect(missing).toEqual([])
  })

  it('shows commands that there are', () => {
    const shown = [...text.matchAll(/(?:`|\$ |^ *)(?:\.\/)?lifeboat ([a-z]+)\b/gm)].map((each) => each[1] ?? '')
    expect(shown.filter((command) => !commands.has(command))).toEqual([])
  })
})

it('sees the commands', () => {
  expect(commands.size).toBeGreaterThan(10)
})
