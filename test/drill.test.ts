import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { ExecHandler } from '../src/engine/fake/site.ts'
import { plan, type Ran, type Request, run, status } from '../src/lifeboat.ts'
import { reportText } from '../src/report/text.ts'
import { goodBubble } from './every-step/drill-guests.ts'
import { type Rig, rig, stackFile } from './every-step/rig.ts'

/** What a drill says where something is not as declared. That it comes to an end in any case is in every-step. */
const folder = mkdtempSync(join(tmpdir(), 'lifeboat-drill-'))
afterAll(() => rmSync(folder, { recursive: true }))

const drill: Request = { verb: 'drill', stack: 'shop', point: undefined, keep: false, remove: false }

const datagrams = join(folder, 'datagrams.yaml')
writeFileSync(datagrams, readFileSync(stackFile, 'utf8').replace('port: tcp/5432, drill', 'port: udp/514, drill'))
copyFileSync(join(dirname(stackFile), 'stand-in.txt'), join(folder, 'stand-in.txt'))

test('a good drill proves the standby, and leaves nothing', async () => {
  const on = await replicated()
  const before = await on.state()
  const ran = await does(on, drill)
  expect(ran.outcome).toBe('done')
  expect(ran.report.drill).toMatchObject({ verdict: 'passed', untouched: { site: 'east', instances: 9 } })
  expect(ran.report.drill?.matrix?.pass).toBeGreaterThan(30)
  expect(ran.report.drill?.matrix?.stopped).toBeGreaterThan(30)
  expect(ran.report.not_tested.join()).toContain('the real way in')
  expect(await on.state()).toBe(before)
  expect(await proof(on)).toMatch(/^proven/)
})

test('an undeclared packet that passes is a failed drill: told by its flow, nothing left, nothing proved', async () => {
  const on = await replicated()
  const before = await on.state()
  on.world.site('west').onExec(hole('10.10.4.11', '5432', 'web1'))
  const ran = await does(on, drill)
  expect(ran.outcome).toBe('undone')
  expect(ran.report.drill?.verdict).toBe('failed')
  expect(ran.report.failures[0]?.detail).toContain('web1 -> db1 tcp/5432: open, not blocked')
  expect(ran.report.left).toEqual([])
  expect(await on.state()).toBe(before)
  expect(await proof(on)).toMatch(/^unproven: the last drill .* did not end well/)
})

test('a declared packet that does not pass is a failed drill', async () => {
  const on = await replicated()
  on.world.site('west').onExec(swallow('10.10.3.4', '389'))
  const ran = await does(on, drill)
  expect(ran.outcome).toBe('undone')
  expect(ran.report.failures[0]?.detail).toContain('central:ldap tcp/389 by nat: silent, not open')
})

test('a check that fails at every second server is a failed drill, however often it is good', async () => {
  const on = await replicated()
  const asked = new Map<string, number>()
  on.world.site('west').onExec(({ argv }) => {
    if (argv[0] !== 'curl') return undefined
    const url = argv.at(-1) ?? ''
    asked.set(url, (asked.get(url) ?? 0) + 1)
    return { exit: 0, stdout: `${(asked.get(url) ?? 0) % 2 === 0 ? 504 : 200} 198.18.0.11 0.1`, stderr: '' }
  })
  const ran = await does(on, drill)
  expect(ran.outcome).toBe('undone')
  expect(ran.report.failures[0]?.detail).toMatch(/^\d+ of \d+ were good, never 3 in a row: .* not: status 504$/)
})

test('a check that is not good is a failed drill, with what the client got', async () => {
  const on = await replicated()
  on.world
    .site('west')
    .onExec(({ argv }) => (argv[0] === 'curl' ? { exit: 0, stdout: '503 198.18.0.11 0.1', stderr: '' } : undefined))
  const ran = await does(on, drill)
  expect(ran.outcome).toBe('undone')
  expect(ran.report.failures[0]).toMatchObject({ step: 'check 1', detail: expect.stringContaining('status 503') })
})

test('a guest that cannot send a packet is no evidence, and not taken for a closed door', async () => {
  const on = await replicated()
  on.world
    .site('west')
    .onExec(({ argv, ref }) =>
      argv.includes('lifeboat-packets') && ref.name === 'db1' ? { exit: 127, stdout: '', stderr: '' } : undefined,
    )
  const ran = await does(on, drill)
  expect(ran.outcome).toBe('done')
  expect(ran.report.drill?.matrix?.no_evidence).toBeGreaterThan(5)
  expect(reportText(ran.report)).toMatch(/no evidence +db1 -> app1 tcp\/8080 \(unable\)/)
})

test('packets that a busy site was too late for are sent once more, and told', async () => {
  const on = await replicated()
  const west = on.world.site('west')
  const late = swallow('10.10.3.1', '5432')
  const patient: string[] = []
  west.onExec((context) => {
    const again = context.argv.filter((word) => word.endsWith('/16'))
    patient.push(...again)
    return again.length > 0 ? undefined : late(context)
  })
  const ran = await does(on, drill)
  expect(ran.outcome).toBe('done')
  expect(reportText(ran.report)).toMatch(/, 2 of them sent twice, as this site was late/)
  expect(patient).toEqual(Array(2).fill('tcp/10.10.3.1/5432/-/16'))
})

test('what changed since the drill is named', async () => {
  const on = await replicated()
  await does(on, drill)
  const file = join(folder, 'stack.yaml')
  const rule = '{ allow: tcp/443, from: anyone, to: public }'
  writeFileSync(file, readFileSync(stackFile, 'utf8').replace(rule, rule.replace('anyone', '203.0.113.0/24')))
  copyFileSync(join(dirname(stackFile), 'stand-in.txt'), join(folder, 'stand-in.txt'))
  await does(on, { verb: 'deploy', file, site: 'east', remove: [] })
  await does(on, { verb: 'replicate', stack: 'shop' })
  expect(await proof(on)).toMatch(/^unproven: changed since drill \w+ \(.*\): rules of fw$/)
  await does(on, drill)
  expect(await proof(on)).toMatch(/^proven/)
  on.world.site('west').images.set('shop-web', 'another')
  expect(await proof(on)).toMatch(/: image of web1, image of web2$/)
})

test('a kept drill stays until it is removed, and no second one is begun beside it', async () => {
  const on = await replicated()
  const before = await on.state()
  const kept = await does(on, { ...drill, keep: true })
  expect(kept.report.drill?.shell).toMatch(/^incus exec --project lb-shop-drill-\w{6} app2 -- bash$/)
  expect(await on.state()).toContain('west bubble')
  expect(await proof(on)).toContain('is still up')
  await expect(does(on, drill)).rejects.toThrow('is still up at west')
  expect((await does(on, { verb: 'replicate', stack: 'shop' })).outcome).toBe('done')
  expect((await does(on, { ...drill, remove: true })).outcome).toBe('done')
  expect((await on.state()).split('\n').filter((line) => line.includes('bubble'))).toEqual([])
  expect(await proof(on)).toMatch(/^proven(?!.*still up)/)
  expect(before).not.toContain('bubble')
})

test('a stub stands at the address of its service, and is waited for', async () => {
  const on = await replicated()
  const file = join(folder, 'stubbed.yaml')
  writeFileSync(file, readFileSync(stackFile, 'utf8').replace('drill: deny', 'drill: { stub: billing-stub }'))
  copyFileSync(join(dirname(stackFile), 'stand-in.txt'), join(folder, 'stand-in.txt'))
  await does(on, { verb: 'deploy', file, site: 'east', remove: [] })
  await does(on, { verb: 'replicate', stack: 'shop' })
  await expect(does(on, drill)).rejects.toThrow('image "billing-stub" of a stub is not at west')
  on.world.site('west').addImage('billing-stub')
  on.world.site('west').onExec(open('10.10.3.3', '5432'))
  const ran = await does(on, drill)
  expect(ran.outcome).toBe('done')
  expect(ran.report.steps.map((step) => step.id)).toContain('ready stub-billing')
  expect(ran.report.not_tested.join()).toContain('billing: a stub in drills')
  expect((await on.state()).includes('bubble')).toBe(false)
})

test.each([
  ['all that was sent was counted at the border', 2, 'done', ''],
  ['none came there', 0, 'undone', 'central:billing udp/514 by nat: lost, not refused'],
  ['some came', 1, 'done', 'central:billing udp/514 by nat (silent)'],
] as const)('a datagram to a denied service: %s', async (_, came, outcome, words) => {
  const on = await replicated(datagrams)
  let reads = 0
  const counters = () => [{ counter: { name: 'denied_billing', packets: ++reads > 2 ? came : 0 } }]
  on.world
    .site('west')
    .onExec(({ argv }) =>
      argv[0] === 'nft' ? { exit: 0, stdout: JSON.stringify({ nftables: counters() }), stderr: '' } : undefined,
    )
  const ran = await does(on, drill)
  expect(ran.outcome).toBe(outcome)
  const told = [...(ran.report.drill?.without_evidence ?? []), ...ran.report.failures.map((each) => each.detail ?? '')]
  expect(told.join('\n')).toContain(words)
})

async function replicated(file = stackFile): Promise<Rig> {
  const on = rig()
  await does(on, { verb: 'deploy', file, site: 'east', remove: [] })
  await does(on, { verb: 'replicate', stack: 'shop' })
  on.world.site('west').onExec(goodBubble)
  return on
}

async function does(on: Rig, request: Request): Promise<Ran> {
  const controller = on.controller()
  const planned = await plan(controller, request, on.world.clock.now())
  if ('refused' in planned) throw new Error(planned.refused.map((each) => each.what).join('; '))
  return run(controller, planned.plan, () => {})
}

async function proof(on: Rig): Promise<string> {
  const found = await status(on.controller(), 'shop', on.world.clock.now())
  return 'refused' in found ? 'refused' : found.proof
}

const hole = (address: string, port: string, from: string): ExecHandler => heard(address, port, 'open', from)
const open = (address: string, port: string): ExecHandler => heard(address, port, 'open')
const swallow = (address: string, port: string): ExecHandler => heard(address, port, 'silent')

/** As `goodBubble`, but for packets to one place. */
function heard(address: string, port: string, result: string, from?: string): ExecHandler {
  return (context) => {
    const answer = goodBubble(context)
    const at = context.argv.indexOf('lifeboat-packets') + 1
    if (at === 0 || answer === undefined || (from !== undefined && context.ref.name !== from)) return undefined
    const lines = answer.stdout.trimEnd().split('\n')
    const changed = lines.map((line, index) =>
      context.argv[at + index]?.startsWith(`tcp/${address}/${port}/`) ? `${index} ${result}` : line,
    )
    return { ...answer, stdout: `${changed.join('\n')}\n` }
  }
}
