import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { certificateProblems } from './certificates.ts'
import { parseStack } from './parse.ts'

const TEXT = `
lifeboat: 1
stack: shop
segments: { front: 10.0.1.0/24, web: 10.0.2.0/24 }
machines: { web: { image: x, segment: web } }
appliances:
  fw: { firewall: { inside: [front], rules: [{ allow: tcp/443, from: anyone, to: public }] } }
  lb:
    load-balancer:
      services:
        public:
          listen: front:443
          tls: [shop, admin]
          pool: web:80
          routes: [{ host: ["*.admin.example.com", api.example.com], pool: web:81 }]
ingress: { shop.example.com: { to: public } }
secrets: { shop: { file: shop.pem }, admin: { file: admin.pem } }
`
const shop = pair(60, 'shop.example.com', 'api.example.com')
const admin = pair(60, '*.admin.example.com')
const DAY_MS = 86_400_000

test('certificates for every name, with their keys, and for long enough: nothing to say', () => {
  expect(said(shop.both, admin.both)).toEqual([])
})

test('what a load balancer would not start with is an error', () => {
  expect(said('nothing', `${shop.certificate}${admin.key}`)).toEqual([
    'error secrets.shop.file: secret "shop" holds no certificate that can be read',
    'error secrets.admin.file: secret "admin" holds a key that is not that of its first certificate',
  ])
  expect(said(shop.certificate, `${shop.certificate}${admin.both}`)).toEqual([
    'error secrets.shop.file: secret "shop" holds no key',
    'error secrets.admin.file: secret "admin" holds a key that is not that of its first certificate',
  ])
  expect(said(`${shop.certificate}${shop.key.replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA')}`, admin.both)).toEqual([
    'error secrets.shop.file: secret "shop" holds a key that can not be read',
  ])
})

test('what clients would complain about is a warning', () => {
  expect(said(admin.both, shop.both)).toEqual([])
  const place = 'warning appliances.lb.load-balancer.services.public.tls:'
  expect(said(shop.both, shop.both)).toEqual([`${place} no certificate of "public" is for *.admin.example.com`])
  expect(said(shop.both, pair(60, 'other.example.com').both)).toEqual([
    `${place} no certificate of "public" is for *.admin.example.com`,
    `${place} nobody asks "public" for a name of the certificate "admin"`,
  ])
})

test('a certificate that is near its end, after it, or before its beginning', () => {
  const end = new Date(Date.now() + 60 * DAY_MS).toISOString().slice(0, 10)
  const begin = new Date().toISOString().slice(0, 10)
  const at = (days: number) =>
    said(shop.both, admin.both, days)[0]?.replace(/\d{4}-\d\d-\d\d/, (each) => `${each === end || each === begin}`)
  expect(at(29)).toBeUndefined()
  expect(at(40)).toBe('warning secrets.shop.file: the certificate of "shop" expires in 19 days, on true')
  expect(at(61)).toBe('warning secrets.shop.file: the certificate of "shop" has expired on true')
  expect(at(-2)).toBe('warning secrets.shop.file: the certificate of "shop" is valid from true on')
})

function said(one: string, two: string, days = 0): string[] {
  const { stack } = parseStack(TEXT, 'stack.yaml')
  const now = new Date(Date.now() + days * DAY_MS + 60_000)
  return certificateProblems(stack!, { shop: one, admin: two }, now).map(
    ({ level, at, what }) => `${level} ${at.join('.')}: ${what}`,
  )
}

function pair(days: number, ...names: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'lifeboat-certificates-'))
  const [key, file] = [join(folder, 'key'), join(folder, 'crt')]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', file]
  const alternatives = `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`
  spawnSync('openssl', ['req', '-x509', ...curve, '-days', `${days}`, '-subj', '/CN=stand-in', '-addext', alternatives])
  const found = { certificate: readFileSync(file, 'utf8'), key: readFileSync(key, 'utf8') }
  rmSync(folder, { recursive: true })
  return { ...found, both: `${found.certificate}${found.key}` }
}
