import { expect, test } from 'vitest'
import { virtualClock } from '../lib/clock.ts'
import { conditionsOf, type Facts } from './alarms/conditions.ts'
import { openServices } from './services.ts'

const nothing: Facts = {
  now: new Date('2026-01-01T00:00:00Z'),
  seen: [],
  sites: [],
  peers: [],
  failing: [],
  proof_older_than_ms: 1,
  full_on: new Map(),
  certificates: [],
  inspected: [],
  silent_services: [],
  watched: [],
  asked: [],
  unheld: [],
}

test('a service that the watch does not reach is an alarm of the stack at its standby, as long as it is so', async () => {
  const clock = virtualClock(undefined, { auto: false })
  let silent: readonly string[] = ['billing']
  const ask = async () => ({ site: 'west', watched: { silent, words: 'no connection', leases: none } })
  const none = { outside: undefined, services: undefined }
  const services = openServices(clock, ask, 60_000)
  services.note('shop')
  const look = async () => {
    await clock.advance(60_000)
    services.tick()
    await services.settled()
    return conditionsOf({ ...nothing, watched: [...services.all()] })
  }
  expect(await look()).toMatchObject([{ kind: 'service-silent', stack: 'shop', site: 'west' }])
  silent = []
  expect(await look()).toEqual([])
  silent = ['billing']
  services.forget('shop')
  expect(await look()).toEqual([])
})
