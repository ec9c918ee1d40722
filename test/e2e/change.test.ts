// On the lab: 115 s
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type OrderAttempt, summarize } from '../../examples/shop/order-log.ts'
import { type Customers, eventually, lifeboat, stackFile, startCustomers, verb } from '../../lab/demo/story.ts'
import { ensureImages } from '../../lab/images/images.ts'
import { importImage } from '../../lab/incus-server.ts'
import { commandIn } from '../../lab/lab.ts'
import { run } from '../../lab/run.ts'
import type { Report } from '../../src/report/report.ts'
import { addressByName, emptyStage, incus, inside, instances, live, removeShop, startLifeboat } from './stage.ts'

/**
 * The shop changes under its customers: rules are loaded, changes by hand are found, and appliances are replaced. Judged
 * by the customers' log, by a database session that was there before, by nft and by Incus.
 */
const folder = mkdtempSync(join(tmpdir(), 'lifeboat-change-'))
const shop = readFileSync(stackFile, 'utf8')
let customers: Customers

const loaded: { report?: Report; attempts: readonly OrderAttempt[]; session: string; rules: string; runs: string[] } = {
  attempts: [],
  session: '',
  rules: '',
  runs: ['', ' '],
}
const hand: { diff: Said; refused: Said; overwritten: Said; again: Said; stale: Said } = {} as never
const replaced: { report?: Report; attempts: readonly OrderAttempt[]; before: Legs; after: Legs; left: string } = {
  attempts: [],
  before: { macs: [], address: '' },
  after: { macs: [], address: '' },
  left: '',
}
const swapped: { aborted: Said; runs: string; diff: Said; tried: Said; attempts: readonly OrderAttempt[] } = {} as never

type Entry = { readonly operation: string; readonly verb: string; readonly outcome: string }

type Said = { readonly exit: number | null; readonly stdout: string; readonly stderr: string }
type Legs = { readonly macs: readonly string[]; readonly address: string }

beforeAll(async () => {
  const { ca } = await emptyStage()
  await verb('deploy', stackFile, '--site', 'east')
  customers = await startCustomers(10, ca, { patience_s: 10 })
  await verb('replicate', 'shop')
  await accepted()
  await loads()
  await byHand()
  await replaces()
  await swapsBack()
})

afterAll(async () => {
  await customers?.stop()
  await removeShop()
  rmSync(folder, { recursive: true })
  await importImage('east', await appliance())
})

async function loads(): Promise<void> {
  const session = await databaseSession()
  const before = await starts()
  const from = Date.now()
  loaded.report = await verb('deploy', stackOf('rules', otherRules(shop)))
  loaded.attempts = await customers.between(from, Date.now())
  loaded.session = await session.end()
  loaded.rules = (await inside('east', 'fw', 'nft list ruleset')).stdout
  loaded.runs = [before, await starts()]
}

async function byHand(): Promise<void> {
  await inside('east', 'fw', 'nft insert rule inet lifeboat input tcp dport 22 accept comment \'"quick fix"\'')
  await inside('east', 'lb', 'sed -i "s/maxconn 8192/maxconn 99/" /etc/haproxy/haproxy.cfg')
  await incus('east', 'config', 'set', '--project', live, 'web1', 'limits.memory=1GiB')
  hand.diff = await lifeboat(['diff', 'shop'])
  const file = join(folder, 'rules.yaml')
  hand.refused = await lifeboat(['deploy', file])
  hand.overwritten = await lifeboat(['deploy', file, '--overwrite', 'fw', 'lb'])
  await incus('east', 'config', 'unset', '--project', live, 'web1', 'limits.memory')
  hand.again = await lifeboat(['diff', 'shop', file])
  hand.stale = await lifeboat(['diff', 'shop', stackFile])
}

async function replaces(): Promise<void> {
  await importImage('east', await anotherAppliance())
  replaced.before = await legs()
  const from = Date.now()
  replaced.report = await verb('deploy', join(folder, 'rules.yaml'))
  await accepted()
  replaced.attempts = await customers.between(from, Date.now())
  replaced.after = await legs()
  replaced.left = (await instances('east')).map((each) => each.name).join(' ')
}

/** A controller that dies right after the swap is aborted; a line that HAProxy refuses never gets that far. */
async function swapsBack(): Promise<void> {
  await importImage('east', await appliance())
  const before = await starts('fw')
  const controller = startLifeboat(['deploy', join(folder, 'rules.yaml')])
  await controller.until('the former firewall set aside', async () =>
    (await instances('east')).some((each) => each.name === 'fw-before'),
  )
  await controller.kill()
  const history = JSON.parse((await lifeboat(['history', '--json'])).stdout) as readonly Entry[]
  const entry = history.find((each) => each.verb === 'deploy' && each.outcome === 'running')
  swapped.aborted = await lifeboat(['abort', entry?.operation ?? ''])
  await accepted()
  swapped.runs = `${(await instances('east')).map((each) => each.name).join(' ')}; ${before === (await starts('fw'))}`
  const from = Date.now()
  const file = stackOf(
    'broken',
    otherRules(shop).replace('check: GET / }', "check: GET /, raw: { backend: 'no-such-word' } }"),
  )
  swapped.tried = await lifeboat(['deploy', file])
  swapped.attempts = await customers.between(from, Date.now())
  swapped.diff = await lifeboat(['diff', 'shop'])
}

test('other rules are loaded: they are in the kernel, and nothing was started anew', () => {
  expect(loaded.report?.summary).toContain('load into fw lb')
  expect(loaded.rules).toContain('128.0.0.0/1')
  expect(loaded.runs[1]).toBe(loaded.runs[0])
})

test('no customer lost an order or was refused, and a database session through the balancer went on', () => {
  expect(loaded.attempts.length).toBeGreaterThan(10)
  expect(loaded.attempts.filter((each) => each.status !== 201 && each.acked_at === null)).toEqual([])
  expect(loaded.session).toMatch(/^[1-9][0-9]* answers in one session$/)
})

test('what was changed by hand is found where it is: in the kernel, in a file, in Incus', () => {
  expect(hand.diff.exit).toBe(1)
  expect(hand.diff.stdout).toContain('east fw: rules in the kernel not those of /etc/nftables.conf [by hand]')
  expect(hand.diff.stdout).toMatch(/^ {6}\+.*tcp dport 22 .*quick fix/m)
  expect(hand.diff.stdout).toContain('east lb: /etc/haproxy/haproxy.cfg changed by hand [by hand]')
  expect(hand.diff.stdout).toContain('east web1: config limits.memory is 1GiB, was not set [by hand]')
  expect(hand.diff.stdout).toContain('east lb: haproxy runs with an earlier /etc/haproxy/haproxy.cfg [by hand]')
  expect(hand.diff.stdout).toContain('shop: 4 differences: 4 by hand')
})

test('a deploy does not overwrite it without a word, and then does', () => {
  expect(hand.refused.exit).toBe(3)
  expect(hand.refused.stderr).toContain('--overwrite fw lets it go')
  expect(hand.overwritten.exit, hand.overwritten.stderr).toBe(0)
  expect(hand.again.stdout.trim()).toBe('shop: no difference')
  expect(hand.again.exit).toBe(0)
  expect(hand.stale.exit).toBe(1)
  expect(hand.stale.stdout).toContain('east fw: /etc/nftables.conf differs [file]')
  expect(hand.stale.stdout).toContain('west fw: prepared instance is not as the stack file says [standby]')
})

test('a new image: appliances are replaced with names, MACs and leases as before; the outage is the one that customers had', () => {
  const { report, attempts } = replaced
  expect(report?.summary).toContain('replace fw lb nat')
  expect(replaced.after).toEqual(replaced.before)
  expect(replaced.left.split(' ').sort().join(' ')).toBe('app1 app2 db1 db2 fw lb nat web1 web2')
  const { longest_gap_ms, gap } = summarize(attempts)
  const outage_ms = report?.numbers.outage_ms ?? 0
  console.log(`replacement: outage ${outage_ms} ms as reported, ${longest_gap_ms} ms between two accepted orders`)
  expect(outage_ms).toBeGreaterThan(0)
  // Both ends of the customers' gap are within what was reported, give or take one order and one request.
  const stop = report?.steps.find((each) => each.id === 'stop fw')
  const stopped_at = Date.parse(report?.decided_at ?? '') + (stop?.from_ms ?? 0)
  expect(gap?.to).toBeGreaterThan(stopped_at)
  expect(gap?.from).toBeLessThan(stopped_at + outage_ms)
})

test('a swap that is given up leaves the former appliances at work, and the next one starts over', () => {
  expect(swapped.aborted.exit, swapped.aborted.stdout + swapped.aborted.stderr).toBe(0)
  expect(swapped.runs).toContain('app1 app2 db1 db2 fw lb nat web1 web2;')
})

test('a replacement whose own program refuses its files is not swapped in: no customer noticed', () => {
  expect(swapped.tried.exit).toBe(2)
  expect(swapped.tried.stdout).toContain('no-such-word')
  expect(swapped.tried.stdout).toContain('check lb-next')
  expect(swapped.attempts.length).toBeGreaterThan(10)
  expect(swapped.attempts.filter((each) => each.acked_at === null)).toEqual([])
  expect(swapped.diff.stdout).not.toContain('[by hand]')
})

/** The rule in two halves and another health check: the same clients may come. */
function otherRules(text: string): string {
  const rule = '        - { allow: tcp/443, from: anyone, to: public }\n'
  const halves = ['0.0.0.0/1', '128.0.0.0/1', '"::/1"', '"8000::/1"']
    .map((half) => rule.replace('anyone', half))
    .join('')
  const changed = text.replace(rule, halves).replace('pool: web:80, check: GET /healthz', 'pool: web:80, check: GET /')
  if (changed === text || !changed.includes(halves)) throw new Error('the example has changed: other rules fit no more')
  return changed
}

function stackOf(name: string, text: string): string {
  const secrets = join(folder, 'secrets')
  mkdirSync(secrets, { recursive: true })
  const from = join(stackFile, '../secrets')
  for (const file of readdirSync(from))
    writeFileSync(join(secrets, file), readFileSync(join(from, file)), { mode: 0o600 })
  const file = join(folder, `${name}.yaml`)
  writeFileSync(file, text)
  return file
}

/** One session through the balancer's `database` service, which asks all the time; `end` tells how it went. */
async function databaseSession(): Promise<{ end(): Promise<string> }> {
  const startup = '0000002f0003000075736572006c696665626f61745f636865636b00646174616261736500706f7374677265730000'
  const program = `
    const session = require('node:net').connect(5432, 'database')
    const ready = Buffer.from('5a0000000549', 'hex')
    let answers = 0
    session.write(Buffer.from('${startup}', 'hex'))
    session.on('data', (data) => {
      if (!data.includes(ready)) return
      if (answers++ === 0) console.log('open')
      setTimeout(() => session.write(Buffer.from('510000000d73656c656374203100', 'hex')), 20)
    })
    session.on('error', () => {}).on('close', () => { console.log('ended after ' + answers); process.exit(1) })
    process.stdin.resume().on('end', () => { console.log(answers + ' answers in one session'); process.exit(0) })`
  const inApp = ['incus', 'exec', '-T', '--project', live, 'app1', '--', '/opt/shop/node', '-e', program]
  const { argv, env } = await commandIn('east', inApp)
  const [command = '', ...rest] = argv
  const child = spawn(command, rest, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } })
  let said = ''
  child.stdout.on('data', (data) => {
    said += String(data)
  })
  const ended = once(child, 'exit')
  await eventually('a database session', async () => said.includes('open'))
  return {
    end: async () => {
      child.stdin.end()
      await ended
      return said.trim().split('\n').at(-1) ?? ''
    },
  }
}

async function accepted(): Promise<void> {
  const from = Date.now()
  await eventually('an accepted order', async () =>
    (await customers.attempts()).some((each) => each.sent_at > from && each.acked_at !== null),
  )
}

async function starts(name?: string): Promise<string> {
  const all = (await instances('east')).filter((each) => name === undefined || each.name === name)
  return all.map((each) => `${each.name} ${each.last_used_at}`).join('\n')
}

async function legs(): Promise<Legs> {
  const appliances = (await instances('east')).filter((each) => ['fw', 'lb', 'nat'].includes(each.name))
  const macs = appliances.flatMap((each) =>
    Object.entries(each.state.network ?? {}).map(([leg, { hwaddr, addresses }]) => {
      const own = addresses.filter((one) => one.family === 'inet').map((one) => one.address)
      return `${each.name} ${leg} ${hwaddr} ${own.sort().join(' ')}`
    }),
  )
  return { macs: macs.sort(), address: await addressByName() }
}

async function appliance() {
  const { incusImages: built } = await ensureImages(() => {})
  const found = built.find((each) => each.alias === 'lifeboat-appliance')
  if (found === undefined) throw new Error('the image of the appliances is not built')
  return found
}

/** The same root under another description, and so under another fingerprint. */
async function anotherAppliance() {
  const image = await appliance()
  const unpacked = join(folder, 'meta')
  mkdirSync(unpacked)
  await run(['tar', '--extract', '--file', image.meta, '--directory', unpacked])
  const file = join(unpacked, 'metadata.yaml')
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^(\s*description:).*$/m, '$1 another appliance'))
  const meta = join(folder, 'meta.tar')
  await run(['tar', '--create', '--file', meta, '--directory', unpacked, '.'])
  return { ...image, meta }
}
