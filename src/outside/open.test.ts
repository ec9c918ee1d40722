import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Outside } from '../execute/world.ts'
import type { Sites } from '../state/sites.ts'
import { openOutside } from './open.ts'

let dir = ''
beforeAll(() => {
  dir = mkdtempSync(`${tmpdir()}/lifeboat-outside-`)
})
afterAll(() => rmSync(dir, { recursive: true }))

const site = {
  name: 'west',
  engine: { by: 'socket', path: '/nowhere', server_certificate: undefined },
  replication_url: undefined,
  pool: 'default',
  outside_bridge: 'outside',
  services_bridge: undefined,
  services: {},
  dns: undefined,
} satisfies Sites['sites'][number]
const dns = {
  server: '127.0.0.1',
  port: 1,
  zone: 'example.com',
  key: { name: 'lifeboat', algorithm: 'hmac-sha256', file: 'no-such.key' },
} as const

const open = (more: Partial<Sites>): Outside =>
  openOutside({ management: undefined, state: undefined, sites: [site], clients: [], ...more }, dir)
const here = { name: 'here', run: [], resolver: undefined, ca: undefined }
const name = 'shop.example.com'
const signal = AbortSignal.timeout(60_000)

test('what the site file does not say is an error that says so', async () => {
  await expect(open({}).setAddress('west', name, 30, '192.0.2.1')).rejects.toThrow(/site west has no `dns`/)
  const withKey = open({ sites: [{ ...site, dns }] })
  await expect(withKey.setAddress('west', name, 30, '192.0.2.1')).rejects.toThrow(/no-such\.key/)
  await expect(open({}).resolves('moon', name, '192.0.2.1', 1, signal)).rejects.toMatchObject({ name: 'OutsideError' })
})

test('a place without a resolver is asked by its own means', async () => {
  const outside = open({ clients: [here] })
  await outside.resolves('here', 'localhost', '127.0.0.1', 1, signal)
  await expect(outside.resolves('here', 'localhost', '192.0.2.1', 0, signal)).rejects.toThrow(
    /localhost is 127\.0\.0\.1 at here after 0 s, not 192\.0\.2\.1/,
  )
})
