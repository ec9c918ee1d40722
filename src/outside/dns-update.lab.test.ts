import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decode, encode } from 'dns-packet'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { exchangeUdp } from './dns-exchange.ts'
import { readBack, resolverView } from './dns-query.ts'
import { dropAddress, removeAddress, replaceAddress, tryUpdate } from './dns-update.ts'

/** Against a real BIND on a free port of loopback: the one of the host, or the one in the lab's root filesystem. */
const secret = randomBytes(32).toString('base64')
const name = 'shop.example.com'
let dir = ''
let port = 0
let named: ChildProcess | undefined

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'lifeboat-named-'))
  chmodSync(dir, 0o755)
  port = await freePort()
  writeFileSync(join(dir, 'example.com.zone'), ZONE)
  writeFileSync(join(dir, 'named.conf'), configuration())
  const [program, ...args] = namedProgram()
  named = spawn(program!, [...args, '-g', '-c', join(dir, 'named.conf')], { stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  for await (const data of named.stderr!) {
    log += String(data)
    if (log.includes('all zones loaded')) break
    if (log.includes('exiting (due to')) throw new Error(log)
  }
}, 30_000)

afterAll(async () => {
  if (named?.exitCode === null && named.kill('SIGTERM')) await once(named, 'exit')
  rmSync(dir, { recursive: true, force: true })
})

const target = (more: { name?: string; zone?: string; key?: string; secret?: string } = {}) => ({
  server: '127.0.0.1',
  port,
  zone: more.zone ?? 'example.com',
  key: { name: more.key ?? 'lifeboat', algorithm: 'hmac-sha256' as const, secret: more.secret ?? secret },
  name: more.name ?? name,
  within_s: 5,
})

test('an address is set, replaced, read back and removed', async () => {
  for (const address of ['198.51.100.50', '198.51.100.150', '198.51.100.150']) {
    await replaceAddress({ ...target(), ttl_s: 30, address })
    expect(await readBack({ server: '127.0.0.1', port, name })).toEqual({
      addresses: [address],
      ttl_s: 30,
      authoritative: true,
    })
  }
  expect(await resolverView({ resolver: '127.0.0.1', port, name })).toMatchObject({ addresses: ['198.51.100.150'] })
  await removeAddress(target())
  await removeAddress(target())
  expect((await readBack({ server: '127.0.0.1', port, name })).addresses).toEqual([])
})

test.each([
  ['another secret', { secret: randomBytes(32).toString('base64') }, /BADSIG/],
  ['an unknown key', { key: 'stranger' }, /BADKEY/],
  ['a key without rights', { key: 'powerless' }, /REFUSED/],
  ['a name of another zone', { name: 'shop.example.net' }, /NOTZONE/],
  ['a zone that is not here', { zone: 'example.net', name: 'shop.example.net' }, /NOTAUTH/],
])('%s is refused in words', async (_what, more, words) => {
  await expect(replaceAddress({ ...target(more), ttl_s: 30, address: '198.51.100.50' })).rejects.toThrow(words)
})

test('both families change in one transaction, and no AAAA record outlives a site that has no IPv6', async () => {
  const found = async () =>
    (
      await Promise.all((['A', 'AAAA'] as const).map((type) => readBack({ server: '127.0.0.1', port, name, type })))
    ).flatMap(({ addresses }) => addresses)
  await replaceAddress({ ...target(), ttl_s: 30, address: '198.51.100.49' })
  const before = await serial()
  await replaceAddress({ ...target(), ttl_s: 30, address: '198.51.100.50', ipv6: '2001:db8:e::50' })
  expect(await serial()).toBe(before + 1)
  expect(await found()).toEqual(['198.51.100.50', '2001:db8:e::50'])
  // A stack without IPv6 leaves the record of somebody else alone.
  await replaceAddress({ ...target(), ttl_s: 30, address: '198.51.100.51' })
  expect(await found()).toEqual(['198.51.100.51', '2001:db8:e::50'])
  await replaceAddress({ ...target(), ttl_s: 30, address: '198.51.100.52', ipv6: 'none' })
  expect(await found()).toEqual(['198.51.100.52'])
  await replaceAddress({ ...target(), ttl_s: 30, address: '198.51.100.53', ipv6: '2001:db8:f::53' })
  const there = await serial()
  await tryUpdate({ ...target(), ipv6: true })
  expect(await serial()).toBe(there)
  await removeAddress({ ...target(), ipv6: true })
  expect(await found()).toEqual([])
})

test('a name may have an AAAA record alone, and records are let go of only where they are ours', async () => {
  const found = async () =>
    (
      await Promise.all((['A', 'AAAA'] as const).map((type) => readBack({ server: '127.0.0.1', port, name, type })))
    ).flatMap(({ addresses }) => addresses)
  await replaceAddress({ ...target(), ttl_s: 30, address: '198.51.100.50' })
  await replaceAddress({ ...target(), ttl_s: 30, address: 'none', ipv6: '2001:db8:100::1' })
  expect(await found()).toEqual(['2001:db8:100::1'])
  await replaceAddress({ ...target(), ttl_s: 30, address: '198.51.100.50', ipv6: '2001:db8:100::1' })
  await dropAddress({ ...target(), address: '198.51.100.51', ipv6: '2001:db8:100::2' })
  expect(await found()).toEqual(['198.51.100.50', '2001:db8:100::1'])
  await dropAddress({ ...target(), address: '198.51.100.50' })
  expect(await found()).toEqual(['2001:db8:100::1'])
  await dropAddress({ ...target(), address: 'none', ipv6: '2001:db8:100::1' })
  expect(await found()).toEqual([])
})

test('asking whether the key may update changes neither the name nor the serial of the zone', async () => {
  const before = await serial()
  // Of a name that is there, of one that is not, and of one without any record of its own.
  for (const one of ['shop.example.com', 'nobody.example.com', 'example.com']) await tryUpdate(target({ name: one }))
  await replaceAddress({ ...target(), ttl_s: 30, address: '198.51.100.50' })
  const changed = await serial()
  expect(changed).toBeGreaterThan(before)
  await tryUpdate(target())
  expect(await serial()).toBe(changed)
  expect((await readBack({ server: '127.0.0.1', port, name })).addresses).toEqual(['198.51.100.50'])
})

test.each([
  ['another secret', { secret: randomBytes(32).toString('base64') }, 'bad-key'],
  ['an unknown key', { key: 'stranger' }, 'bad-key'],
  ['a key without rights', { key: 'powerless' }, 'refused'],
  ['a zone that is not here', { zone: 'example.net', name: 'shop.example.net' }, 'refused'],
])('asked with %s the server says no as it would to an update', async (_what, more, said) => {
  await expect(tryUpdate(target(more))).rejects.toMatchObject({ said })
})

test('a server that is not there is silent, and a clock that differs is neither a bad key nor silence', async () => {
  await expect(tryUpdate({ ...target(), port: await freePort(), within_s: 1 })).rejects.toMatchObject({
    said: 'silent',
  })
  const clock = { now: () => new Date(Date.now() - 3_600_000), sleep: async () => {} }
  await expect(tryUpdate({ ...target(), clock })).rejects.toMatchObject({ said: 'clock' })
})

test('a clock that differs too much is named with the difference', async () => {
  const clock = { now: () => new Date(Date.now() - 3_600_000), sleep: async () => {} }
  await expect(removeAddress({ ...target(), clock })).rejects.toThrow(/is 3(599|600|601) s ahead of ours/)
})

async function serial(): Promise<number> {
  const query = encode({ type: 'query', id: 7, questions: [{ type: 'SOA', name: 'example.com' }] })
  const exchanged = await exchangeUdp({ server: '127.0.0.1', port }, query, 2000, () => true)
  if (!('answer' in exchanged)) throw new Error(exchanged.failed)
  const [soa] = decode(exchanged.answer).answers ?? []
  if (soa?.type !== 'SOA') throw new Error('no SOA')
  return Number(soa.data.serial)
}

const ZONE = `$TTL 5
@ SOA ns hostmaster 1 60 60 60 5
@ NS ns
ns A 127.0.0.1
`

function configuration(): string {
  return `
key "lifeboat" { algorithm hmac-sha256; secret "${secret}"; };
key "powerless" { algorithm hmac-sha256; secret "${secret}"; };
options {
  directory "${dir}"; pid-file none; session-keyfile none;
  listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; };
  recursion no; dnssec-validation no;
};
controls { };
zone "example.com" {
  type primary; file "${dir}/example.com.zone";
  update-policy { grant lifeboat zonesub A AAAA; };
};
`
}

function namedProgram(): string[] {
  if (existsSync('/usr/sbin/named')) return ['/usr/sbin/named']
  const cache = '/var/cache/lifeboat'
  const roots = existsSync(cache) ? readdirSync(cache).filter((entry) => entry.startsWith('lab-node-')) : []
  const root = roots.map((entry) => join(cache, entry)).find((path) => existsSync(join(path, 'usr/sbin/named')))
  if (root === undefined)
    throw new Error('no BIND: neither /usr/sbin/named nor one in the lab; run `./lifeboat lab up`')
  // Its own loader and libraries: nothing of the lab's filesystem is installed on the host.
  const loader = join(root, 'lib64/ld-linux-x86-64.so.2')
  const libraries = execFileSync('find', [
    join(root, 'usr/lib'),
    '-maxdepth',
    '1',
    '-name',
    '*-linux-gnu*',
    '-type',
    'd',
  ])
  return [loader, '--library-path', String(libraries).trim().split('\n').join(':'), join(root, 'usr/sbin/named')]
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
