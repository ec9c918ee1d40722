import { parseArgs } from 'node:util'
import { summarize } from '../../examples/shop/order-log.ts'
import { formatDuration } from '../../src/lib/duration.ts'
import type { Report } from '../../src/report/report.ts'
import { down, exec, killSite, up } from '../lab.ts'
import { eventually, lifeboat, ordersHeld, prepareShop, sleep, stackFile, startCustomers, verb } from './story.ts'

const { values } = parseArgs({
  options: { down: { type: 'boolean', default: false }, rate: { type: 'string', default: '20' } },
})

/** Customers order all the time; their site loses power; one command brings the stack back at the other. */
async function story(): Promise<boolean> {
  const began = Date.now()
  const say = (text: string) => console.log(`[${formatDuration(Date.now() - began).padStart(7)}] ${text}`)

  say(
    'bringing up the lab: two sites, a WAN, a client, DNS, DHCP, LDAP and billing (the first time this builds images)',
  )
  await up({ log: (line) => say(`  ${line}`) })
  const { ca } = await prepareShop()
  if ((await lifeboat(['status', 'shop'])).exit === 0) {
    say('removing the shop of an earlier run')
    await verb('destroy', 'shop', '--consent', 'shop')
  }

  say('deploy examples/shop at east: 2 web, 2 app, 2 database machines, firewall, load balancer, NAT box')
  const deploy = await verb('deploy', stackFile, '--site', 'east')
  say(
    `  first good answer at the client after ${formatDuration(deploy.numbers.rto_ms ?? 0)}, at ${deploy.numbers.address}`,
  )

  say(`customers at the client place ${values.rate} orders a second, and go on through all that follows`)
  const customers = await startCustomers(Number(values.rate), ca)
  try {
    await eventually('the first accepted order', 20_000, async () =>
      (await customers.attempts()).some((each) => each.acked_at !== null),
    )
    for (let cycle = 1; cycle <= 4; cycle++) {
      const report = await verb('replicate', 'shop')
      say(
        `  replicate ${cycle}: point ${report.numbers.point?.name ?? pointOf(report)} complete at west, ${sent(report)}, pause ${Math.round(report.numbers.pause_ms ?? 0)} ms`,
      )
      await sleep(cycle === 4 ? 1500 : 1000)
    }

    say('POWER CUT at east: daemon, machines and links, at once')
    await killSite('east')
    say('lifeboat failover shop --site-is-down east')
    const failover = await verb('failover', 'shop', '--site-is-down', 'east', '--acknowledged', customers.log)
    say('  the stack answers at west; the customers go on for a while')
    await sleep(5000)
    const attempts = await customers.stop()
    return await verdict(say, attempts, failover)
  } finally {
    await customers.stop()
  }
}

type Attempts = Awaited<ReturnType<Awaited<ReturnType<typeof startCustomers>>['stop']>>

/** The customers' own record against the database at west, read by psql; our report is judged by it. */
async function verdict(say: (text: string) => void, attempts: Attempts, failover: Report): Promise<boolean> {
  const held = await ordersHeld('west')
  const decided = Date.parse(failover.decided_at)
  const point = Date.parse(failover.numbers.point?.taken_at ?? '')
  const before = attempts.filter((each) => each.acked_at !== null && each.acked_at <= decided)
  const lost = before.filter((each) => !held.has(each.ref))
  const lostBeforePoint = lost.filter((each) => (each.acked_at ?? 0) <= point)
  const after = attempts.filter((each) => each.acked_at !== null && each.acked_at > decided)
  const dig = await exec('client', ['dig', '+short', 'shop.example.com'])
  const gap = summarize(attempts).longest_gap_ms
  const address = failover.numbers.address ?? ''

  const checks: readonly (readonly [boolean, string])[] = [
    [dig.stdout.trim() === address, `shop.example.com is ${dig.stdout.trim()} for the client (dig)`],
    [
      after.length > 0 && after.every((each) => held.has(each.ref)),
      `${after.length} orders accepted at west, all in its database (psql)`,
    ],
    [
      lostBeforePoint.length === 0,
      `${lostBeforePoint.length} orders lost that were accepted before the launched point was taken`,
    ],
    [
      lost.length === failover.numbers.loss?.lost,
      `${lost.length} of ${before.length} accepted orders lost in all; the report says ${failover.numbers.loss?.lost}`,
    ],
  ]
  say('verdict')
  console.log('')
  console.log(`  RTO, decision to first good answer at the client   ${formatDuration(failover.numbers.rto_ms ?? 0)}`)
  console.log(`  longest time without an accepted order             ${formatDuration(gap)}`)
  console.log(
    `  age of the launched point at the decision          ${formatDuration(failover.numbers.point_age_ms ?? 0)}`,
  )
  for (const touch of failover.touches) console.log(`  touched: ${touch.what}`)
  console.log(`  physical devices touched                           ${failover.physical_devices_touched}`)
  console.log('')
  for (const [good, text] of checks) console.log(`  ${good ? 'holds' : 'DOES NOT HOLD'}: ${text}`)
  console.log('')
  return checks.every(([good]) => good)
}

const pointOf = (report: Report): string => /point (\S+)/.exec(report.summary)?.[1] ?? ''
const sent = (report: Report): string =>
  `${((report.numbers.sent_bytes ?? 0) / 1e6).toFixed(2)} MB ${report.numbers.incremental === true ? 'incremental' : 'whole'}`

try {
  const held = await story()
  if (!held) process.exitCode = 1
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  if (values.down) {
    await down()
    console.log('The lab is down; nothing of it is left.')
  } else {
    console.log('The lab stays up. Try next:')
    console.log('  ./lifeboat status                    who is active, how old the newest point is')
    console.log('  ./lifeboat report                    the failover, by phase')
    console.log('  ./lifeboat plan failover shop        why it is refused now')
    console.log(
      '  ./lifeboat lab exec client curl --cacert /etc/lifeboat-lab/ca.crt https://shop.example.com/api/healthz',
    )
    console.log('  ./lifeboat lab return east           power is back; nothing starts by itself')
    console.log('  ./lifeboat lab down                  remove everything')
  }
}
