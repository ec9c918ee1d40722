import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { certificate } from '../../test/e2e/appliances/certificate.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import type { Site } from '../state/sites.ts'
import { openEngine } from './open.ts'

/** Files of a site that are of no use: said of that site, in words, and no hindrance for another one. */
const folder = mkdtempSync(join(tmpdir(), 'lifeboat-open-'))
const late: Clock = { ...systemClock, now: () => new Date(Date.now() + 100 * 86_400_000) }

beforeAll(() => {
  for (const name of ['client', 'other']) {
    const { certificate: text, pair } = certificate(name)
    writeFileSync(join(folder, `${name}.crt`), text)
    writeFileSync(join(folder, `${name}.key`), pair.slice(text.length))
  }
  writeFileSync(join(folder, 'garbage'), 'not a certificate')
})
afterAll(() => rmSync(folder, { recursive: true }))

test.each([
  [
    'a file that is not there',
    { client_key: 'nobody.key' },
    systemClock,
    /incus\.client-key of the site file cannot be read \(ENOENT/,
  ],
  [
    'no certificate',
    { server_certificate: 'garbage' },
    systemClock,
    /server-certificate .*garbage, holds no certificate/,
  ],
  ['no key', { client_key: 'garbage' }, systemClock, /client-key .*garbage, holds no key/],
  ['the key of another', { client_key: 'other.key' }, systemClock, /is not the key of incus\.client-certificate/],
  ['a certificate that has expired', {}, late, /client-certificate .*client\.crt, has expired on .* and it is .* here/],
] as const)('%s', async (_, files, clock, words) => {
  const engine = openEngine(site(files), folder, undefined, clock)
  for (const asked of [engine.survey(), engine.observe('shop'), engine.readClaim('shop')])
    await expect(asked).rejects.toMatchObject({
      name: 'NotAsked',
      site: 'east',
      message: expect.stringMatching(words),
    })
  await engine.close()
})

test('with files that are in order the site is asked', async () => {
  const engine = openEngine(site({}), folder, undefined)
  await expect(engine.survey()).rejects.toMatchObject({ code: 'unreachable' })
  await engine.close()
})

function site(files: object): Site {
  const own = { client_certificate: 'client.crt', client_key: 'client.key', server_certificate: 'other.crt' }
  return {
    name: 'east',
    // Nobody listens at port 1.
    engine: { by: 'https', url: 'https://127.0.0.1:1', ...own, ...files },
    replication_url: undefined,
    pool: 'default',
    outside_bridge: 'outside',
    services_bridge: undefined,
    services: {},
    dns: undefined,
  }
}
