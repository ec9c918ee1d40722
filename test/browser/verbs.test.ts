import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openStage, program, type Stage } from './stage.ts'

describe.skipIf(program === undefined)('what a person does on the page', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage()
  }, 180_000)
  afterAll(() => stage?.close(), 60_000)

  test('search and filter are in the address, which shows the same to whom it is sent', async () => {
    const { context, page } = await stage.person()
    await page.goto('/')
    await page.getByRole('searchbox').fill('s')
    await page.waitForURL('**/?q=s')
    await expect.poll(() => names(page)).toEqual(['invoices', 'shop'])
    await page.getByRole('button', { name: /Unproven/ }).click()
    await page.waitForURL('**/?q=s&show=unproven')
    const other = await context.newPage()
    await other.goto(page.url())
    expect(await names(other)).toEqual(['invoices'])
    await context.close()
  })

  test('a drill: two clicks and a look at the plan; its steps are followed, its proof is there', async () => {
    const { context, page, wrong } = await stage.person()
    await page.goto('/stacks/wiki')
    await page.getByText('never drilled').first().waitFor()
    await page.getByRole('link', { name: 'Drill', exact: true }).click()
    await page.getByRole('heading', { name: 'The plan' }).waitFor()
    await page
      .getByText(/^launch|drill .*: launch wiki/)
      .first()
      .waitFor()
    await page.getByRole('button', { name: 'Drill wiki' }).click()
    await page.waitForURL('**/operations/**')
    await page.getByRole('heading', { level: 1 }).getByText('done').waitFor({ timeout: 60_000 })
    await page.getByText('passed', { exact: true }).first().waitFor()
    expect(await page.locator('.waterfall li.done').count()).toBeGreaterThan(20)
    await page.getByRole('link', { name: 'wiki', exact: true }).click()
    await page.getByText('proven', { exact: true }).first().waitFor()
    expect(wrong).toEqual([])
    await context.close()
  })

  test('each verb has a page that shows its plan or says why not', async () => {
    const { context, page } = await stage.person()
    for (const verb of [
      'deploy',
      'replicate',
      'drill',
      'move',
      'failover',
      'failback',
      'guard',
      'reprotect',
      'rescue',
      'destroy',
    ]) {
      await page.goto(`/stacks/shop/ask/${verb}`)
      const said = page.locator('section[aria-labelledby="plan"], main [role="alert"], main p.note').first()
      await said.waitFor()
      expect(`${verb}: ${await said.innerText()}`).toMatch(/: .{20}/s)
    }
    await context.close()
  })

  test('what a role may not do is not to be clicked, and says which role it needs', async () => {
    const viewer = await stage.person({ role: 'viewer' })
    await viewer.page.goto('/stacks/shop')
    const drill = viewer.page.getByRole('button', { name: /^Drill/ })
    await drill.waitFor()
    expect(await drill.getAttribute('aria-disabled')).toBe('true')
    expect(await drill.innerText()).toMatch(/needs the role operator; yours is viewer/)
    await viewer.page.goto('/stacks/shop/ask/drill')
    await viewer.page.getByText(/Not now: needs the role operator/).waitFor()
    expect(await viewer.page.getByRole('button', { name: 'Drill shop' }).count()).toBe(0)
    await viewer.context.close()

    const operator = await stage.person({ role: 'operator' })
    await operator.page.goto('/stacks/shop')
    await operator.page.getByRole('link', { name: 'Drill', exact: true }).waitFor()
    expect(await operator.page.getByRole('button', { name: /^Failover/ }).innerText()).toMatch(
      /needs the role commander/,
    )
    await operator.context.close()
  })

  test('two tabs: what one starts the other sees, without asking again', async () => {
    const { context, page } = await stage.person()
    const other = await context.newPage()
    await other.goto('/stacks/mail')
    await other.getByRole('link', { name: 'Replicate' }).waitFor()
    await page.goto('/stacks/mail/ask/drill')
    await page.getByRole('button', { name: 'Drill mail' }).click()
    // While it runs, the other tab offers no second one.
    await other.getByText('drill is running').first().waitFor()
    await other.getByRole('link', { name: 'Replicate' }).waitFor({ timeout: 60_000 })
    await context.close()
  })

  test('a lost controller is told, nothing old looks present, and the page goes on where it was', async () => {
    const { context, page } = await stage.person()
    await page.goto('/')
    await page.getByRole('table').getByRole('link', { name: 'crm', exact: true }).waitFor()
    stage.cable.pull()
    await page.getByText(/The controller has not been heard since/).waitFor()
    expect(await page.getByRole('table').getByRole('link', { name: 'crm', exact: true }).count()).toBe(1)
    // A page that has nothing yet does not wait for ever.
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Alarms' }).click()
    await page.getByText('the controller does not answer').first().waitFor()
    stage.cable.plug()
    await page.getByText(/The controller has not been heard since/).waitFor({ state: 'detached' })
    await page.getByRole('link', { name: /^Overview/ }).click()
    await page.getByRole('table').getByRole('link', { name: 'crm', exact: true }).waitFor()
    await context.close()
  })

  test('a drill that was kept: its report leads to what becomes of it, and promoting it is asked for like a failover', async () => {
    const operator = await stage.person({ role: 'operator' })
    await operator.page.goto('/stacks/wiki/ask/drill')
    await operator.page.getByLabel('The same, and leave the bubble up').check()
    await operator.page.getByRole('button', { name: 'Drill wiki' }).click()
    await operator.page.waitForURL('**/operations/**')
    await operator.page.getByRole('heading', { level: 1 }).getByText('done').waitFor({ timeout: 60_000 })
    await operator.page.getByRole('link', { name: 'make it the stack' }).click()
    await operator.page.getByText(/Not now: needs the role commander/).waitFor()
    expect(await operator.page.getByRole('button', { name: /Promote/ }).count()).toBe(0)
    await operator.context.close()

    const { context, page, wrong } = await stage.person()
    await page.goto('/stacks/wiki/ask/drill?do=promote')
    // The controller went on replicating: what is newer than the drill is passed over by the name of its point only.
    const said = page.locator('section[aria-labelledby="plan"], main [role="alert"]').first()
    await said.waitFor()
    if ((await said.getAttribute('role')) === 'alert') {
      const point = /--point (p\d{8}-\d{6}-\d{3})/.exec(await said.innerText())?.[1] ?? ''
      await page.goto(`/stacks/wiki/ask/drill?do=promote&point=${point}`)
      await page.getByRole('heading', { name: 'The plan' }).waitFor()
    }
    await page
      .getByText(/^promote drill \w+ of wiki/)
      .first()
      .waitFor()
    const start = page.getByRole('button', { name: 'Promote the drill of wiki' })
    expect(await start.isDisabled()).toBe(true)
    await page.goto('/stacks/wiki/ask/drill?do=stop')
    await page.getByRole('button', { name: 'Drill wiki' }).click()
    await page.waitForURL('**/operations/**')
    await page.getByRole('heading', { level: 1 }).getByText('done').waitFor({ timeout: 60_000 })
    expect(wrong.filter((each) => !/422/.test(each))).toEqual([])
    await context.close()
  })

  test('a failover: the site that is silent, the word that it is down, the name once more, and the RTO', async () => {
    const { context, page } = await stage.person()
    stage.tour.play('power-cut east')
    await page.goto('/')
    await page.getByRole('region', { name: 'site east' }).getByText('no answer').waitFor()
    await page.getByRole('table').getByRole('link', { name: 'crm', exact: true }).click()
    await page.getByRole('link', { name: 'Failover' }).click()
    // Without a person's word a silent site is not down.
    await page.getByRole('alert').first().waitFor()
    await page.getByLabel(/I state that east is down/).check()
    await page.getByRole('heading', { name: 'The plan' }).waitFor()
    const start = page.getByRole('button', { name: 'Failover crm' })
    expect(await start.isDisabled()).toBe(true)
    await page.getByLabel(/Type crm/).fill('cr')
    expect(await start.isDisabled()).toBe(true)
    await page.getByLabel(/Type crm/).fill('crm')
    await start.click()
    await page.waitForURL('**/operations/**')
    await page.getByRole('heading', { level: 1 }).getByText('done').waitFor({ timeout: 60_000 })
    await page.getByText('from the decision to the first good answer a client got').waitFor()
    await page.goto('/stacks/crm')
    await page.locator('.fact', { hasText: 'west' }).getByText('active').waitFor()
    await context.close()
  })
})

async function names(page: Page): Promise<readonly string[]> {
  await page.getByRole('table').waitFor()
  return page.locator('table.stacks tbody th a:first-child').allInnerTexts()
}
