import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { systemClock, virtualClock } from '../../lib/clock.ts'
import { defaults } from '../config.ts'
import { openDatabase } from '../database.ts'
import { fullOn } from '../pools.ts'
import { type AlarmEvent, openAlarms } from './alarms.ts'
import type { Condition } from './conditions.ts'
import { openNotifier, sign } from './notify.ts'

const missed: Condition = {
  kind: 'rpo-missed',
  severity: 'warning',
  stack: 'shop',
  what: 'the newest complete point is 20 s old',
  means: 'm',
  todo: 't',
  hold_ms: 5000,
}

test('an alarm opens once, after it has lasted, repeats, gets worse once, and resolves once', async () => {
  const clock = virtualClock(new Date('2026-01-01T00:00:00Z'), { auto: false })
  const database = openDatabase(':memory:')
  const told: string[] = []
  const tell = ({ event, alarm }: AlarmEvent) => void told.push(`${event} ${alarm.severity}`)
  let alarms = openAlarms(database, clock, 3_600_000, tell)
  const judge = async (conditions: readonly Condition[], after_ms = 2000) => {
    alarms.judge(conditions)
    await clock.advance(after_ms)
  }
  await judge([missed])
  await judge([missed])
  expect(told).toEqual([])
  await judge([missed])
  await judge([missed])
  expect(told).toEqual(['open warning'])
  // Another controller process with the same records.
  alarms = openAlarms(database, clock, 3_600_000, tell)
  await judge([missed])
  expect(told).toEqual(['open warning'])
  await judge([{ ...missed, severity: 'critical' }])
  await judge([{ ...missed, severity: 'critical' }], 3_600_000)
  await judge([{ ...missed, severity: 'critical' }])
  expect(told).toEqual(['open warning', 'repeat critical', 'repeat critical'])
  await judge([])
  await judge([])
  expect(told.at(-1)).toBe('resolved critical')
  expect(told.length).toBe(4)
  expect(alarms.open()).toEqual([])
  expect(alarms.list()).toMatchObject([{ kind: 'rpo-missed', resolved_at: expect.any(String) }])
})

test('a condition that goes away before it has lasted was none', async () => {
  const clock = virtualClock(new Date('2026-01-01T00:00:00Z'), { auto: false })
  const told: unknown[] = []
  const alarms = openAlarms(openDatabase(':memory:'), clock, 3_600_000, (event) => void told.push(event))
  for (const conditions of [[missed], [], [missed], []]) {
    alarms.judge(conditions)
    await clock.advance(4000)
  }
  expect(told).toEqual([])
})

test('a webhook is signed over its time and body, and tried again', async () => {
  const got: { headers: NodeJS.Dict<string | string[]>; body: string }[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      got.push({ headers: request.headers, body })
      response.writeHead(got.length === 1 ? 503 : 200).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`
  const config = {
    ...defaults.alarms,
    webhooks: [{ url, form: 'json' as const, secret: { file: 'x' } }],
  }
  const notifier = openNotifier(config, 'west', () => 'shared', systemClock, pino({ level: 'silent' }))
  notifier.tell({ event: 'open', alarm: { ...missed, id: 'a1', opened_at: '2026-01-01T00:00:00Z' } })
  await expect.poll(() => got.length, { timeout: 10_000 }).toBe(2)
  notifier.stop()
  server.close()
  const { headers, body } = got[1] ?? { headers: {}, body: '' }
  expect(headers['x-lifeboat-signature']).toBe(
    `sha256=${sign('shared', String(headers['x-lifeboat-timestamp']), body)}`,
  )
  expect(JSON.parse(body)).toMatchObject({ event: 'open', site: 'west', alarm: { kind: 'rpo-missed', stack: 'shop' } })
  expect(headers['x-lifeboat-delivery']).toBe(got[0]?.headers['x-lifeboat-delivery'])
})

test('the day on which a pool will be full, by its line of the last day', () => {
  const now = new Date('2026-01-01T00:00:00Z')
  const falling = Array.from({ length: 12 }, (_, slot) => ({ slot, free_bytes: 1200 - 10 * slot }))
  expect(fullOn(falling, now)?.toISOString()).toBe('2026-01-03T06:30:00.000Z')
  expect(
    fullOn(
      falling.toReversed().map((each, slot) => ({ ...each, slot })),
      now,
    ),
  ).toBeUndefined()
  expect(fullOn(falling.slice(0, 3), now)).toBeUndefined()
})
