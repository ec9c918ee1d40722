import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { describe, expect, it } from 'vitest'

/** In the order in which data flows; an import goes only upwards in this list, and to lib. */
const layers = [
  'lib',
  'stack',
  'compile',
  'state',
  'plan',
  'operations',
  'engine',
  'outside',
  'execute',
  'report',
  'store',
  'api',
]
/** These wire, and may import everything. */
const wiring = ['lifeboat.ts', 'server', 'cli']
/** No clock, no randomness, no files, no network: values in, values out. */
const pure = ['lib', 'stack', 'compile', 'state', 'plan', 'operations', 'report']
const impure = /^node:(fs|net|tls|http|https|child_process|dns|os|process|timers|worker_threads|sqlite)/

const root = join(import.meta.dirname, '..', 'src')
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
const sources = files.filter((file) => !file.endsWith('.test.ts'))

describe('layers', () => {
  it('sees the sources', () => {
    expect(sources.length).toBeGreaterThan(50)
  })

  it.each(sources)('%s imports only what comes before it', (file) => {
    const own = file.split('/')[0] ?? ''
    for (const target of importsOf(file)) {
      if (!target.startsWith('.')) continue
      const layer = normalize(join(dirname(file), target)).split('/')[0] ?? ''
      if (wiring.includes(own) || layer === own) continue
      expect(
        layers,
        `${file} is in the unknown folder ${own}: add it to the list in ${relative(process.cwd(), import.meta.filename)}`,
      ).toContain(own)
      expect(
        layers.indexOf(layer) >= 0 && layers.indexOf(layer) < layers.indexOf(own),
        `${file} imports ${target}: ${own} may import only ${layers.slice(0, layers.indexOf(own)).join(', ')}; move what both need further up`,
      ).toBe(true)
    }
  })

  it.each(sources.filter((file) => pure.includes(file.split('/')[0] ?? '')))('%s does no input or output', (file) => {
    if (file === 'lib/clock.ts' || file === 'stack/json-schema.ts') return
    expect(
      importsOf(file).filter((target) => impure.test(target)),
      `${file}: take it as an argument`,
    ).toEqual([])
    const text = readFileSync(join(root, file), 'utf8')
    expect(
      /\bDate\.now\(\)|new Date\(\)|Math\.random\(\)/.test(text),
      `${file} reads the clock or rolls dice: take it as an argument`,
    ).toBe(false)
  })
})

function importsOf(file: string): readonly string[] {
  const text = readFileSync(join(root, file), 'utf8')
  return [
    ...text.matchAll(/^(?:import|export)\s[^'"]*?from\s+['"]([^'"]+)['"]/gms),
    ...text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g),
  ].map((match) => match[1] ?? '')
}
