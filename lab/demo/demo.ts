import { parseArgs } from 'node:util'
import { formatDuration } from '../../src/lib/duration.ts'
import type { Report } from '../../src/report/report.ts'
import { down, exec, killSite, returnSite, up } from '../lab.ts'
import { openPage } from '../page.ts'
import {
  type Customers,
  eventually,
  lifeboat,
  ordersHeld,
  prepareShop,
  sleep,
  stackFile,
  startCustomers,
  verb,
} from './story.ts'

const { values } = parseArgs({
  options: { down: { type: 'boolean', default: false }, rate: { type: 'string', default: '20' } },
})

type Say = (text: string) => void
type Attempts = Awaited<ReturnType<Customers['attempts']>>
type Verdict = readonly (readonly [boolean, string])[]

/** Customers order all the time; their site loses power; one command brings the stack back at the other; and home again. */
async function story(): Promise<boolean> {
  const began = Date.now()
  const say: Say = (text) => console.log(`[${formatDuration(Date.now() - began).padStart(7)}] ${text}`)

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
    await eventually('the first accepted order', async () =>
      (await customers.attempts()).some((each) => each.acked_at !== null),
    )
    for (let cycle = 1; cycle <= 2; cycle++) await replicate(say)

    say('lifeboat drill shop: the newest point launched at west in a bubble, while east works')
    const drill = await verb('drill', 'shop')
    say(
      `  the stack came up in the bubble and was removed again, in ${formatDuration(drill.numbers.took_ms ?? 0)}; proof recorded at west`,
    )
    for (let cycle = 1; cycle <= 2; cycle++) await replicate(say)
    await sleep(500)

    say('POWER CUT at east: daemon, machines and links, at once')
    await killSite('east')
    say('lifeboat failover shop --site-is-down east')
    const failover = await verb('failover', 'shop', '--site-is-down', 'east', '--acknowledged', customers.log)
    say('  the stack answers at west; the customers go on')
    await sleep(3000)
    const afterFailover = await judgeFailover(await customers.attempts(), failover)

    say('power is back at east; nothing of the stack may start there by itself')
    await returnSite('east')
    await sleep(2000)
    const running = await exec('east', [
      'incus',
      'list',
      '--all-projects',
      '--format',
      'csv',
      '--columns',
      'n',
      'status=running',
    ])
    say('lifeboat failback shop: east becomes the standby, its own copy set aside; then the stack moves home')
    const failback = await verb('failback', 'shop')
    say(`  clients were without an answer for ${formatDuration(failback.numbers.outage_ms ?? 0)}`)
    await sleep(3000)
    const attempts = await customers.stop()
    const afterFailback = await judgeFailback(attempts, failover, running.stdout.trim())

    say('verdict')
    table(failover, failback)
    const all = [...afterFailover, ...afterFailback]
    for (const [good, text] of all) console.log(`  ${good ? 'holds' : 'DOES NOT HOLD'}: ${text}`)
    console.log('')
    return all.every(([good]) => good)
  } finally {
    await customers.stop()
  }
}

async function replicate(say: Say): Promise<void> {
  const report = await verb('replicate', 'shop')
  const pause = Math.round(report.numbers.pause_ms ?? 0)
  say(`  replicate: point ${pointOf(report)} complete at west, ${sent(report)}, pause ${pause} ms`)
  await sleep(1000)
}

/** The customers' own record against the database at west, read by psql; our report is judged by it. */
async function judgeFailover(attempts: Attempts, failover: Report): Promise<Verdict> {
  const held = await ordersHeld('west')
  const { before, after } = told(attempts, failover)
  const point = Date.parse(failover.numbers.point?.taken_at ?? '')
  const lost = before.filter((each) => !held.has(each.ref))
  const older = lost.filter((each) => (each.acked_at ?? 0) <= point)
  const dig = await exec('client', ['dig', '+short', 'shop.example.com'])
  const said = failover.numbers.loss?.lost
  return [
    [
      dig.stdout.trim() === failover.numbers.address,
      `failover: shop.example.com became ${dig.stdout.trim()} for the client (dig)`,
    ],
    [
      after.length > 0 && after.every((each) => held.has(each.ref)),
      `failover: ${after.length} orders accepted at west so far, all in its database (psql)`,
    ],
    [
      older.length === 0,
      `failover: ${older.length} orders lost that were accepted before the launched point was taken`,
    ],
    [
      lost.length === said,
      `failover: ${lost.length} of ${before.length} accepted orders lost in all; the report says ${said}`,
    ],
  ]
}

/** What was accepted at west has to be at east after the way home, and what was accepted since. */
async function judgeFailback(attempts: Attempts, failover: Report, running: string): Promise<Verdict> {
  const held = await ordersHeld('east')
  const { after } = told(attempts, failover)
  const lost = after.filter((each) => !held.has(each.ref))
  return [
    [running === '', `return of east: ${running === '' ? 'nothing' : running} ran there by itself (incus)`],
    [
      after.length > 0 && lost.length === 0,
      `failback: ${lost.length} of ${after.length} orders lost that were accepted since the failover (psql at east)`,
    ],
  ]
}

function told(attempts: Attempts, failover: Report): { readonly before: Attempts; readonly after: Attempts } {
  const decided = Date.parse(failover.decided_at)
  const accepted = attempts.filter((each) => each.acked_at !== null)
  return {
    before: accepted.filter((each) => (each.acked_at ?? 0) <= decided),
    after: accepted.filter((each) => (each.acked_at ?? 0) > decided),
  }
}

function table(failover: Report, failback: Report): void {
  console.log('')
  console.log(
    `  failover: decision to first good answer at the client   ${formatDuration(failover.numbers.rto_ms ?? 0)}`,
  )
  console.log(
    `  failover: age of the launched point at the decision     ${formatDuration(failover.numbers.point_age_ms ?? 0)}`,
  )
  console.log(
    `  failback: outage as the client saw it                   ${formatDuration(failback.numbers.outage_ms ?? 0)}`,
  )
  for (const touch of failover.touches) console.log(`  touched by the failover: ${touch.what}`)
  console.log(`  physical devices touched                                ${failover.physical_devices_touched}`)
  console.log('')
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
    const page = await openPage('west')
    console.log(`The lab stays up, and so does the page that has all of this: ${page.link ?? page.address}`)
    console.log('Try next:')
    console.log('  ./lifeboat status                    who is active, how old the newest point is, what was proven')
    console.log('  ./lifeboat history                   what was done, and how long it took')
    console.log('  ./lifeboat report                    the last operation, by phase; --html FILE for a page')
    console.log('  ./lifeboat plan move shop --to west  every step, before anything is changed')
    console.log('  ./lifeboat rescue shop               what only the copy that east set aside holds')
    console.log('  ./lifeboat lab down                  remove everything')
  }
}
