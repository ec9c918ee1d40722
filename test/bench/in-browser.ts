import type { Page } from 'playwright-core'
import type { StackSummary } from '../../src/api/stacks.ts'
import { openBrowser, program } from '../browser/stage.ts'
import { median } from './rows.ts'

/** The page in a real browser, against the real server. Times are of the browser's clock. */
export type InBrowser = {
  /** From the start of the navigation to the frame in which the first rows are; each time in a browser that knows nothing. */
  readonly paint_ms: number
  readonly paint_worst_ms: number
  /** The same for a page that asks for the same answer and shows one word of it. */
  readonly paint_floor_ms: number
  /** From the sending of an event to the frame that shows it. */
  readonly update_ms: number
  readonly update_worst_ms: number
  /** Until the event is there at all. */
  readonly update_floor_ms: number
  readonly script_bytes: number
  readonly rows_in_document: number
}

const loads = 7
const updates = 30

export async function inBrowser(
  address: string,
  cookie: string,
  stacks: () => readonly StackSummary[],
  send: (stack: StackSummary) => void,
): Promise<InBrowser | undefined> {
  if (program === undefined) return undefined
  const browser = await openBrowser()
  const [name = '', value = ''] = cookie.split('=')
  const open = async (script: string): Promise<Page> => {
    // What measures in the page is text, which the page's own policy forbids to run.
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, bypassCSP: true })
    await context.addCookies([{ name, value, url: address }])
    const page = await context.newPage()
    await page.addInitScript(script)
    return page
  }
  try {
    const paints: number[] = []
    const floors: number[] = []
    let script_bytes = 0
    let rows_in_document = 0
    for (let load = 0; load < loads; load++) {
      const page = await open(watchRows)
      const client = await page.context().newCDPSession(page)
      await client.send('Network.enable')
      const scripts = new Set<string>()
      let bytes = 0
      client.on('Network.responseReceived', (event) => void (event.type === 'Script' && scripts.add(event.requestId)))
      client.on('Network.loadingFinished', (event) => {
        if (scripts.has(event.requestId)) bytes += event.encodedDataLength
      })
      await page.goto(address)
      paints.push(
        await page
          .waitForFunction<number>('window.painted', undefined, { timeout: 60_000 })
          .then((it) => it.jsonValue()),
      )
      rows_in_document = await page.locator('table.stacks tbody tr').count()
      script_bytes = Math.max(script_bytes, bytes)
      await page.context().close()
      floors.push(await floorOf(await open(''), address))
    }
    const page = await open(watchRows)
    await page.goto(address)
    await page.waitForFunction('window.painted', undefined, { timeout: 60_000 })
    const shown = stacks().slice(0, 5)
    const all: { readonly seen: number; readonly arrived: number }[] = []
    await page.evaluate(listenBeside)
    for (let update = 1; update <= updates; update++) {
      const stack = shown[update % shown.length]!
      await page.evaluate(`window.wait(${JSON.stringify(stack.stack)}, '${update + 1} alarms')`)
      const sent = Date.now()
      send({ ...stack, alarms: update + 1, worst: 'warning' })
      await page.waitForFunction('window.told', undefined, { timeout: 10_000 })
      const told = (await page.evaluate('window.told')) as { readonly seen: number; readonly arrived: number }
      all.push({ seen: told.seen - sent, arrived: told.arrived - sent })
    }
    const seen = all.map((each) => each.seen)
    return {
      paint_ms: median(paints),
      paint_worst_ms: Math.max(...paints),
      paint_floor_ms: median(floors),
      update_ms: median(seen),
      update_worst_ms: Math.max(...seen),
      update_floor_ms: median(all.map((each) => each.arrived)),
      script_bytes,
      rows_in_document,
    }
  } finally {
    await browser.close()
  }
}

/** After the next frame was drawn: a frame is asked for, and what follows it. */
const afterFrame = `const afterFrame = (then) => requestAnimationFrame(() => { const c = new MessageChannel(); c.port1.onmessage = then; c.port2.postMessage(0) })`

const watchRows = `
${afterFrame}
new MutationObserver((_, observer) => {
  if (document.querySelector('table.stacks tbody th a') === null) return
  observer.disconnect()
  afterFrame(() => { window.painted = performance.now() })
}).observe(document, { childList: true, subtree: true })
`

const listenBeside = `
${afterFrame};
window.arrived = 0
new EventSource('/api/v1/events').addEventListener('stack', () => { window.arrived = performance.timeOrigin + performance.now() })
window.wait = (stack, words) => {
  window.told = undefined
  const row = [...document.querySelectorAll('table.stacks tbody tr')].find((each) => each.querySelector('th a')?.textContent === stack)
  const observer = new MutationObserver(() => {
    if (!row.textContent.includes(words)) return
    observer.disconnect()
    afterFrame(() => { window.told = { seen: performance.timeOrigin + performance.now(), arrived: window.arrived } })
  })
  observer.observe(row, { childList: true, subtree: true, characterData: true })
}
`

/** The least that such a page could take: the document, the same answer, one word of it in a frame. */
async function floorOf(page: Page, address: string): Promise<number> {
  await page.goto(`${address}/icon.svg`)
  const answered = (await page.evaluate(`(async () => {
    const began = performance.now()
    const overview = await (await fetch('/api/v1/overview')).json()
    document.documentElement.setAttribute('data-first', overview.stacks[0].stack)
    await new Promise((resolve) => requestAnimationFrame(resolve))
    return performance.now() - began + performance.getEntriesByType('navigation')[0].responseEnd
  })()`)) as number
  await page.context().close()
  return answered
}
