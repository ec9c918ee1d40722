import AxeBuilder from '@axe-core/playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openStage, type Person, type PersonOptions, program, type Stage } from './stage.ts'

const pages = [
  ['/', 'Overview'],
  ['/?q=shop', 'Overview'],
  ['/stacks/shop', 'shop'],
  ['/stacks/shop/points', 'shop'],
  ['/stacks/shop/protection', 'shop'],
  ['/stacks/shop/proofs', 'shop'],
  ['/stacks/shop/history', 'shop'],
  ['/stacks/shop/file', 'shop'],
  ['/stacks/shop/touchpoints', 'shop'],
  ['/stacks/shop/ask/drill', 'Drill shop'],
  ['/stacks/shop/ask/failover', 'Failover shop'],
  ['/operations', 'History'],
  ['/sites', 'Sites'],
  ['/alarms', 'Alarms'],
  ['/audit', 'Audit'],
  ['/users', 'Users and tokens'],
  ['/nowhere', 'There is no such page'],
] as const

/** Colours and widths are looked at where they differ most. */
const some = ['/', '/stacks/shop', '/stacks/shop/points', '/stacks/shop/touchpoints', '/stacks/shop/ask/failover']
const looks: readonly (PersonOptions & {
  readonly name: string
  readonly pages: readonly (readonly [string, string])[]
})[] = [
  { name: 'light', pages },
  { name: 'dark', dark: true, pages: pages.filter(([path]) => some.includes(path)) },
  { name: 'phone', width: 390, pages: pages.filter(([path]) => some.includes(path)) },
]

describe.skipIf(program === undefined)('every page', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage()
  }, 180_000)
  afterAll(() => stage?.close(), 60_000)

  describe.each(looks)('$name', ({ name: _, pages: shown, ...look }) => {
    let person: Person
    beforeAll(async () => {
      person = await stage.person(look)
    })
    afterAll(() => person?.context.close())

    test.each(shown)('%s says what it is, has no fault that axe finds, fits, asks nobody else', async (path, title) => {
      const { page, wrong } = person
      wrong.length = 0
      await page.goto(path)
      await page.getByRole('heading', { level: 1, name: title }).waitFor()
      await expect.poll(() => page.locator('.waiting').count(), { timeout: 20_000 }).toBe(0)
      const found = await new AxeBuilder({ page }).analyze()
      expect(
        found.violations.map(
          ({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join(' | ')}`,
        ),
      ).toEqual([])
      const [wide, room] = (await page.evaluate('[document.documentElement.scrollWidth, innerWidth]')) as [
        number,
        number,
      ]
      expect(wide).toBeLessThanOrEqual(room)
      expect(wrong).toEqual([])
    })
  })

  test('a phone on which yesterday has ended has room for the points of yesterday', async () => {
    const { context, page } = await stage.person({ width: 390 })
    await page.clock.setFixedTime(Date.now() + 24 * 3_600_000)
    await page.goto('/stacks/shop/points')
    await page.locator('.timeline time').first().waitFor()
    const [wide, room] = (await page.evaluate('[document.documentElement.scrollWidth, innerWidth]')) as [number, number]
    expect(wide).toBeLessThanOrEqual(room)
    await context.close()
  })

  test('the first key leads past the navigation, and a stack is reached and left by keyboard alone', async () => {
    const { context, page } = await stage.person()
    await page.goto('/')
    await page.getByRole('table').getByRole('link', { name: 'crm', exact: true }).waitFor()
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the page')
    await page.keyboard.press('Enter')
    expect(await page.evaluate('document.activeElement.id')).toBe('main')
    for (let presses = 0; presses < 30; presses++) {
      await page.keyboard.press('Tab')
      if ((await page.evaluate('document.activeElement.textContent')) === 'crm') break
    }
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'crm' }).waitFor()
    // Focus is at the page that came, so that a screen reader tells it.
    expect(await page.evaluate('document.activeElement.id')).toBe('main')
    await context.close()
  })

  test('times are in the zone of the reader, with UTC on hover', async () => {
    const { context, page } = await stage.person()
    await page.goto('/operations')
    const time = page.locator('table time').first()
    await time.waitFor()
    // Both of one moment: the sites go on, and rows come.
    const [iso, title] = await time.evaluate((it) => [it.getAttribute('datetime'), it.getAttribute('title')])
    expect(title).toBe(`${new Date(iso!).toISOString().replace('T', ' ').replace('Z', '')} UTC`)
    await context.close()
  })
})

test('there is a browser to test with', ({ skip }) => {
  if (program === undefined) skip('no Chromium at /usr/bin: the tests of the page did not run')
})
