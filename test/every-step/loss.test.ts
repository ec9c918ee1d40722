import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { measureLoss, plan, type Ran, type Request, run } from '../../src/lifeboat.ts'
import { reportText } from '../../src/report/text.ts'
import { type Rig, stackFile } from './rig.ts'
import { after } from './scenes.ts'

/** Two writes that clients were told of; what the launched database lists is up to each test. */
let folder = ''
const replicate: Request = { verb: 'replicate', stack: 'shop' }
const failover: Request = { verb: 'failover', stack: 'shop', to: undefined, point: undefined, down: ['east'] }

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lifeboat-loss-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

test('what the launched stack does not hold is counted; a write from before the point that is missing is told apart', async () => {
  const on = await withRecords()
  lists(on, { exit: 0, stdout: 'b\n', stderr: '' })
  const ran = await failedOver(on)
  const measured = await measureLoss(on.controller(), ran, acknowledged(ran, ['a', -3_600_000], ['b', -10], ['c', -5]))
  expect(measured.report.numbers.loss).toMatchObject({ acknowledged: 3, present: 1, lost: 2, lost_before_point: 1 })
  expect(reportText(measured.report)).toMatch(/2 of 3 acknowledged, .* 1 older than the point/)
})

test('a records command that fails: the stack is up, and the report says that the loss is not known and why', async () => {
  const on = await withRecords()
  lists(on, { exit: 2, stdout: '', stderr: 'psql: error: relation "orders" does not exist\n' })
  const ran = await failedOver(on)
  const measured = await measureLoss(on.controller(), ran, acknowledged(ran, ['a', -10]))
  expect(measured).toMatchObject({ outcome: 'done', report: { outcome: 'done', numbers: { loss: undefined } } })
  expect(measured.report.numbers.loss_unknown).toBe(
    'the records command ended with exit code 2 in db1: psql: error: relation "orders" does not exist',
  )
  expect(reportText(measured.report)).toContain('NOT MEASURED: the records command ended with exit code 2')
})

test('a record that is none, a record that is gone, a site that is silent: each is told', async () => {
  const on = await withRecords()
  lists(on, { exit: 0, stdout: '', stderr: '' })
  const ran = await failedOver(on)
  const why = async (file: string) => (await measureLoss(on.controller(), ran, file)).report.numbers.loss_unknown
  const bad = join(folder, 'bad.jsonl')
  writeFileSync(bad, 'order 1\norder 2\n')
  expect(await why(bad)).toMatch(/^line 1 of the record of acknowledged writes is not JSON/)
  expect(await why(join(folder, 'none.jsonl'))).toContain('no such file')
  const file = acknowledged(ran, ['a', -10])
  on.world.powerCut('west')
  expect(await why(file)).toContain('west')
})

test('a stack that lists no records: told', async () => {
  const on = await after({ verb: 'deploy', file: stackFile, site: 'east', remove: [] }, replicate)
  on.world.powerCut('east')
  const ran = await failedOver(on)
  const measured = await measureLoss(on.controller(), ran, acknowledged(ran, ['a', -10]))
  expect(measured.report.numbers.loss_unknown).toBe('the stack file of shop names no protect.records')
})

async function withRecords(): Promise<Rig> {
  const file = join(folder, 'shop.yaml')
  const secret = join(import.meta.dirname, 'stand-in.txt')
  const text = readFileSync(stackFile, 'utf8').replace('stand-in.txt', secret)
  writeFileSync(file, text.replace('keep: 2 }', 'keep: 2, records: { in: db1, run: list-orders } }'))
  const on = await after({ verb: 'deploy', file, site: 'east', remove: [] }, replicate)
  on.world.powerCut('east')
  return on
}

function lists(on: Rig, answer: { readonly exit: number; readonly stdout: string; readonly stderr: string }): void {
  on.world.site('west').onExec(({ argv }) => (argv.at(-1) === 'list-orders' ? answer : undefined))
}

async function failedOver(on: Rig): Promise<Ran> {
  const planned = await plan(on.controller(), failover, on.world.clock.now())
  if ('refused' in planned) throw new Error(planned.refused[0]?.what)
  return run(on.controller(), planned.plan, () => {})
}

/** References with the time at which they were acknowledged, in milliseconds before the decision. */
function acknowledged(ran: Ran, ...writes: readonly (readonly [string, number])[]): string {
  const file = join(folder, 'acknowledged.jsonl')
  const decided = Date.parse(ran.report.decided_at)
  writeFileSync(file, writes.map(([ref, ms]) => `${JSON.stringify({ ref, acked_at: decided + ms })}\n`).join(''))
  return file
}
