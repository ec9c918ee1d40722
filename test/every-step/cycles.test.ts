import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Crash } from '../../src/engine/fake/faults.ts'
import { plan, type Ran, type Request, run } from '../../src/lifeboat.ts'
import type { Point } from '../../src/state/objects.ts'
import { ledgerFile, type Rig } from './rig.ts'
import { after } from './scenes.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lifeboat-cycles-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

test('a full pool at the standby ends a cycle with a clear problem and costs no point; fewer points make room', async () => {
  const on = await after(deploy(ledger('keep: 3')), replicate, replicate, replicate)
  const before = points(on)
  expect(before).toHaveLength(3)
  on.world.site('west').leaveFree(1_000)

  const { planned, ran } = await attempt(on, replicate)
  expect(planned.findings.map((each) => each.what)).toContainEqual(
    expect.stringMatching(/^pool default at west is nearly full/),
  )
  expect(ran.outcome).toBe('undone')
  expect(ran.report.left).toEqual([])
  expect(ran.report.failures[0]).toMatchObject({ code: 'no-space', site: 'west' })
  expect(ran.report.failures[0]?.what).toContain('bytes left')
  expect(points(on)).toEqual(before)
  for (const point of before) expect(clonesOf(on, point)).toEqual(['db1', 'db2'])

  expect((await attempt(on, deploy(ledger('keep: 1')))).ran.outcome).toBe('done')
  const freed = await attempt(on, replicate)
  expect(freed.ran.report.failures).toEqual([])
  expect(freed.ran.outcome).toBe('done')
  expect(points(on)).toHaveLength(1)
  expect(before.map((each) => each.name)).not.toContain(points(on)[0]?.name)
  for (const point of before) expect(clonesOf(on, point)).toEqual([])
})

test('a machine that a killed controller left paused goes on with the next contact, also when the standby is silent', async () => {
  for (const verb of ['replicate', 'deploy'] as const) {
    const on = await paused()
    on.world.isolate('west')
    const request = verb === 'deploy' ? deploy(ledgerFile) : replicate
    const { planned, ran } = await attempt(on, request)
    expect(ran.outcome).toBe('done')
    expect(powers(on)).toEqual(['running', 'running'])
    if (verb === 'replicate') {
      expect(planned.summary).toContain('no point')
      expect(planned.findings[0]?.what).toContain('the standby west does not answer')
    }
  }
})

test('a killed controller leaves machines frozen inside; the next cycle thaws them', async () => {
  const on = await paused()
  expect(ledgers(on)).toEqual(['frozen\n', 'frozen\n'])
  const { ran } = await attempt(on, replicate)
  expect(ran.outcome).toBe('done')
  expect(powers(on)).toEqual(['running', 'running'])
  expect(ledgers(on)).toEqual(['open\n', 'open\n'])
})

test('freeze comes before the pause and thaw after it; the point holds what was frozen', async () => {
  const on = await after(deploy(ledgerFile))
  await attempt(on, replicate)
  const calls = on.world.calls
    .filter((each) => ['exec', 'checkpoint'].includes(each.call) && each.object.includes('stack:shop'))
    .map((each) => each.call)
  expect(calls.slice(-5)).toEqual(['exec', 'exec', 'checkpoint', 'exec', 'exec'])
  const [point] = points(on)
  const clone = { area: { kind: 'keep', stack: 'shop' }, name: `db1-${point?.name}` } as const
  expect(on.world.site('west').read(clone, '/run/ledger')).toBe('frozen\n')
  expect(ledgers(on)).toEqual(['open\n', 'open\n'])
})

test.each([
  ['that fails', 'echo frozen > /run/ledger; false', 'the freeze command of db1 ended with exit code 1'],
  ['that does not end', 'echo frozen > /run/ledger; sleep 60', 'did not end within 2 s'],
])('a freeze %s ends the cycle without a point, and what was frozen is thawed', async (_, freeze, told) => {
  const text = readFileSync(ledgerFile, 'utf8')
  const on = await after(deploy(write(text.replace(/freeze: .*/, `freeze: ${freeze}`))))
  const { ran } = await attempt(on, replicate)
  expect(ran.outcome).toBe('undone')
  expect(ran.report.failures[0]?.what).toContain(told)
  expect(points(on)).toEqual([])
  expect(powers(on)).toEqual(['running', 'running'])
  expect(ledgers(on)).toEqual(['open\n', 'open\n'])
})

test('a thaw that fails is told by name, and no point is made of it', async () => {
  const on = await after(deploy(write(readFileSync(ledgerFile, 'utf8').replace(/thaw: .*/, 'thaw: "false"'))))
  const { ran } = await attempt(on, replicate)
  expect(ran.outcome).toBe('undone')
  expect(ran.report.failures[0]?.what).toContain('the thaw command of db1 ended with exit code 1')
  expect(points(on)).toEqual([])
})

const replicate: Request = { verb: 'replicate', stack: 'shop' }
const deploy = (file: string): Request => ({ verb: 'deploy', file, site: 'east', remove: [] })

function write(text: string): string {
  const file = join(folder, `stack-${readdirSync(folder).length}.yaml`)
  writeFileSync(file, text)
  return file
}

const ledger = (keep: string): string => write(readFileSync(ledgerFile, 'utf8').replace('keep: 2', keep))

async function attempt(on: Rig, request: Request) {
  const controller = on.controller()
  const planned = await plan(controller, request, on.world.clock.now())
  if ('refused' in planned) throw new Error(planned.refused.map((each) => each.what).join('; '))
  const ran: Ran = await run(controller, planned.plan, () => {})
  return { planned: planned.plan, ran }
}

/** Lifeboat is killed inside the pause of a cycle. */
async function paused(): Promise<Rig> {
  const on = await after(deploy(ledgerFile))
  on.world.faults.at({ call: 'checkpoint' }, 'crash', { when: 'inside' })
  await expect(attempt(on, replicate)).rejects.toThrow(Crash)
  expect(powers(on)).toEqual(['paused', 'paused'])
  return on
}

const machines = ['db1', 'db2'].map((name) => ({ area: { kind: 'stack', stack: 'shop' } as const, name }))
const powers = (on: Rig) => machines.map((ref) => on.world.site('east').get(ref).power)
const ledgers = (on: Rig) => machines.map((ref) => on.world.site('east').read(ref, '/run/ledger'))
const points = (on: Rig): readonly Point[] => on.world.site('west').claims.get('shop')?.claim.points ?? []

function clonesOf(on: Rig, point: Point): readonly string[] {
  const keep = on.world.site('west').area({ kind: 'keep', stack: 'shop' })
  return [...(keep?.instances.keys() ?? [])]
    .filter((name) => name.endsWith(point.name))
    .map((name) => name.split('-')[0] ?? '')
    .sort()
}
