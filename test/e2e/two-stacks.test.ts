import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeSecrets } from '../../examples/wiki/make-secrets.ts'
import { eventually, stackFile, verb } from '../../lab/demo/story.ts'
import { exec, killSite, labPaths, trust } from '../../lab/lab.ts'
import type { Report } from '../../src/report/report.ts'
import { type Eavesdropper, eavesdrop } from './eavesdrop.ts'
import { emptyStage, instances, removeShop } from './stage.ts'

// On the lab: 110 s

/**
 * Two stacks with the same prefixes, machine names and addresses at the same sites: deployed, replicated, drilled and failed
 * over at the same time. One of them is software that nobody here wrote. Every frame that a kernel saw meanwhile is judged.
 */
const stacks = ['shop', 'wiki'] as const
const wikiFile = join(import.meta.dirname, '../../examples/wiki/stack.yaml')
const page = { title: 'Rope', before: 'Ten metres of rope.', after: 'Twenty metres of rope.' }

let ears: Readonly<Record<'east' | 'west', Eavesdropper>>
let drills: readonly Report[]
let failovers: readonly Report[]
let texts: { readonly atEast: string; readonly atWest: string; readonly again: string }
let addresses: readonly (readonly string[])[]

beforeAll(async () => {
  const { ca } = await emptyStage('wiki')
  await removeShop('wiki')
  const wiki = await makeSecrets(join(import.meta.dirname, '../../examples/wiki/secrets'))
  const both = join(labPaths.run, 'both-cas.crt')
  writeFileSync(both, `${readFileSync(ca, 'utf8')}${readFileSync(wiki.ca, 'utf8')}`)
  await trust(both)
  ears = { east: await eavesdrop('east'), west: await eavesdrop('west') }

  await Promise.all([verb('deploy', stackFile, '--site', 'east'), verb('deploy', wikiFile, '--site', 'east')])
  addresses = await Promise.all(stacks.map((stack) => insideAddresses(stack)))
  await edit(page.before)
  await Promise.all(stacks.map((stack) => verb('replicate', stack)))
  drills = await Promise.all(stacks.map((stack) => verb('drill', stack)))
  await edit(page.after)
  const atEast = await raw()
  await Promise.all(stacks.map((stack) => verb('replicate', stack)))
  await killSite('east')
  failovers = await Promise.all(stacks.map((stack) => verb('failover', stack, '--site-is-down', 'east')))
  const atWest = await raw()
  await edit('Thirty metres of rope.')
  texts = { atEast, atWest, again: await raw() }
  await Promise.all(Object.values(ears).map((each) => each.stop()))
})

afterAll(async () => {
  for (const each of Object.values(ears ?? {})) each.kill()
  await removeShop('wiki')
  await removeShop()
})

test('both have a web1 and a db1, at the same addresses', () => {
  const [shop = [], wiki = []] = addresses
  expect(wiki).toContain('db1 10.10.4.11')
  expect(wiki).toContain('web1 10.10.2.11')
  expect(wiki.filter((each) => !shop.includes(each))).toEqual([])
})

test('the page is there after the failover as it was last saved, and can be edited', () => {
  expect(texts).toEqual({ atEast: page.after, atWest: page.after, again: 'Thirty metres of rope.' })
})

test('both drills passed, at the same time', () => {
  expect(drills.map((each) => each.drill?.verdict)).toEqual(['passed', 'passed'])
  expect(drills.map((each) => each.drill?.untouched?.site)).toEqual(['east', 'east'])
})

test('both answer at west, by their own names and addresses', async () => {
  expect(failovers.map((each) => each.outcome)).toEqual(['done', 'done'])
  expect(new Set(failovers.map((each) => each.numbers.address)).size).toBe(2)
  expect(await status('https://shop.example.com/api/healthz')).toBe('200')
  expect(await status('https://wiki.example.com/index.php/Main_Page')).toBe('200')
})

test.each(['east', 'west'] as const)('at %s no frame of one stack was on a segment of the other', (site) => {
  const { seen, strays } = ears[site]
  for (const stack of stacks) expect(seen.get(stack) ?? 0, `frames of ${stack}`).toBeGreaterThan(100)
  expect(strays).toEqual([])
})

test.each(['east', 'west'] as const)(
  'at %s no frame with an inside address was on the WAN or the management link',
  (site) => {
    expect(ears[site].crossed).toEqual([])
  },
)

async function edit(text: string): Promise<void> {
  const ran = await exec('client', [
    ...['curl', '--silent', '--show-error', '--max-time', '20', '--cacert', '/etc/lifeboat-lab/ca.crt'],
    ...['--data-urlencode', `title=${page.title}`, '--data-urlencode', `text=${text}`],
    ...['--data-urlencode', 'token=+\\', '--data', 'action=edit&format=json', 'https://wiki.example.com/api.php'],
  ])
  expect(`${ran.stdout}${ran.stderr}`).toContain('"result":"Success"')
}

async function raw(): Promise<string> {
  const url = `https://wiki.example.com/index.php?title=${page.title}&action=raw`
  const ran = await exec('client', [
    ...['curl', '--silent', '--show-error', '--max-time', '20', '--cacert', '/etc/lifeboat-lab/ca.crt', url],
  ])
  return ran.stdout.trim()
}

async function status(url: string): Promise<string> {
  let code = ''
  await eventually(`an answer from ${url}`, 60_000, async () => {
    const ran = await exec('client', [
      ...['curl', '--silent', '--output', '/dev/null', '--write-out', '%{http_code}', '--max-time', '5'],
      ...['--cacert', '/etc/lifeboat-lab/ca.crt', url],
    ])
    code = ran.stdout.trim()
    return code !== '000'
  })
  return code
}

async function insideAddresses(stack: string): Promise<readonly string[]> {
  return (await instances('east', `lb-${stack}`)).flatMap(({ name, state }) =>
    Object.entries(state.network ?? {})
      .filter(([leg]) => !['lo', 'outside', 'services'].includes(leg))
      .flatMap(([, leg]) =>
        leg.addresses.filter((each) => each.family === 'inet').map((each) => `${name} ${each.address}`),
      ),
  )
}
