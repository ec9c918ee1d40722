import { afterAll, beforeAll, expect, test } from 'vitest'
import type { OutsideSight } from '../../src/api/ingress.ts'
import { defaults } from '../../src/server/config.ts'
import { type Caller, type Stage, stage } from './stage.ts'

/** What clients get of a stack, all the time, and what becomes of it when its site is lost. */
let on: Stage
let root: Caller
beforeAll(async () => {
  on = await stage({ config: { ...defaults, 'probe-ingress': 5000 } })
  root = await on.as('admin')
})
afterAll(() => on.close())

const waits = { timeout: 50_000, interval: 100 }
const sight = async () => (await root.get('/stacks/shop/outside')).body as unknown as OutsideSight
const states = async () => (await sight()).asks.map((each) => each.state)
const alarms = async () => {
  const { body } = await root.get('/alarms')
  const all = body as unknown as {
    kind: string
    severity: string
    stack?: string
    what: string
    resolved_at?: string
  }[]
  return all.filter((each) => each.kind === 'ingress-silent')
}
const health = async () => {
  const { body } = await root.get('/stacks/shop/picture')
  const { nodes } = body as unknown as { nodes: { kind: string; health: string }[] }
  return nodes.find((each) => each.kind === 'ingress')?.health
}

test("the stack's checks are asked at the clients' places, and kept by half hour", async () => {
  await expect.poll(states, waits).toEqual(['answers'])
  const { asks } = await sight()
  expect(asks[0]).toMatchObject({ check: expect.stringMatching(/^GET https:/), place: expect.any(String) })
  expect(asks[0]?.week).toMatchObject([{ good: expect.any(Number) }])
  expect(await health()).toBe('good')
  expect((await root.get('/stacks/shop')).body).toMatchObject({ clients: 'answers' })
  const { body } = await root.get('/metrics')
  expect(body.text).toMatch(/lifeboat_ingress_up\{stack="shop",.*\} 1/)
}, 60_000)

test('clients that get nothing are one alarm, and it is over when the stack answers elsewhere', async () => {
  on.on.world.powerCut('east')
  await expect.poll(alarms, waits).toMatchObject([{ stack: 'shop', severity: 'critical' }])
  expect(await health()).toBe('bad')
  const request = { verb: 'failover', stack: 'shop', confirm: 'shop', down: ['east'] }
  expect((await root.post('/operations', request)).status).toBe(202)
  await expect.poll(states, waits).toEqual(['answers'])
  await expect.poll(alarms, waits).toMatchObject([{ resolved_at: expect.any(String) }])
  const { asks } = await sight()
  const [slot] = asks[0]?.week ?? []
  expect(slot?.tries).toBeGreaterThan(slot?.good ?? 0)
}, 120_000)

test('a stack that nobody knows has no outside', async () => {
  expect((await root.get('/stacks/nosuch/outside')).status).toBe(404)
})
