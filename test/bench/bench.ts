import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Customers, eventually, prepareShop, stackFile, startCustomers, verb } from '../../lab/demo/story.ts'
import { down, killSite, returnSite, up } from '../../lab/lab.ts'
import type { SiteName } from '../../lab/topology.ts'
import { announcedPrefix } from './announced.ts'
import { appliances } from './appliances.ts'
import { checkOfThousand } from './check.ts'
import { controllerOfThousand } from './controller.ts'
import { launchFloor } from './floor.ts'
import { type Drilled, type Moved, oneDrill, oneMove } from './moving.ts'
import { median, printRows, quantile, row, seconds, sum } from './rows.ts'
import { heldRpo } from './rpo.ts'
import { bytesOfSend, bytesReceived } from './wire.ts'

/**
 * Numbers of this machine in one run, each beside its floor, measured at the client, at Incus and on the wire. `--rpo 600`
 * holds an RPO of 5 s for so many seconds, 0 leaves that out; `--rounds 1` is a quick look, and
 * `--rounds 0` the RPO alone.
 */
const { values } = parseArgs({
  options: { rpo: { type: 'string', default: '60' }, rounds: { type: 'string', default: '3' } },
})
const rounds = Number(values.rounds)
const cycles_a_round = 4

try {
  await up()
  const { ca } = await prepareShop()
  await verb('destroy', 'shop', '--consent', 'shop').catch(() => undefined)
  if (rounds === 0) await rpoAlone(ca)
  const cycles: Cycle[] = []
  const drills: Drilled[] = []
  const moves: Moved[] = []
  const launches: Launch[] = []
  for (let round = 1; round <= rounds; round++) {
    console.log(
      `round ${round} of ${rounds}, 50 orders/s: deploy, ${cycles_a_round} cycles, drill, ${round === 1 ? `RPO for ${values.rpo} s, ` : ''}move, power cut, failover, floor`,
    )
    await verb('deploy', stackFile, '--site', 'east')
    const customers = await startCustomers(50, ca, {
      log: join(tmpdir(), `lifeboat-bench-${process.pid}-${round}.jsonl`),
    })
    try {
      await accepted(customers, 0)
      await verb('replicate', 'shop')
      for (let cycle = 0; cycle < cycles_a_round; cycle++) cycles.push(await oneCycle())
      drills.push(await oneDrill())
      if (round === 1 && Number(values.rpo) > 0) await heldRpo(5, Number(values.rpo))
      moves.push(await oneMove(customers, 'west'))
      await verb('replicate', 'shop')
      launches.push(await oneFailover(customers, 'west', 'east'))
    } finally {
      await customers.stop()
      rmSync(customers.log, { force: true })
    }
    await returnSite('west')
    await verb('destroy', 'shop', '--consent', 'shop')
  }
  if (rounds > 0) {
    summary(cycles, drills, moves, launches)
    await announcedPrefix()
    checkOfThousand()
    await appliances()
    controllerOfThousand()
  }
} finally {
  await down()
}
printRows()

type Cycle = {
  readonly whole_ms: number
  readonly pause_ms: number
  readonly wire_bytes: number
  readonly send_bytes: number
}
type Launch = { readonly rto_ms: number; readonly floor_ms: number; readonly reported_ms: number }

async function rpoAlone(ca: string): Promise<void> {
  await verb('deploy', stackFile, '--site', 'east')
  const customers = await startCustomers(50, ca, { log: join(tmpdir(), `lifeboat-bench-${process.pid}.jsonl`) })
  try {
    await accepted(customers, 0)
    await verb('replicate', 'shop')
    await heldRpo(5, Number(values.rpo))
  } finally {
    await customers.stop()
    rmSync(customers.log, { force: true })
  }
  await verb('destroy', 'shop', '--consent', 'shop')
}

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
async function oneFailover(customers: Customers, from: SiteName, to: SiteName): Promise<Launch> {
  await killSite(from)
  const began = Date.now()
  const report = await verb('failover', 'shop', '--site-is-down', from)
  const first = await accepted(customers, began)
  await customers.stop()
  return {
    rto_ms: first - began,
    floor_ms: await launchFloor(to, report.numbers.address ?? ''),
    reported_ms: report.numbers.rto_ms ?? Number.NaN,
  }
}

async function accepted(customers: Customers, after: number): Promise<number> {
  let first = 0
  await eventually('an accepted order', async () => {
    const times = (await customers.attempts()).flatMap((each) =>
      each.acked_at !== null && each.acked_at > after ? [each.acked_at] : [],
    )
    first = Math.min(...times)
    return times.length > 0
  })
  return first
}

function summary(
  cycles: readonly Cycle[],
  drills: readonly Drilled[],
  moves: readonly Moved[],
  launches: readonly Launch[],
): void {
  for (const each of [...cycles, ...drills, ...moves, ...launches]) console.log(JSON.stringify(each))
  const rto = median(launches.map((each) => each.rto_ms))
  const floor = median(launches.map((each) => each.floor_ms))
  row(
    'RTO of failover shop, command to first order',
    seconds(rto),
    `${seconds(floor)} bare calls`,
    '<= 1.3, < 15 s',
    rto / floor <= 1.3 && rto < 15_000,
  )
  row('  ratio', (rto / floor).toFixed(2), '', '<= 1.3', rto / floor <= 1.3)
  row('  as its report says', seconds(median(launches.map((each) => each.reported_ms))), '', '', true)

  const outage = median(moves.map((each) => each.outage_ms))
  const least = median(moves.map((each) => each.stop_ms + each.last_copy_ms)) + floor
  row(
    'outage of move, between two orders of the customers',
    seconds(outage),
    `${seconds(least)} stop+copy+bare`,
    '<= 1.3, < 12 s',
    outage / least <= 1.3 && outage < 12_000,
  )
  row('  ratio', (outage / least).toFixed(2), '', '<= 1.3', outage / least <= 1.3)
  row('  stop', seconds(median(moves.map((each) => each.stop_ms))), '', '', true)
  row('  last transfer', seconds(median(moves.map((each) => each.last_copy_ms))), '', '', true)
  const estimated = moves.flatMap((each) => each.estimated_ms ?? [])
  if (estimated.length > 0) row('  as it was estimated before', seconds(median(estimated)), '', '', true)

  const verdicts = drills.map((each) => each.verdict_ms)
  row(
    'drill, command to verdict',
    seconds(median(verdicts)),
    `worst ${seconds(Math.max(...verdicts))}`,
    '< 20 s',
    Math.max(...verdicts) < 20_000,
  )
  const cleaned = drills.map((each) => each.clean_up_ms)
  row(
    '  clean-up',
    seconds(median(cleaned)),
    `worst ${seconds(Math.max(...cleaned))}`,
    '< 5 s',
    Math.max(...cleaned) < 5000,
  )

  const whole = cycles.map((each) => each.whole_ms)
  row(
    'replication cycle under 50 orders/s, whole command',
    seconds(median(whole)),
    `worst ${seconds(Math.max(...whole))}`,
    '< 3 s',
    Math.max(...whole) < 3000,
  )
  const pauses = cycles.map((each) => each.pause_ms)
  row(
    'pause',
    `${Math.round(median(pauses))} ms`,
    `worst ${Math.round(Math.max(...pauses))} ms`,
    '< 300 ms',
    quantile(pauses, 0.99) < 300,
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
