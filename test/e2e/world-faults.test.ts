// On the lab: 130 s
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, request, type Server } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type Customers,
  eventually,
  lifeboat,
  ordersHeld,
  stackFile,
  startCustomers,
  verb,
} from '../../lab/demo/story.ts'
import { exec, killServer, killSite, labPaths, returnServer, signalServer } from '../../lab/lab.ts'
import { inNamespace } from '../../lab/network.ts'
import { incusDirOf, socketOf } from '../../lab/paths.ts'
import { attempt, type Ran, run } from '../../lab/run.ts'
import type { Report } from '../../src/report/report.ts'
import type { Status } from '../../src/report/status.ts'
import type { Point } from '../../src/state/objects.ts'
import { addressByName, emptyStage, everything, inside, instances, removeShop, statusAtClient } from './stage.ts'

/** The world around the sites fails in ways of its own: what happened is told for what it is, and nothing is believed that was not seen. */
let customers: Customers

/** A Date header has whole seconds. */
const westAhead = /clocks apart: west is 3(599|600|601) s .* ahead of east/

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
  await emptyPool()
  await answerQueries()
  await allowUpdates(true)
  for (const node of ['dns', 'west-edge'] as const) await returnServer(node)
  await removeShop()
})

test('the clock of a site is an hour ahead, or that of the machine: told, and no age or order is wrong by it', async () => {
  const west = await clockAhead('west', 3600)
  try {
    const status = await statusBy('--sites', west.sites)
    expect(status.warnings).toEqual([expect.stringMatching(westAhead)])
    expect(status.point_age_ms).toBeLessThan(60_000)
    const cycle = await verb('--sites', west.sites, 'replicate', 'shop')
    expect(cycle.findings.map((each) => each.what)).toContainEqual(expect.stringMatching(westAhead))
    const newest = await newestPoint()
    expect(Math.abs(Date.parse(newest.taken_at) - Date.now())).toBeLessThan(60_000)
    const plan = await lifeboat(['--sites', west.sites, 'plan', 'failover', 'shop', '--site-is-down', 'east', '--json'])
    // A site that is stated to be down is not waited for long: without an answer of it west is held against this machine.
    expect(plan.stdout).toMatch(/clocks apart: west is 3(599|600|601) s .* ahead of (east|this machine)/)
    expect(plan.stdout).toContain(newest.name)
  } finally {
    west.stop()
  }
  const early = await lifeboatAhead(3600, ['replicate', 'shop', '--json'])
  expect(early.exit).toBe(0)
  expect((JSON.parse(early.stdout) as Report).findings.map((each) => each.what)).toContainEqual(
    expect.stringMatching(/clocks apart: east and west are 3(599|600|601) s .* behind this machine/),
  )
  // The machine with the right clock takes the next point: it is the newest, whatever the other one says of its age.
  expect((await statusBy()).warnings).toEqual([expect.stringMatching(/newest point of west was taken 3[56]\d\d s/)])
  await verb('replicate', 'shop')
  const newest = await newestPoint()
  expect(Math.abs(Date.parse(newest.taken_at) - Date.now())).toBeLessThan(60_000)
  const plan = await lifeboat(['plan', 'failover', 'shop', '--site-is-down', 'east'])
  expect(plan.stdout).toContain(`from point ${newest.name}`)
  expect((await statusBy()).warnings).toEqual([])
})

test('the pool at the standby is full: no point is lost, and the next cycle works when there is space', async () => {
  const before = await pointNames()
  await inside('east', 'db1', 'head -c 40M /dev/urandom >/var/lib/postgresql/ballast')
  await fillPool()
  const ran = await lifeboat(['replicate', 'shop', '--json'])
  expect(ran.exit).toBe(2)
  const report = JSON.parse(ran.stdout) as Report
  expect(report).toMatchObject({ outcome: 'undone', left: [] })
  expect(report.failures).toContainEqual(
    expect.objectContaining({ code: 'no-space', what: expect.stringContaining('the pool of west is full') }),
  )
  expect(report.findings.map((each) => each.what)).toContainEqual(expect.stringContaining('at west is nearly full'))
  expect(await pointNames()).toEqual(before)
  await emptyPool()
  await verb('replicate', 'shop')
  expect((await pointNames()).slice(1)).toEqual(before)
})

test('a machine that never becomes ready: everything is taken back, and the end of its console is told', async () => {
  const file = join(labPaths.run, 'frail.yaml')
  writeFileSync(file, frail, { mode: 0o600 })
  const before = [...(await everything('west')).keys()].sort()
  const ran = await lifeboat(['deploy', file, '--site', 'west', '--json'])
  expect(ran.exit).toBe(2)
  const report = JSON.parse(ran.stdout) as Report
  expect(report).toMatchObject({ outcome: 'undone', left: [] })
  expect(report.failures).toContainEqual(
    expect.objectContaining({
      step: 'ready box',
      what: 'not ready within 4 s: box',
      detail: expect.stringMatching(/81[\s\S]*--- box, end of its console\n.*\S/),
    }),
  )
  expect([...(await everything('west')).keys()].sort()).toEqual(before)
})

test('a failover meets a DHCP server that is silent, then three kinds of DNS trouble: each is told apart, none is believed', async () => {
  const old = await addressByName('192.0.2.54')
  await killSite('east')
  await killServer('west-edge')
  const first = await lifeboat(['failover', 'shop', '--site-is-down', 'east', '--json'])
  const { operation } = expectStuck(first, 'lease fw', 'fw got no address on its outside leg at west within 60 s')
  expect(await lifeboat(['abort', operation])).toMatchObject({ exit: 3, stderr: expect.stringContaining('resume') })
  const firewall = (await instances('west')).find((each) => each.name === 'fw')
  expect(firewall?.status).toBe('Running')

  await returnServer('west-edge')
  await allowUpdates(false)
  const resume = ['resume', operation, '--json']
  expectStuck(await lifeboat(resume), 'dns shop.example.com', '192.0.2.54:53 refuses the update', 'REFUSED')
  expect(await addressByName('192.0.2.54')).toBe(old)

  await allowUpdates(true)
  await signalServer('dns', 'SIGSTOP')
  expectStuck(await lifeboat(resume), 'dns shop.example.com', 'did not take the update', 'no answer over')
  await signalServer('dns', 'SIGCONT')

  await dropQueries()
  expectStuck(await lifeboat(resume), 'dns shop.example.com', 'took the update', 'does not answer')
  await answerQueries()

  const report = JSON.parse((await lifeboat(resume)).stdout) as Report
  expect(report.outcome).toBe('done')
  expect(await addressByName('192.0.2.54')).toMatch(/^198\.51\.100\.1[5-9]\d$/)
  expect(await statusAtClient('/api/healthz')).toBe('200')
  const taken = Date.parse(report.numbers.point?.taken_at ?? '')
  const held = await ordersHeld('west')
  const before = (await customers.attempts()).filter((each) => each.acked_at !== null && each.acked_at <= taken)
  expect(before.length).toBeGreaterThan(10)
  expect(before.filter((each) => !held.has(each.ref))).toEqual([])
})

/** Exit 3, past the point of no return, with this step failed for this reason. */
function expectStuck(ran: Ran, step: string, ...words: readonly string[]): Report {
  expect(ran, ran.stdout + ran.stderr).toMatchObject({ exit: 3 })
  const report = JSON.parse(ran.stdout) as Report
  expect(report.outcome).toBe('stuck')
  const failure = report.failures.find((each) => each.step === step)
  for (const each of words) expect(failure?.what).toContain(each)
  return report
}

const frail = `lifeboat: 1
stack: frail
segments: { inner: 10.77.1.0/24, front: 10.77.2.0/24 }
machines:
  box: { image: shop-web, segment: inner, ready: http :81/, ready_within: 4s }
appliances:
  lb: { load-balancer: { services: { it: { listen: front:80, pool: box:80 } } } }
`

const filler = join(incusDirOf('west'), 'storage-pools/default')

/** Takes all space of the pool at west, in its own file system. */
async function fillPool(): Promise<void> {
  const script = `set -e; mountpoint -q ${filler}; cd ${filler}; n=0
for size in 8G 1G 256M 64M 16M 4M 1M 256K 64K; do while fallocate -l $size filler-$n 2>/dev/null; do n=$((n+1)); done; rm -f filler-$n; done; sync`
  const ran = await exec('west', ['sh', '-c', script], { limit_ms: 60_000 })
  if (ran.exit !== 0) throw new Error(`the pool could not be filled: ${ran.stderr}`)
}

async function emptyPool(): Promise<void> {
  await exec('west', ['sh', '-c', `mountpoint -q ${filler} && rm -f ${filler}/filler-* && sync`])
}

/**
 * Whether BIND's zone takes updates of ours. `none` would make it a zone that takes no updates at all: what it was told so
 * far is in its journal, and BIND would load it anew from a file that may be older.
 */
async function allowUpdates(allowed: boolean): Promise<void> {
  const nobody = '203.0.113.253;'
  const [from, to] = allowed ? [nobody, 'key "lifeboat";'] : ['key "lifeboat";', nobody]
  await exec('dns', ['sed', '-i', `s/allow-update { ${from} }/allow-update { ${to} }/`, '/etc/bind/lab.conf'])
  await signalServer('dns', 'SIGHUP')
  const probe = 'printf "server 192.0.2.54\\nupdate delete probe.example.com\\nsend\\n" | nsupdate -k /etc/bind/lab.key'
  await eventually(`the zone ${allowed ? 'takes' : 'refuses'} updates`, async () => {
    const ran = await exec('dns', ['sh', '-c', probe])
    return allowed ? ran.exit === 0 : ran.stderr.includes('REFUSED')
  })
}

/** Drops what asks, and lets pass what updates: the operation code is in bits 1 to 4 of the third octet (RFC 1035, 4.1.1). */
async function dropQueries(): Promise<void> {
  const rules = `table inet fault {
  chain input {
    type filter hook input priority 0
    udp dport 53 @th,80,8 & 0x78 == 0 drop
    tcp dport 53 drop
  }
}`
  await run([...inNamespace('dns'), 'nft', '-f', '-'], { input: rules })
}

async function answerQueries(): Promise<void> {
  await attempt([...inNamespace('dns'), 'nft', 'delete', 'table', 'inet', 'fault'])
}

/** Incus of a site behind somebody who shifts the dates of its answers: to a client this is a site with such a clock. */
async function clockAhead(site: 'west', seconds: number): Promise<{ readonly sites: string; stop(): void }> {
  const socket = join(labPaths.run, `${site}-shifted.sock`)
  const server: Server = createServer((asked, answer) => {
    const { method, url, headers } = asked
    const passed = request({ socketPath: socketOf(site), method, path: url, headers, agent: false }, (got) => {
      const date = new Date(Date.parse(got.headers.date ?? '') + seconds * 1000).toUTCString()
      answer.writeHead(got.statusCode ?? 502, { ...got.headers, date })
      got.pipe(answer)
    })
    passed.on('error', () => answer.destroy())
    asked.pipe(passed)
  })
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  const sites = join(labPaths.run, `${site}-shifted.yaml`)
  const text = readFileSync(labPaths.sites, 'utf8')
  const url = new RegExp(`(  ${site}:\\n    incus:\\n)      url: .*\\n(?:      client-.*\\n)*`)
  expect(text).toMatch(url)
  writeFileSync(sites, text.replace(url, `$1      socket: ${socket}\n`), { mode: 0o600 })
  return { sites, stop: () => void server.close() }
}

/** The product on a machine whose clock is ahead. */
function lifeboatAhead(seconds: number, argv: readonly string[]): Promise<Ran> {
  const shift = `data:text/javascript,${encodeURIComponent(`
    const Real = Date, by = ${seconds} * 1000
    globalThis.Date = class extends Real {
      constructor(...given) { given.length === 0 ? super(Real.now() + by) : super(...given) }
      static now() { return Real.now() + by }
    }
    Object.defineProperty(performance, 'timeOrigin', { value: performance.timeOrigin + by })`)}`
  const program = join(import.meta.dirname, '../../lifeboat')
  const env = { NODE_OPTIONS: `--import ${shift}` }
  return attempt([program, '--sites', labPaths.sites, ...argv], { env, limit_ms: 60_000 })
}

async function statusBy(...options: readonly string[]): Promise<Status> {
  const ran = await lifeboat([...options, 'status', 'shop', '--json'])
  if (ran.exit !== 0) throw new Error(`status ended with ${ran.exit}: ${ran.stderr}`)
  return JSON.parse(ran.stdout) as Status
}

async function newestPoint(): Promise<Point> {
  const [newest] = await pointsAtWest()
  if (newest === undefined) throw new Error('west has no point')
  return newest
}

async function pointNames(): Promise<readonly string[]> {
  return (await pointsAtWest()).map((each) => each.name)
}

async function pointsAtWest(): Promise<readonly Point[]> {
  const ran = await lifeboat(['points', 'shop', '--json'])
  const found = JSON.parse(ran.stdout) as readonly { readonly site: string; readonly list: readonly Point[] }[]
  return found.find((each) => each.site === 'west')?.list ?? []
}
