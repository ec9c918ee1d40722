import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Customers, eventually, prepareShop, stackFile, startCustomers, verb } from '../../lab/demo/story.ts'
import { down, killSite, returnSite, up } from '../../lab/lab.ts'
import { launchFloor } from './floor.ts'
import { bytesOfSend, bytesReceived } from './wire.ts'

/**
 * Numbers of this machine in one run, each beside its floor, measured at the client and on the wire. Nothing is asserted:
 * a goal that is missed is printed as missed.
 */
const rounds = 3
const cycles_a_round = 4
const rows: string[] = []

const row = (what: string, value: string, floor: string, goal: string, held: boolean) =>
  rows.push(
    `${what.padEnd(52)} ${value.padStart(16)}  ${floor.padStart(22)}  ${goal.padEnd(18)} ${held ? 'held' : 'MISSED'}`,
  )

try {
  checkOfThousand()
  await up()
  const { ca } = await prepareShop()
  await verb('destroy', 'shop', '--consent', 'shop').catch(() => undefined)
  const cycles: Cycle[] = []
  const launches: Launch[] = []
  for (let round = 1; round <= rounds; round++) {
    console.log(
      `round ${round} of ${rounds}: deploy, ${cycles_a_round} cycles under 50 orders/s, power cut, failover, floor`,
    )
    await verb('deploy', stackFile, '--site', 'east')
    const customers = await startCustomers(50, ca, join(tmpdir(), `lifeboat-bench-${process.pid}-${round}.jsonl`))
    try {
      await accepted(customers, 0)
      await verb('replicate', 'shop')
      for (let cycle = 0; cycle < cycles_a_round; cycle++) cycles.push(await oneCycle())
      launches.push(await oneFailover(customers))
    } finally {
      await customers.stop()
      rmSync(customers.log, { force: true })
    }
    await returnSite('east')
    await verb('destroy', 'shop', '--consent', 'shop')
  }
  summary(cycles, launches)
} finally {
  await down()
}

console.log(`\n${'what'.padEnd(52)} ${'seen'.padStart(16)}  ${'floor'.padStart(22)}  goal`)
for (const each of rows) console.log(each)

type Cycle = {
  readonly whole_ms: number
  readonly pause_ms: number
  readonly wire_bytes: number
  readonly send_bytes: number
}
type Launch = { readonly rto_ms: number; readonly floor_ms: number; readonly reported_ms: number }

/** One cycle as a person runs it: the whole command, and what crossed the WAN for it. */
async function oneCycle(): Promise<Cycle> {
  const before = await bytesReceived('west')
  const began = performance.now()
  const report = await verb('replicate', 'shop')
  const whole_ms = performance.now() - began
  const wire_bytes = (await bytesReceived('west')) - before
  return {
    whole_ms,
    pause_ms: report.numbers.pause_ms ?? Number.NaN,
    wire_bytes,
    send_bytes: await bytesOfSend('west', ['db1', 'db2']),
  }
}

/** From the start of the command to the first order that is accepted after it, as the customers wrote it down. */
async function oneFailover(customers: Customers): Promise<Launch> {
  await killSite('east')
  const began = Date.now()
  const report = await verb('failover', 'shop', '--site-is-down', 'east')
  const first = await accepted(customers, began)
  await customers.stop()
  return {
    rto_ms: first - began,
    floor_ms: await launchFloor('west', report.numbers.address ?? ''),
    reported_ms: report.numbers.rto_ms ?? Number.NaN,
  }
}

async function accepted(customers: Customers, after: number): Promise<number> {
  let first = 0
  await eventually('an accepted order', 60_000, async () => {
    const times = (await customers.attempts()).flatMap((each) =>
      each.acked_at !== null && each.acked_at > after ? [each.acked_at] : [],
    )
    first = Math.min(...times)
    return times.length > 0
  })
  return first
}

function show(seen: unknown): void {
  console.log(JSON.stringify(seen))
}

function summary(cycles: readonly Cycle[], launches: readonly Launch[]): void {
  for (const each of [...cycles, ...launches]) show(each)
  const s = (ms: number) => `${(ms / 1000).toFixed(2)} s`
  const rto = median(launches.map((each) => each.rto_ms))
  const floor = median(launches.map((each) => each.floor_ms))
  row(
    'RTO of failover shop, command to first order',
    s(rto),
    `${s(floor)} bare calls`,
    '<= 1.5, < 15 s',
    rto / floor <= 1.5 && rto < 15_000,
  )
  row('  ratio', (rto / floor).toFixed(2), '', '', rto / floor <= 1.5)
  row('  as its report says', s(median(launches.map((each) => each.reported_ms))), '', '', true)
  const whole = cycles.map((each) => each.whole_ms)
  row(
    'replication cycle under 50 orders/s, whole command',
    s(median(whole)),
    `worst ${s(Math.max(...whole))}`,
    '< 3 s',
    Math.max(...whole) < 3000,
  )
  const pauses = cycles.map((each) => each.pause_ms)
  row(
    'pause',
    `${Math.round(median(pauses))} ms`,
    `worst ${Math.round(Math.max(...pauses))} ms`,
    '< 500 ms',
    Math.max(...pauses) < 500,
  )
  const wire = sum(cycles.map((each) => each.wire_bytes))
  const send = sum(cycles.map((each) => each.send_bytes))
  row(
    'bytes on the wire against btrfs send',
    (wire / send).toFixed(3),
    `${(send / 1e6).toFixed(2)} MB sent`,
    '<= 1.1',
    wire / send <= 1.1,
  )
}

/** `lifeboat check` of a stack with 1,000 machines, the whole command. */
function checkOfThousand(): void {
  const folder = mkdtempSync(join(tmpdir(), 'lifeboat-bench-'))
  try {
    const file = join(folder, 'stack.yaml')
    const machines = Array.from(
      { length: 100 },
      (_, index) => `  m${index}x: { image: some, count: 10, segment: s${index % 10} }`,
    )
    const segments = Array.from({ length: 10 }, (_, index) => `  s${index}: 10.${index}.0.0/20`)
    const services = Array.from(
      { length: 100 },
      (_, index) =>
        `        v${index}: { listen: s${(index + 1) % 10}:${1000 + index}, mode: tcp, pool: m${index}x:80 }`,
    )
    writeFileSync(
      file,
      [
        'lifeboat: 1',
        'stack: big',
        'segments:',
        ...segments,
        'machines:',
        ...machines,
        'appliances:',
        '  lb:',
        '    load-balancer:',
        '      services:',
        ...services,
        '',
      ].join('\n'),
    )
    const times = [1, 2, 3].map(() => timed([join(import.meta.dirname, '../../lifeboat'), 'check', file]))
    const floor = Math.min(...[1, 2, 3].map(() => timed([process.execPath, '-e', '0'])))
    row(
      'lifeboat check of 1,000 machines, whole command',
      `${(median(times) / 1000).toFixed(2)} s`,
      `${(floor / 1000).toFixed(2)} s node -e 0`,
      '< 1 s',
      median(times) < 1000,
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function timed(argv: readonly string[]): number {
  const began = performance.now()
  const ran = spawnSync(argv[0] ?? '', argv.slice(1), { stdio: 'ignore' })
  if (ran.status !== 0) throw new Error(`${argv.join(' ')} ended with ${ran.status}`)
  return performance.now() - began
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

function sum(values: readonly number[]): number {
  return values.reduce((all, each) => all + each, 0)
}
