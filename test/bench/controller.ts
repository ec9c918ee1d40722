import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { InBrowser } from './in-browser.ts'
import { row } from './rows.ts'
import type { Thousand } from './thousand.ts'

const mb = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

/** A controller over a thousand fake stacks; the sites are in the same process, so what they take is beside it. */
export function controllerOfThousand(): void {
  const argv = ['--expose-gc', join(import.meta.dirname, 'thousand.ts'), '1000', '30']
  const found = JSON.parse(execFileSync(process.execPath, argv, { encoding: 'utf8' })) as Thousand
  const own = found.rss_bytes - found.rss_before_bytes
  const share = found.idle_share - found.idle_before_share
  row(
    'controller, 1,000 stacks: memory beside the fake sites',
    mb(own),
    `${mb(found.rss_before_bytes)} sites`,
    '< 250 MB',
    own < 250e6,
  )
  row(
    'controller, 1,000 stacks: CPU when nothing changes',
    percent(share),
    `${percent(found.idle_before_share)} sites`,
    '< 2 %',
    share < 0.02,
  )
  row(
    'controller, 1,000 stacks: overview over HTTP',
    `${Math.round(found.overview_ms)} ms`,
    mb(found.overview_bytes),
    '< 1 s',
    found.overview_ms < 1000,
  )
  row(
    'schedule, 1,000 stacks at 10 s: begins late, p99',
    `${found.late_p99_ms} ms`,
    `${found.starts} cycles of 300 ms`,
    '< 500 ms',
    found.late_p99_ms < 500,
  )
  if (found.in_browser === undefined) console.log('no Chromium at /usr/bin: the page was not measured')
  else page(found.in_browser)
}

/** The overview of those stacks in a browser. */
function page(seen: InBrowser): void {
  const ms = (value: number) => `${Math.round(value)} ms`
  row(
    'page, 1,000 stacks: first paint of data',
    `${ms(seen.paint_ms)}, worst ${ms(seen.paint_worst_ms)}`,
    `${ms(seen.paint_floor_ms)} answer+frame`,
    '< 1 s',
    seen.paint_worst_ms < 1000,
  )
  row(
    'page, 1,000 stacks: update of one stack',
    `${ms(seen.update_ms)}, worst ${ms(seen.update_worst_ms)}`,
    `${ms(seen.update_floor_ms)} event`,
    '< 100 ms',
    seen.update_worst_ms < 100,
  )
  row(
    'page: JavaScript sent for the overview',
    `${Math.round(seen.script_bytes / 1000)} kB`,
    `${seen.rows_in_document} rows drawn`,
    '< 350 kB',
    seen.script_bytes < 350_000,
  )
}
