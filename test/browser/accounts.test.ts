import AxeBuilder from '@axe-core/playwright'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stage as openServer, type Stage } from '../server/stage.ts'
import { openBrowser, program } from './stage.ts'

/** Doors, accounts and what is left over, on the server as it is served, with its sessions. */
describe.skipIf(program === undefined)('who comes in', () => {
  let on: Stage
  let browser: Browser
  let context: BrowserContext
  let page: Page
  const admin = 'a long enough password'
  const newer = 'another long password'
  beforeAll(async () => {
    on = await openServer()
    browser = await openBrowser()
    ;({ context, page } = await person())
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    await on?.close()
  }, 60_000)

  async function person(): Promise<{ context: BrowserContext; page: Page }> {
    const made = await browser.newContext({ baseURL: on.serving.address, viewport: { width: 1280, height: 800 } })
    const opened = await made.newPage()
    opened.setDefaultTimeout(30_000)
    return { context: made, page: opened }
  }
  async function signIn(at: Page, user: string, password: string): Promise<void> {
    await at.getByLabel('Name').fill(user)
    await at.getByLabel('Password').fill(password)
    await at.getByRole('button', { name: 'Sign in' }).click()
  }
  const faults = async (at: Page) =>
    (await new AxeBuilder({ page: at }).analyze()).violations.map(
      ({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' | ')}`,
    )

  test('before anybody is admin the door says so, and the link that was printed makes the first one', async () => {
    await page.goto('/')
    await page.getByText(/Nobody has an account yet/).waitFor()
    expect(await faults(page)).toEqual([])
    await page.goto('/setup')
    await page.getByText(/The address is not whole/).waitFor()
    await page.goto(on.serving.link!)
    await page.reload()
    await page.getByLabel(/^Password/).waitFor()
    expect(await faults(page)).toEqual([])
    await page.getByLabel('Name').fill('ada')
    await page.getByLabel(/^Password/).fill(admin)
    await page.getByRole('button', { name: 'Make this account' }).click()
    await page.getByRole('table').getByRole('link', { name: 'shop', exact: true }).waitFor()
    // The secret is not left in the address.
    expect(new URL(page.url()).hash).toBe('')
  })

  test('an account and a token are made, may what their role may, and are taken back', async () => {
    await page.goto('/users')
    await page.getByText('Make an account').click()
    const form = page.locator('form', { hasText: 'First password' })
    await form.getByLabel('Name').fill('olga')
    await form.getByLabel('Role').selectOption('operator')
    await form.getByLabel(/^First password/).fill(newer)
    await form.getByRole('button', { name: 'Make it' }).click()
    await page.getByRole('row', { name: /^olga/ }).waitFor()

    const olga = await person()
    await olga.page.goto('/stacks/shop/points')
    await signIn(olga.page, 'olga', 'not the password')
    await olga.page.getByRole('alert').waitFor()
    await olga.page.getByLabel('Password').fill(newer)
    await olga.page.getByRole('button', { name: 'Sign in' }).click()
    // Where she wanted to go.
    await olga.page.getByRole('heading', { level: 1, name: 'shop' }).waitFor()
    expect(new URL(olga.page.url()).pathname).toBe('/stacks/shop/points')
    await olga.page.getByRole('link', { name: 'Drill', exact: true }).waitFor()
    expect(await olga.page.getByRole('link', { name: 'Audit' }).count()).toBe(0)

    await olga.page.goto('/users')
    await olga.page.getByText('Make a token').click()
    await olga.page.getByLabel('What for').fill('nightly')
    await olga.page.getByRole('button', { name: 'Make it, for a year' }).click()
    const token = (
      await olga.page
        .getByText(/Shown this once/)
        .locator('code')
        .innerText()
    ).trim()
    const ask = () => fetch(`${on.serving.address}/api/v1/stacks`, { headers: { authorization: `Bearer ${token}` } })
    expect((await ask()).status).toBe(200)
    await olga.page.reload()
    await olga.page.getByRole('row', { name: /^nightly/ }).waitFor()
    expect(await olga.page.locator('body').innerText()).not.toContain(token)
    await olga.page.getByRole('button', { name: 'Take back nightly' }).click()
    await olga.page.getByRole('button', { name: 'Yes' }).click()
    await expect.poll(async () => (await ask()).status).toBe(401)

    // What an admin takes away is gone at once.
    await page.getByRole('button', { name: 'Remove olga' }).click()
    await page.getByRole('button', { name: 'Yes' }).click()
    await page.getByRole('row', { name: /^olga/ }).waitFor({ state: 'detached' })
    await olga.page.goto('/')
    await olga.page.getByRole('button', { name: 'Sign in' }).waitFor()
    await olga.context.close()
  })

  test('a password is changed by who knows the old one, and other sessions end', async () => {
    const other = await person()
    await other.page.goto('/')
    await signIn(other.page, 'ada', admin)
    await other.page.getByRole('table').getByRole('link', { name: 'shop', exact: true }).waitFor()
    await page.goto('/users')
    await page.getByLabel('The present one').fill(admin)
    await page.getByLabel(/^The new one/).fill(newer)
    await page.getByRole('button', { name: 'Change it' }).click()
    await page.getByText(/It is changed/).waitFor()
    await other.page.goto('/')
    await other.page.getByRole('button', { name: 'Sign in' }).waitFor()
    await other.context.close()
    await page.reload()
    await page.getByRole('heading', { level: 1, name: 'Users and tokens' }).waitFor()
  })

  test('what is stuck past its point of no return is resumed on its page', async () => {
    const { world } = on.on
    world.powerCut('east')
    world.faults.at({ call: 'power', site: 'west', object: 'web1' }, 'fail-before', { times: Number.POSITIVE_INFINITY })
    await page.goto('/stacks/shop/ask/failover')
    await page.getByLabel(/I state that east is down/).check()
    await page.getByLabel(/Type shop/).fill('shop')
    await page.getByRole('button', { name: 'Failover shop' }).click()
    await page.getByRole('heading', { level: 1 }).getByText('stuck').waitFor({ timeout: 60_000 })
    expect(await page.getByRole('button', { name: /^Abort/ }).count()).toBe(0)
    expect(await faults(page)).toEqual([])
    world.faults.clear()
    await page.getByRole('button', { name: 'Resume' }).click()
    await page.getByRole('heading', { level: 1 }).getByText('done').waitFor({ timeout: 60_000 })
  })

  test('the audit log has all of it, whole; who signs out is out', async () => {
    await page.goto('/audit')
    await page.getByText('whole').waitFor()
    const text = await page.locator('tbody').innerText()
    for (const what of ['user.make', 'session.refused', 'token.make', 'user.password', 'operation.resume'])
      expect(text).toContain(what)
    expect(text).not.toContain(newer)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('button', { name: 'Sign in' }).waitFor()
    await page.goto('/stacks/shop')
    await page.getByRole('button', { name: 'Sign in' }).waitFor()
    await context.close()
  })
})
