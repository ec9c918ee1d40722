import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Caller, type Stage, stage } from './stage.ts'

/** What a controller does by itself over two fake sites. The stack's target is 10 s. */
let on: Stage
let root: Caller
beforeAll(async () => {
  on = await stage()
  root = await on.as('admin')
})
afterAll(() => on.close())

const alarms = async () =>
  (
    (await root.get('/alarms')).body as unknown as {
      kind: string
      site?: string
      stack?: string
      resolved_at?: string
    }[]
  ).filter((each) => each.resolved_at === undefined)
const kinds = async () => (await alarms()).map((each) => each.kind)
const waits = { timeout: 25_000, interval: 100 }

test('keeps the newest point younger than the target, by itself', async () => {
  const cycles = async () =>
    ((await root.get('/operations?stack=shop')).body as unknown as { verb: string; by: string }[]).filter(
      (each) => each.by === 'controller@west',
    )
  await expect.poll(async () => (await cycles()).length, waits).toBeGreaterThan(3)
  const { body } = await root.get('/stacks/shop')
  expect(body).toMatchObject({ protection: 'met', next: { replicate: expect.any(String) } })
  expect((await root.get('/schedules')).body).toMatchObject([
    { task: 'replicate', here: true },
    { task: 'guard' },
    { task: 'diff', here: true },
  ])
})

test('a link that is cut opens alarms with what to do, and they resolve when it is back', async () => {
  on.on.world.cut('east', 'west')
  await expect.poll(kinds, waits).toContain('rpo-missed')
  expect((await alarms()).find((each) => each.kind === 'rpo-missed')).toMatchObject({
    stack: 'shop',
    todo: expect.stringContaining('lifeboat replicate shop'),
  })
  await expect.poll(kinds, waits).toContain('schedule-failing')
  on.on.world.heal('east', 'west')
  await expect.poll(kinds, waits).not.toContain('rpo-missed')
  await expect.poll(kinds, waits).not.toContain('schedule-failing')
})

test('a site that comes back after a failover is guarded by itself: nothing of the stack runs there', async () => {
  on.on.world.isolate('east')
  await expect.poll(kinds, waits).toContain('site-silent')
  const started = await root.post('/operations', { verb: 'failover', stack: 'shop', confirm: 'shop', down: ['east'] })
  expect(started.status).toBe(202)
  await expect
    .poll(async () => (await root.get(`/operations/${started.body.operation}`)).body.outcome, waits)
    .toBe('done')
  const runs = () =>
    [...(on.on.world.site('east').area({ kind: 'stack', stack: 'shop' })?.instances.values() ?? [])].filter(
      (each) => each.power === 'running',
    ).length
  expect(runs()).toBeGreaterThan(0)
  on.on.world.rejoin('east')
  await expect.poll(runs, waits).toBe(0)
  expect(on.on.world.site('east').claims.get('shop')?.claim.role).toBe('stale')
})

test('Prometheus reads its numbers with a token and without one nothing', async () => {
  expect((await on.caller().get('/metrics')).status).toBe(401)
  const { body } = await root.get('/metrics')
  expect(body.text).toContain('lifeboat_stack_role{stack="shop",site="west",role="active"} 1')
  expect(body.text).toMatch(/lifeboat_operations_total\{verb="failover",outcome="done"\} 1/)
})
