// On the lab: 80 s
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import {
  type Customers,
  eventually,
  lifeboat,
  ordersHeld,
  stackFile,
  startCustomers,
  verb,
} from '../../lab/demo/story.ts'
import { cutWan, down, exec, healWan, killDaemon, killSite, labPaths, returnDaemon, slowWan } from '../../lab/lab.ts'
import type { Ran } from '../../lab/run.ts'
import { topology } from '../../lab/topology.ts'
import type { Report } from '../../src/report/report.ts'
import type { Point } from '../../src/state/objects.ts'
import { emptyStage, incus, inside, instances, live, sentOverWan, startLifeboat, statusAtClient } from './stage.ts'

/** Links, daemons and sites die in the middle of a transfer: the last complete point is worth what it was before. */
const trial = 'launch-trial'
let customers: Customers

beforeAll(async () => {
  const { ca } = await emptyStage()
  await verb('deploy', stackFile, '--site', 'east')
  customers = await startCustomers(10, ca)
  await eventually('the first accepted order', async () =>
    (await customers.attempts()).some((each) => each.acked_at !== null),
  )
  await verb('replicate', 'shop')
})

afterAll(async () => {
  await customers?.stop()
  // Incus at west waits for minutes for the rest of the last transfer; the next file gets a lab of its own.
  await down()
})

test('a limit of the line is held by a relay between the two servers, and the report tells it', async () => {
  const last = await newestPoint()
  await fill(20)
  const [before, relayed] = [await sentOverWan(), await receivedAtOps()]
  const report = await verb('--sites', limited('20Mbit'), 'replicate', 'shop')
  const receive = report.steps.find((each) => each.id === 'receive db1')
  const sent_bits = 20e6 * 8
  // The lower bound of a limit, not of a speed.
  expect(receive?.took_ms).toBeGreaterThan((sent_bits / 20e6) * 1000 * 0.9)
  expect(report.numbers.limit).toBe('20 Mbit/s, held here')
  // All of it came by the machine of the relay, and nothing by the line between the sites.
  expect((await receivedAtOps()) - relayed).toBeGreaterThan(20e6)
  expect((await sentOverWan()) - before).toBeLessThan(1e6)
  expect((await newestPoint()).name.localeCompare(last.name)).toBe(1)
})

test('the WAN is cut in the middle of a transfer: told clearly, the last point launches, the next cycle completes', async () => {
  const last = await newestPoint()
  const ran = await replicateInto(cutWan)
  expect(ran).toMatchObject({ exit: 2 })
  const report = JSON.parse(ran.stdout) as Report
  expect(report.outcome).toBe('undone')
  expect(report.failures).toContainEqual(
    expect.objectContaining({
      step: 'receive db1',
      what: expect.stringContaining('is the link between the sites up?'),
    }),
  )
  expect(await newestPoint()).toEqual(last)
  await launches(last)
  await nobodyPaused()

  await healWan()
  await slowWan(topology.wan_rate)
  await nextCycle(last)
})

test('the daemon of the source is killed in the middle of a transfer: the same, and nobody is left paused', async () => {
  const last = await newestPoint()
  const ran = await replicateInto(() => killDaemon('east'))
  // What is at a site that does not answer cannot be taken back, and a person is told what it is.
  expect(ran).toMatchObject({ exit: 3 })
  const report = JSON.parse(ran.stdout) as Report
  expect(report.left).toEqual([expect.stringMatching(/remove snapshot p\S+ of db1.* at east/)])
  expect(await newestPoint()).toEqual(last)
  await launches(last)

  await returnDaemon('east')
  await slowWan(topology.wan_rate)
  await nobodyPaused()
  await nextCycle(last)
  // The next cycle took away what could not be taken back.
  expect(await snapshotsOf('db1')).toEqual([(await newestPoint()).name])
})

test('the site loses power in the middle of a transfer: a failover launches the last complete point', async () => {
  const last = await newestPoint()
  const cycle = await halfway(() => startLifeboat(['replicate', 'shop']))
  await killSite('east')
  const failover = ['failover', 'shop', '--site-is-down', 'east']
  // The cycle still waits for a site that is gone; whoever fails over does not wait for it.
  const report = await verb(...failover)
  await cycle.kill()
  expect(report.numbers.point?.name).toBe(last.name)
  expect(await statusAtClient('/api/healthz')).toBe('200')
  await holdsOrdersBefore(last, await ordersHeld('west'))
})

/** Does harm to a cycle when a part of it has crossed, and waits for its end. */
async function replicateInto(harm: () => Promise<void>): Promise<Ran> {
  // Not awaited where it is started: what counts is that it is under way.
  const { cycle } = await halfway(() => ({ cycle: lifeboat(['replicate', 'shop', '--json']) }))
  await harm()
  return cycle
}

/** The same sites, with a limit that the machine of the controller holds; it reaches them by their management network. */
function limited(limit: string): string {
  const sites = parse(readFileSync(labPaths.sites, 'utf8')) as {
    readonly sites: Record<'east' | 'west', { incus: { url: string }; 'replication-url': string; wan?: object }>
  }
  const { east, west } = sites.sites
  east['replication-url'] = east.incus.url
  west.wan = { limit, relay: '192.0.2.100' }
  const file = join(labPaths.run, 'limited.yaml')
  writeFileSync(file, stringify(sites), { mode: 0o600 })
  return file
}

async function receivedAtOps(): Promise<number> {
  const { stdout } = await exec('ops', ['cat', '/sys/class/net/eth0/statistics/rx_bytes'])
  return Number(stdout)
}

async function fill(size_mb: number): Promise<void> {
  const write = `head -c ${size_mb}M /dev/urandom >/var/lib/postgresql/ballast && sync /var/lib/postgresql/ballast`
  expect(await inside('east', 'db1', write)).toMatchObject({ exit: 0 })
}

/** Starts a cycle that has much to send over a slow link; answers when a part of it has crossed. */
async function halfway<Cycle>(start: () => Cycle): Promise<Cycle> {
  await fill(120)
  await slowWan('100mbit')
  const before = await sentOverWan()
  const cycle = start()
  await eventually('20 MB on the WAN', async () => (await sentOverWan()) - before > 20e6)
  return cycle
}

async function newestPoint(): Promise<Point> {
  const ran = await lifeboat(['points', 'shop', '--json'])
  if (ran.exit === 0) {
    const found = JSON.parse(ran.stdout) as readonly { readonly site: string; readonly list: readonly Point[] }[]
    const point = found.find((each) => each.site === 'west')?.list[0]
    if (point !== undefined) return point
  }
  throw new Error(`points ended with ${ran.exit}: ${ran.stdout}${ran.stderr}`)
}

/** Starts the machine of a point by Incus alone, in a place of its own, and looks at its orders. */
async function launches(point: Point): Promise<void> {
  await incus('west', 'project', 'create', trial, '-c', 'features.images=false', '-c', 'features.profiles=false')
  try {
    const kept = `db1-${point.name}`
    await incus('west', 'copy', '--project', `${live}-keep`, '--target-project', trial, kept, 'db1')
    await incus('west', 'start', '--project', trial, 'db1')
    await eventually('PostgreSQL of the launched point', async () =>
      ordersHeld('west', trial).then(
        () => true,
        () => false,
      ),
    )
    await holdsOrdersBefore(point, await ordersHeld('west', trial))
  } finally {
    await incus('west', 'delete', '--project', trial, '--force', 'db1').catch(() => undefined)
    await incus('west', 'project', 'delete', trial)
  }
}

async function holdsOrdersBefore(point: Point, held: ReadonlySet<string>): Promise<void> {
  const taken = Date.parse(point.taken_at)
  const before = (await customers.attempts()).filter((each) => each.acked_at !== null && each.acked_at <= taken)
  expect(before.length).toBeGreaterThan(0)
  expect(before.filter((each) => !held.has(each.ref))).toEqual([])
}

async function snapshotsOf(machine: string): Promise<readonly string[]> {
  const found = JSON.parse(
    await incus('east', 'query', `/1.0/instances/${machine}/snapshots?recursion=1&project=${live}`),
  ) as readonly { readonly name: string }[]
  return found.map((each) => each.name)
}

async function nobodyPaused(): Promise<void> {
  const powers = (await instances('east')).map((each) => [each.name, each.status])
  expect(powers).toHaveLength(9)
  expect(powers.filter(([, status]) => status !== 'Running')).toEqual([])
}

/** The receiving end of a broken transfer holds the replica until it notices; cycles are tried as `every` would. */
async function nextCycle(last: Point): Promise<void> {
  let ran: Ran | undefined
  await eventually('a complete cycle', async () => {
    ran = await lifeboat(['replicate', 'shop', '--json'])
    return ran.exit === 0
  })
  expect((await newestPoint()).name > last.name).toBe(true)
}
