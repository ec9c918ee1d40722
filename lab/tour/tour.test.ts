import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { routes } from '../../src/api/routes.ts'
import { startTour, type Tour } from './start.ts'

const dir = mkdtempSync(join(tmpdir(), 'lifeboat-tour-'))
let tour: Tour
beforeAll(async () => {
  tour = await startTour({ dir, port: 0, speed: 20 })
}, 60_000)
afterAll(async () => {
  await tour?.close()
  rmSync(dir, { recursive: true })
}, 30_000)

const get = async (path: string) => (await fetch(`${tour.address}/api/v1${path}`)).json() as Promise<never>
const post = async (path: string, body: unknown) => {
  const answer = await fetch(`${tour.address}/api/v1${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: answer.status, body: (await answer.json()) as { operation?: string } }
}

test('the overview has stacks in several states, as the schema of its route says', async () => {
  const overview = routes.overview.answer.parse(await get('/overview'))
  expect(overview.sites.map((site) => site.answers)).toEqual([true, true])
  expect(new Set(overview.stacks.map((stack) => stack.active))).toEqual(new Set(['east', 'west']))
  expect(new Set(overview.stacks.map((stack) => stack.proof.state))).toEqual(new Set(['proven', 'changed', 'never']))
  expect(new Set(overview.stacks.map((stack) => stack.protection))).toEqual(new Set(['met', 'missed']))
  expect(overview.stacks.find((stack) => stack.stack === 'shop')?.spark.filter((each) => each !== null).length).toBe(48)
})

test('a drill is started, followed by its events, and reported', async () => {
  const events = await fetch(`${tour.address}/api/v1/events`)
  const started = await post('/operations', { verb: 'drill', stack: 'shop' })
  expect(started.status).toBe(202)
  let text = ''
  for await (const chunk of events.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk
    if (new RegExp(`"operation":"${started.body.operation}"[^}]*"outcome":"done"`).test(text)) break
  }
  expect(text).toMatch(/event: step/)
  const report = routes.operation.answer.parse(await get(`/operations/${started.body.operation}`))
  expect(report).toMatchObject({ outcome: 'done', by: 'visitor', drill: { verdict: 'passed' } })
})

test('a lost site can be failed over from, with the name once more and the word that it is down', async () => {
  await fetch(`${tour.address}/tour`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ play: 'power-cut east' }),
  })
  expect((await post('/operations', { verb: 'failover', stack: 'crm' })).status).toBe(400)
  expect((await post('/operations', { verb: 'failover', stack: 'crm', confirm: 'crm' })).status).toBe(422)
  const started = await post('/operations', { verb: 'failover', stack: 'crm', confirm: 'crm', down: ['east'] })
  expect(started.status).toBe(202)
  const ended = async () => routes.operation.answer.parse(await get(`/operations/${started.body.operation}`)).outcome
  await expect.poll(ended, { timeout: 20_000 }).toBe('done')
})
