import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { defaults } from '../../src/server/config.ts'
import { openDatabase } from '../../src/server/database.ts'
import { type Caller, password, stage } from './stage.ts'

const dir = mkdtempSync(join(tmpdir(), 'lifeboat-restart-'))
afterAll(() => rmSync(dir, { recursive: true }))
const waits = { timeout: 25_000, interval: 50 }
const outcome = async (caller: Caller, operation: unknown) =>
  (await caller.get(`/operations/${operation}`)).body.outcome

test.each([
  { verb: 'drill', stack: 'shop' },
  { verb: 'failover', stack: 'shop', confirm: 'shop', down: ['east'] },
])('a controller is killed in the middle of a $verb; the next one goes on, and it ends well', async (request) => {
  const database = join(dir, `${request.verb}.sqlite`)
  const first = await stage({ database })
  const root = await first.as('admin')
  if (request.verb === 'failover') first.on.world.powerCut('east')
  const { body } = await root.post('/operations', request, { 'idempotency-key': 'once' })
  const started = async () =>
    ((await root.get(`/operations/${body.operation}`)).body.steps as { state: string }[]).filter(
      (each) => each.state === 'done',
    ).length
  await expect.poll(started, waits).toBeGreaterThan(5)
  expect(await outcome(root, body.operation)).toBe('running')
  first.on.world.crash()
  await first.close()

  const second = await stage({ database, on: first.on })
  expect(second.serving.link).toBeUndefined()
  const again = second.caller()
  await again.enter('/session', { user: 'root', password })
  await expect.poll(() => outcome(again, body.operation), waits).toBe('done')
  // The key is remembered over the restart: nothing is started twice.
  expect((await again.post('/operations', request, { 'idempotency-key': 'once' })).body.operation).toBe(body.operation)
  const audit = (await again.get('/audit')).body as unknown as { what: string; who: string; about: string }[]
  expect(audit.find((each) => each.what === 'operation.resume')).toMatchObject({
    who: 'controller@west',
    about: body.operation,
  })
  expect((await again.get('/audit/verify')).body).toMatchObject({ good: true })
  await second.close()
})

test('the way home takes several operations: killed in one of them, the next controller also begins the others', async () => {
  const database = join(dir, 'failback.sqlite')
  const first = await stage({ database })
  const { world } = first.on
  const root = await first.as('admin')
  world.powerCut('east')
  const request = { verb: 'failover', stack: 'shop', confirm: 'shop', down: ['east'] }
  const failover = (await root.post('/operations', request)).body.operation
  await expect.poll(() => outcome(root, failover), waits).toBe('done')
  world.powerOn('east')
  const asked = () => root.post('/operations', { verb: 'failback', stack: 'shop', confirm: 'shop' })
  // East is seen again with the next look.
  await expect.poll(async () => (await asked()).status, waits).toBe(202)
  const [part] = first.serving.controller.runner.running.values()
  expect(part?.verb).not.toBe('failback')
  world.crash()
  await first.close()

  const second = await stage({ database, on: first.on })
  const again = second.caller()
  await again.enter('/session', { user: 'root', password })
  const home = async () =>
    ((await again.get('/operations')).body as unknown as { verb: string; by: string; outcome: string }[]).find(
      (each) => each.verb === 'failback',
    )
  await expect.poll(home, waits).toMatchObject({ by: 'root', outcome: 'done' })
  expect(world.site('east').claims.get('shop')?.claim.role).toBe('active')
  expect(world.site('west').claims.get('shop')?.claim.role).toBe('standby')
  await second.close()
})

test('a cycle at work keeps nobody from anything: what a person asks for begins when it has ended', async () => {
  const on = await stage()
  const root = await on.as('admin')
  const { controller } = on.serving
  const cycles = () => [...controller.runner.running.values()].filter((each) => each.verb === 'replicate')
  await expect.poll(() => cycles().length, { ...waits, interval: 1 }).toBe(1)
  const moved = await root.post('/operations', { verb: 'move', stack: 'shop', confirm: 'shop' })
  expect(moved.status).toBe(202)
  await expect.poll(() => outcome(root, moved.body.operation), waits).toBe('done')
  await on.close()
})

test('of two controllers over the same sites one does what is to be done by itself; the other one when that is gone', async () => {
  const standby = await stage()
  // In a process of its own it would be asked over the network: here it is only said to be there.
  const active = await stage({ on: standby.on, site: 'east' })
  const peers = active.serving.controller.peers.seen as Map<
    string,
    { site: 'west'; state: 'answers' | 'silent'; seen_at?: string }
  >
  peers.set('west', { site: 'west', state: 'answers' })
  const begun = (on: typeof standby, by: string) =>
    on.serving.controller.history.list({ limit: 1000 }).filter((each) => each.by === by).length
  const before = begun(active, 'controller@east')
  await expect.poll(() => begun(standby, 'controller@west'), waits).toBeGreaterThan(3)
  expect(begun(active, 'controller@east') - before).toBeLessThanOrEqual(1)
  peers.set('west', { site: 'west', state: 'silent', seen_at: '2020-01-01T00:00:00Z' })
  await standby.serving.controller.stop()
  await expect.poll(() => begun(active, 'controller@east'), waits).toBeGreaterThan(before + 2)
  await active.close()
  await standby.close()
})

test('with four eyes a failover waits for another user, and for no other token of the same one', async () => {
  const on = await stage({ config: { ...defaults, 'four-eyes': true } })
  const [commander, root] = [await on.as('commander'), await on.as('admin')]
  on.on.world.powerCut('east')
  const asked = await commander.post('/operations', {
    verb: 'failover',
    stack: 'shop',
    confirm: 'shop',
    down: ['east'],
  })
  expect(asked.body).toMatchObject({ approval: expect.any(String) })
  expect(asked.body.operation).toBeUndefined()
  expect((await root.get('/operations')).body).not.toContainEqual(expect.objectContaining({ verb: 'failover' }))
  expect((await commander.post(`/approvals/${asked.body.approval}`, {})).status).toBe(403)
  expect((await root.get('/approvals')).body).toMatchObject([{ by: 'a-commander', mine: false }])
  const approved = await root.post(`/approvals/${asked.body.approval}`, {})
  expect(approved.status).toBe(202)
  await expect.poll(() => outcome(root, approved.body.operation), waits).toBe('done')
  expect((await root.get(`/operations/${approved.body.operation}`)).body.by).toBe('a-commander and root')
  expect((await root.post(`/approvals/${asked.body.approval}`, {})).status).toBe(404)
  await on.close()
})

test('records that a newer Lifeboat wrote are not touched', () => {
  const path = join(dir, 'newer.sqlite')
  const database = openDatabase(path)
  database.exec('PRAGMA user_version = 99')
  database.close()
  expect(() => openDatabase(path)).toThrow('newer Lifeboat')
})

test('an entry of the audit log can neither be changed nor removed, and one that was is found', async () => {
  const path = join(dir, 'audit.sqlite')
  const on = await stage({ database: path })
  const root = await on.as('admin')
  await root.post('/tokens', { name: 'x', role: 'viewer' })
  await on.close()
  const database = openDatabase(path)
  expect(() => database.exec(`UPDATE audit SET who = 'eve' WHERE n = 1`)).toThrow('only grows')
  expect(() => database.exec('DELETE FROM audit')).toThrow('only grows')
  database.exec(`DROP TRIGGER audit_is_not_changed; UPDATE audit SET who = 'eve' WHERE n = 1`)
  const { openAudit } = await import('../../src/server/audit.ts')
  const { systemClock } = await import('../../src/lib/clock.ts')
  expect(openAudit(database, systemClock).verify()).toMatchObject({ good: false, broken_at: 1 })
  database.close()
})
