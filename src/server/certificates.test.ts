import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { selfSigned } from '../../lab/tour/certificate.ts'
import { parseSites } from '../state/sites.ts'
import { certificatesOf } from './certificates.ts'

const dir = mkdtempSync(join(tmpdir(), 'lifeboat-certificates-'))
afterAll(() => rmSync(dir, { recursive: true }))
const until = (day: string) => selfSigned('x.test', new Date('2026-01-01'), new Date(day))
const write = (name: string, day: string) => writeFileSync(join(dir, name), until(day))

const site = (name: string, until: string) => `
  ${name}:
    incus: { url: "https://192.0.2.1:8443", client-certificate: ${name}-client.pem, client-key: key.pem, server-certificate: ${name}-incus.pem }
    outside: { bridge: outside }
    controller: { url: "https://192.0.2.1:8480", certificate: ${name}-controller.pem }
    dns: { server: 192.0.2.54, zone: example.com, key: { name: lifeboat, file: tsig.key${until} } }`
const file = (until: string) => `lifeboat-sites: 1\nsites:${site('east', until)}${site('west', '')}\n`

test('what a controller works with, and on which day it ends: certificates by their own word, DNS keys by the site file', () => {
  for (const [name, day] of [
    ['east-client.pem', '2026-02-01'],
    ['east-incus.pem', '2026-03-01'],
    ['east-controller.pem', '2026-04-01'],
    ['west-client.pem', '2026-05-01'],
  ] as const)
    write(name, day)
  writeFileSync(join(dir, 'west-incus.pem'), 'no certificate')
  const { sites, problems } = parseSites(file(', until: 2026-06-30'))
  expect(problems).toEqual([])
  const found = certificatesOf(sites!, dir, until('2026-07-01'))
  expect(found.map((each) => [each.what, each.site, each.of, each.until.toISOString().slice(0, 10)])).toEqual([
    ['the client certificate for east', 'east', 'controller', '2026-02-01'],
    ['the certificate of Incus at east', 'east', 'controller', '2026-03-01'],
    ['the certificate of the controller of east', 'east', 'controller', '2026-04-01'],
    ['the client certificate for west', 'west', 'controller', '2026-05-01'],
    // To the end of its last day.
    ['the DNS key lifeboat of east', 'east', 'dns', '2026-07-01'],
    ['the certificate of this controller', undefined, 'controller', '2026-07-01'],
  ])
})

test('a day that is none is a problem of the site file', () => {
  expect(parseSites(file(', until: soon')).problems).toMatchObject([{ what: expect.stringContaining('2027-03-31') }])
})
