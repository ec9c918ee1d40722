import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { openStage, program } from './stage.ts'

/** `npm run screenshots`: the pictures of the page in docs/, made anew from the tour. */
const folder = join(import.meta.dirname, '../../docs/screenshots')
if (program === undefined) throw new Error('no Chromium on this machine: scripts/setup --browser installs it on Debian')
mkdirSync(folder, { recursive: true })
// In real time, so that ages on the pictures agree with each other.
const stage = await openStage({ speed: 1 })
try {
  const { page } = await stage.person({ width: 1280 })
  const shoot = async (name: string) => {
    // Layout and first events have settled when nothing is waited for any more.
    await page.waitForTimeout(1_500)
    await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true })
    console.log(`docs/screenshots/${name}.png`)
  }
  await page.goto('/')
  await page.getByRole('table').getByRole('link', { name: 'shop', exact: true }).waitFor()
  await shoot('overview')
  await page.goto('/stacks/shop')
  await page.getByRole('button', { name: /^lb load balancer/ }).hover()
  await shoot('stack')
  await page.goto('/stacks/shop/points')
  await page.getByRole('table').waitFor()
  await shoot('points')
  await page.goto('/stacks/shop/touchpoints?access_pairs=2')
  await page.getByText('With Lifeboat').first().waitFor()
  await shoot('touchpoints')
  stage.tour.play('power-cut east')
  await page.goto('/')
  // Of the site itself and of each of the six stacks: the looks end one after the other.
  await page.getByText('no answer', { exact: true }).nth(6).waitFor({ timeout: 60_000 })
  await shoot('site-lost')
  await page.goto('/stacks/crm/ask/failover')
  await page.getByLabel(/I state that east is down/).check()
  await page.getByRole('heading', { name: 'The plan' }).waitFor()
  await page.getByLabel(/Type crm/).fill('crm')
  await shoot('failover-plan')
  await page.getByRole('button', { name: 'Failover crm' }).click()
  await page.getByRole('heading', { level: 1 }).getByText('done').waitFor({ timeout: 60_000 })
  await shoot('failover-report')
} finally {
  await stage.close()
}
