import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { lifeboat, stackFile } from '../../lab/demo/story.ts'
import { exec, killSite, labPaths } from '../../lab/lab.ts'
import { type LabPage, openPage } from '../../lab/page.ts'
import { openBrowser } from '../browser/stage.ts'
import { addressByName, emptyStage, instances, live, statusAtClient } from './stage.ts'

// On the lab: 95 s
/** A person who has only the page, at the site that is left, drills the shop and fails it over while east is dead. */
let browser: Browser
let page: Page
let controller: LabPage

beforeAll(async () => {
  await emptyStage()
  // A controller that nobody has used yet.
  rmSync(join(labPaths.run, 'page'), { recursive: true, force: true })
  for (const argv of [
    ['deploy', stackFile],
    ['replicate', 'shop'],
  ]) {
    const ran = await lifeboat(argv)
    if (ran.exit !== 0) throw new Error(`${argv.join(' ')} ended with ${ran.exit}:\n${ran.stdout}${ran.stderr}`)
  }
  controller = await openPage('west', 8480 + ['', 'b', 'c'].indexOf(process.env.LIFEBOAT_LAB ?? ''))
  browser = await openBrowser()
  page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
  page.setDefaultTimeout(60_000)
}, 900_000)

afterAll(async () => {
  await browser?.close()
  if (controller !== undefined) process.kill(controller.pid, 'SIGTERM')
})

test('the link that was printed makes the first admin, and only once', async () => {
  expect(controller.link).toMatch(/\/setup#/)
  await page.goto(controller.link!)
  await page.getByLabel('Name').fill('ada')
  await page.getByLabel(/^Password/).fill('a long enough password')
  await page.getByRole('button', { name: 'Make this account' }).click()
  await page.getByRole('table').getByRole('link', { name: 'shop', exact: true }).waitFor()
  const again = await fetch(`${controller.address}/api/v1/setup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ link: controller.link!.split('#')[1], user: 'eve', password: 'a long enough password' }),
  })
  expect(again.status).toBeGreaterThanOrEqual(400)
})

test('a drill by two clicks: proven, and the bubble is gone', async () => {
  await page.goto(`${controller.address}/stacks/shop`)
  await page.getByRole('link', { name: 'Drill', exact: true }).click()
  await page.getByRole('button', { name: 'Drill shop' }).click()
  await page.getByRole('heading', { level: 1 }).getByText('done').waitFor({ timeout: 300_000 })
  await page.getByText('passed', { exact: true }).first().waitFor()
  const projects = await exec('west', ['incus', 'project', 'list', '--format', 'csv', '--columns', 'n'])
  expect(projects.stdout).not.toMatch(/lb-shop-drill/)
})

test('east dies; the page tells it, takes the word that it is down, and brings the shop up at west', async () => {
  await killSite('east')
  await page.goto(controller.address)
  await page.getByRole('region', { name: 'site east' }).getByText('no answer').waitFor()
  await page.goto(`${controller.address}/stacks/shop/ask/failover`)
  await page.getByLabel(/I state that east is down/).check()
  await page.getByRole('heading', { name: 'The plan' }).waitFor()
  await page.getByLabel(/Type shop/).fill('shop')
  await page.getByRole('button', { name: 'Failover shop' }).click()
  await page.getByRole('heading', { level: 1 }).getByText('done').waitFor({ timeout: 300_000 })
  // Judged from where clients are, and by west's own Incus.
  expect(await statusAtClient('/healthz')).toBe('200')
  expect(await addressByName()).toMatch(/^198\.51\.100\.(1[3-9]|2)\d/)
  const running = (await instances('west', live)).filter((each) => each.status === 'Running').map((each) => each.name)
  expect(running.sort()).toEqual(['app1', 'app2', 'db1', 'db2', 'fw', 'lb', 'nat', 'web1', 'web2'])
})

test('the audit log has who decided it, and that east was said to be down', async () => {
  await page.goto(`${controller.address}/audit`)
  await page.getByText('whole').waitFor()
  await page
    .getByRole('row', { name: /operation\.start.*shop/ })
    .first()
    .waitFor()
  expect(await page.locator('tbody').innerText()).toMatch(/ada/)
})
