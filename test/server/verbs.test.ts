import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { Request } from '../../src/lifeboat.ts'
import { defaults } from '../../src/server/config.ts'
import { announcedFile, stackFile } from '../every-step/rig.ts'
import { after, bubbly } from '../every-step/scenes.ts'
import { replicate } from './requests.ts'
import { type Answer, type Caller, stage } from './stage.ts'

/** What the CLI can do and the page could not: over the API, with the same words and no less asked of a person. */
const waits = { timeout: 60_000, interval: 100 }
const dir = mkdtempSync(join(tmpdir(), 'lifeboat-verbs-'))
afterAll(() => rmSync(dir, { recursive: true }))

/** The stack with a list of its records, deployed and replicated. */
const recorded = (...more: readonly Request[]) => {
  const file = join(dir, 'shop.yaml')
  const text = readFileSync(stackFile, 'utf8').replace(
    'stand-in.txt',
    join(import.meta.dirname, '../every-step/stand-in.txt'),
  )
  writeFileSync(file, text.replace('keep: 2 }', 'keep: 2, records: { in: db1, run: list-orders } }'))
  return [{ verb: 'deploy', file, site: 'east', remove: [] } as const, replicate, ...more]
}

async function does(by: Caller, request: object): Promise<Answer['body']> {
  const started = await by.post('/operations', request)
  expect(started, JSON.stringify(started.body)).toMatchObject({ status: 202 })
  const report = async () => (await by.get(`/operations/${started.body.operation}`)).body
  await expect.poll(async () => (await report()).outcome, waits).not.toBe('running')
  return report()
}

/** The point of the newest drill: a controller goes on replicating, and a newer point is passed over by name only. */
async function drilledPoint(by: Caller): Promise<string | undefined> {
  const proofs = (await by.get('/stacks/shop/proofs')).body as unknown as { point: string }[]
  return proofs[0]?.point
}

test('a kept drill becomes the stack: as a failover, by a commander, with the name and a word about the silent site', async () => {
  const on = await stage()
  const [operator, commander] = [await on.as('operator'), await on.as('commander')]
  const drilled = await does(operator, { verb: 'drill', stack: 'shop', keep: true })
  expect(drilled).toMatchObject({ outcome: 'done', drill: { kept: true, verdict: 'passed' } })
  const point = await drilledPoint(operator)
  on.on.world.powerCut('east')
  const promote = { verb: 'drill', stack: 'shop', promote: true, point, down: ['east'], confirm: 'shop' }
  expect(await operator.post('/operations', promote)).toMatchObject({ status: 403, body: { error: 'forbidden' } })
  for (const [wrong, status] of [
    [{ ...promote, confirm: undefined }, 400],
    [{ ...promote, confirm: 'shop2' }, 400],
    [{ ...promote, keep: true }, 400],
    [{ ...promote, promote: false }, 400],
    [{ verb: 'drill', stack: 'shop', gone: 'abc123' }, 400],
    [{ ...promote, down: [] }, 422],
  ] as const)
    expect(await commander.post('/operations', wrong), JSON.stringify(wrong)).toMatchObject({ status })
  expect((await commander.post('/plans', promote)).body).toMatchObject({
    verb: 'failover',
    summary: expect.stringMatching(/^promote drill \w+ of shop at west/),
  })
  const promoted = await does(commander, promote)
  expect(promoted).toMatchObject({ verb: 'failover', outcome: 'done', by: 'a-commander' })
  expect((await commander.get('/stacks/shop')).body).toMatchObject({ active: 'west', epoch: 2 })
  await on.close()
}, 120_000)

test('with four eyes a promotion waits for a second person like any failover', async () => {
  const on = await stage({ config: { ...defaults, 'four-eyes': true } })
  const [commander, root] = [await on.as('commander'), await on.as('admin')]
  await does(commander, { verb: 'drill', stack: 'shop', keep: true })
  const point = await drilledPoint(root)
  on.on.world.powerCut('east')
  const promote = { verb: 'drill', stack: 'shop', promote: true, point, down: ['east'], confirm: 'shop' }
  const asked = await commander.post('/operations', promote)
  expect(asked.body).toMatchObject({ approval: expect.any(String) })
  expect((await root.get('/stacks/shop')).body).not.toMatchObject({ active: 'west' })
  expect((await root.post(`/approvals/${asked.body.approval}`, {})).status).toBe(202)
  await expect.poll(async () => (await root.get('/stacks/shop')).body.active, waits).toBe('west')
  await on.close()
}, 120_000)

test('what only the copy of a lost site holds is told while its clone runs', async () => {
  const rig = await after(...recorded())
  rig.world.site('east').onExec(({ argv, ref }) => {
    if (argv.at(-1) !== 'list-orders') return undefined
    return { exit: 0, stdout: ref.area.kind === 'bubble' ? 'a\nb\nc\n' : 'a\n', stderr: '' }
  })
  rig.world.isolate('east')
  const on = await stage({ on: rig })
  const commander = await on.as('commander')
  expect(await commander.get('/stacks/shop/rescue')).toMatchObject({ status: 422 })
  await does(commander, { verb: 'failover', stack: 'shop', down: ['east'], confirm: 'shop' })
  rig.world.rejoin('east')
  await does(commander, { verb: 'failback', stack: 'shop', confirm: 'shop' })
  await expect.poll(async () => (await commander.get('/stacks/shop')).body.active, waits).toBe('east')
  await does(commander, { verb: 'rescue', stack: 'shop', do: 'look' })
  expect(await commander.get('/stacks/shop/rescue?epoch=1')).toMatchObject({
    status: 200,
    body: { stack: 'shop', site: 'east', epoch: 1, held: 3, only_here: ['b', 'c'] },
  })
  expect(await commander.get('/stacks/shop/rescue?epoch=7')).toMatchObject({ status: 422 })
  expect(await (await on.as('operator')).get('/stacks/shop/rescue')).toMatchObject({ status: 403 })
  await on.close()
}, 120_000)

test('the loss of a failover is counted from what clients were told, and stands in its report', async () => {
  const rig = await after(...recorded())
  rig.world
    .site('west')
    .onExec(({ argv }) => (argv.at(-1) === 'list-orders' ? { exit: 0, stdout: 'b\n', stderr: '' } : undefined))
  rig.world.powerCut('east')
  const on = await stage({ on: rig })
  const commander = await on.as('commander')
  const ran = await does(commander, { verb: 'failover', stack: 'shop', down: ['east'], confirm: 'shop' })
  const before = (ms: number) => new Date(Date.parse(ran.decided_at as string) - ms).toISOString()
  const acknowledged = [
    { ref: 'a', acked_at: before(3_600_000) },
    { ref: 'b', acked_at: before(10) },
    { ref: 'c', acked_at: before(5) },
    { ref: 'd', acked_at: null },
  ]
  const path = `/operations/${ran.operation}/loss`
  expect((await (await on.as('operator')).post(path, { acknowledged })).status).toBe(403)
  expect((await commander.post(path, { acknowledged: [{ ref: 'a', acked_at: 'noon' }] })).status).toBe(400)
  const loss = { acknowledged: 3, present: 1, lost: 2, lost_before_point: 1 }
  expect(await commander.post(path, { acknowledged })).toMatchObject({ status: 200, body: { numbers: { loss } } })
  expect((await commander.get(`/operations/${ran.operation}`)).body).toMatchObject({ numbers: { loss } })
  const cycle = ((await commander.get('/operations')).body as unknown as { verb: string; operation: string }[]).find(
    ({ verb }) => verb !== 'failover',
  )
  if (cycle !== undefined)
    expect((await commander.post(`/operations/${cycle.operation}/loss`, { acknowledged })).status).toBe(409)
  await on.close()
}, 120_000)

test('a report as a file, points with what they take, a file against what runs, and what route servers are told', async () => {
  const rig = await bubbly({ verb: 'deploy', file: announcedFile, site: 'east', remove: [] }, replicate)
  const on = await stage({ on: rig, stacks_dir: join(import.meta.dirname, '../every-step') })
  const viewer = await on.as('viewer')
  const ran = await does(await on.as('operator'), { verb: 'replicate', stack: 'shop' })
  const page = await viewer.get(`/operations/${ran.operation}/report.html`)
  expect(page.headers.get('content-disposition')).toBe(`attachment; filename="${ran.operation}.html"`)
  expect(page.body.text).toMatch(/^<!doctype html>/)

  const points = async (query: string) =>
    ((await viewer.get(`/stacks/shop/points${query}`)).body as unknown as { space?: { points: object } }[])[0]
  expect((await points(''))?.space).toBeUndefined()
  expect(Object.keys((await points('?space=true'))?.space?.points ?? {})).not.toEqual([])

  const differences = async (file: string) => viewer.get(`/stacks/shop/differences?file=${file}`)
  expect((await differences('announced.yaml')).body).toMatchObject({ stack: 'shop' })
  const [same, other] = [await differences('announced.yaml'), await differences('shop-rules.yaml')]
  const found = (answer: Answer) =>
    (answer.body.differences as { by: string }[]).filter(({ by }) => by === 'file').length
  expect(found(other)).toBeGreaterThan(found(same))
  expect((await differences('../../package.json')).status).toBe(404)

  const routes = await viewer.get('/sites/west/routes?dialect=ios')
  expect(routes.body.text).toContain('! For the route servers of west: 10.255.0.1 and 10.255.0.2, AS 64500')
  expect((await viewer.get('/sites/nowhere/routes')).status).toBe(404)
  expect((await viewer.get('/sites/west/routes?dialect=junos')).status).toBe(400)
  await on.close()
}, 120_000)
