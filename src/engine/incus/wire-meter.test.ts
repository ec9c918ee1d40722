import { expect, test } from 'vitest'
import type { IncusClient } from './client.ts'
import type { IncusSite } from './site.ts'
import { wireMeter } from './wire-meter.ts'

/** A site whose interface `wan` has sent so much, while Incus sends so many transfers. */
function site() {
  const now = { sent: 0, migrations: 0 }
  const client: Partial<IncusClient> = {
    get: async <T>(path: string) => {
      const migrations = Array.from({ length: now.migrations }, () => ({ description: 'Migrating instance' }))
      const running = [...migrations, { description: 'Executing command' }]
      const state = { addresses: [{ address: '172.16.0.1' }], counters: { bytes_sent: now.sent } }
      const value = path.startsWith('/1.0/operations') ? { running } : path.endsWith('/state') ? state : []
      return { value: value as T, etag: '', date: '' }
    },
  }
  const options = { site: 'east', pool: 'default', replicationUrl: 'https://172.16.0.1:8443' }
  return { now, site: { options, client: client as IncusClient } as IncusSite }
}

test('what is sent at the same time is shared with transfers that another process asked for', async () => {
  const { now, site: east } = site()
  const metered = await wireMeter(east).begin()
  Object.assign(now, { sent: 300, migrations: 3 })
  expect(await metered?.sample()).toBe(100)
  Object.assign(now, { sent: 500, migrations: 1 })
  expect(await metered?.end()).toBe(300)
})

test('own transfers share it too, and none is counted before it began', async () => {
  const { now, site: east } = site()
  const meter = wireMeter(east)
  const first = await meter.begin()
  Object.assign(now, { sent: 100, migrations: 1 })
  const second = await meter.begin()
  Object.assign(now, { sent: 200, migrations: 2 })
  expect([await first?.end(), await second?.end()]).toEqual([150, 50])
})
