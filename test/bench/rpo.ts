import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { sleep } from '../../lab/demo/story.ts'
import { exec, labPaths } from '../../lab/lab.ts'
import type { Kept } from '../../src/cli/keep-up.ts'
import { median, quantile, row, seconds } from './rows.ts'

/**
 * Holds `rpo` by the product's own loop while customers order, and judges by what the standby's Incus has: when the clones of
 * each point were made, against when the point before was begun, which its name says.
 */
export async function heldRpo(rpo_s: number, for_s: number): Promise<void> {
  const loop = spawn(
    join(import.meta.dirname, '../../lifeboat'),
    ['--sites', labPaths.sites, 'replicate', 'shop', '--every', `${rpo_s}s`, '--json'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const ended = once(loop, 'exit')
  const kept: Kept[] = []
  createInterface({ input: loop.stdout }).on('line', (line) => kept.push(JSON.parse(line) as Kept))
  const made = new Map<string, number>()
  const end = Date.now() + for_s * 1000
  // A point stays for 24 cycles: nothing is missed by looking this often.
  while (Date.now() < end && loop.exitCode === null) {
    await sleep(Math.min(10_000, Math.max(0, end - Date.now())))
    for (const [point, at] of await clonesAtStandby()) made.set(point, at)
  }
  loop.kill('SIGTERM')
  const [exit] = (await ended) as [number | null]
  for (const [point, at] of await clonesAtStandby()) made.set(point, at)

  const points = kept.flatMap((each) => (each.type === 'point' ? [each] : []))
  const failed = kept.flatMap((each) => (each.type === 'failed' ? [each.what] : []))
  for (const what of failed) console.log(`  a cycle failed: ${what}`)
  const names = [...made.keys()].sort().filter((name) => points.some((each) => each.point === name))
  // The first points fill the standby; the target holds from the first increment on.
  const ages = names.slice(2).map((name, index) => (made.get(name) ?? 0) - timeOf(names[index + 1] ?? ''))
  const pauses = points.map((each) => each.pause_ms)
  const under = `${points.length} points in ${for_s} s`
  row(
    `age of the newest point, 50 orders/s, --every ${rpo_s}s`,
    seconds(Math.max(...ages)),
    `${seconds(median(points.map((each) => each.took_ms)))} a cycle`,
    `<= ${rpo_s} s`,
    Math.max(...ages) <= rpo_s * 1000 && failed.length === 0,
  )
  row('  p99', seconds(quantile(ages, 0.99)), under, `<= ${rpo_s} s`, quantile(ages, 0.99) <= rpo_s * 1000)
  row(
    '  pause p99',
    `${Math.round(quantile(pauses, 0.99))} ms`,
    `worst ${Math.round(Math.max(...pauses))} ms`,
    '< 300 ms',
    quantile(pauses, 0.99) < 300,
  )
  row(
    '  SIGTERM ends it after the cycle at work',
    `exit ${exit}`,
    `${failed.length} failed cycles`,
    'exit 0',
    exit === 0,
  )
}

/** When the last clone of each point was made, as Incus says. */
async function clonesAtStandby(): Promise<ReadonlyMap<string, number>> {
  const ran = await exec('west', ['incus', 'query', '/1.0/instances?project=lb-shop-keep&recursion=1'])
  const found = new Map<string, number>()
  if (ran.exit !== 0) return found
  for (const each of JSON.parse(ran.stdout) as readonly { readonly name: string; readonly created_at: string }[]) {
    const point = /-(p\d{8}-\d{6}-\d{3})$/.exec(each.name)?.[1]
    if (point !== undefined) found.set(point, Math.max(found.get(point) ?? 0, Date.parse(each.created_at)))
  }
  return found
}

/** `p20261122-181207-123` is 18:12:07.123 UTC, right before its checkpoint. */
function timeOf(point: string): number {
  const [, date = '', time = '', ms = ''] = /^p(\d{8})-(\d{6})-(\d{3})$/.exec(point) ?? []
  return Date.parse(
    `${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}T${time.slice(0, 2)}:${time.slice(2, 4)}:${time.slice(4)}.${ms}Z`,
  )
}
