import { Buffer } from 'node:buffer'
import { createHmac } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { decode } from 'dns-packet'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readBack, resolverView, waitForResolver } from './dns-query.ts'
import { removeAddress, replaceAddress } from './dns-update.ts'
import { recordsOf } from './dns-wire.ts'

/** An authoritative server in this process. It checks and makes signatures by its own reading of RFC 8945. */
class TestServer {
  readonly udp: Socket = createSocket('udp4')
  readonly tcp: Server = createServer((socket) => {
    socket.on('data', (data) => {
      const answer = this.answer(data.subarray(2))
      if (answer !== undefined)
        socket.write(Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 255]), answer]))
    })
  })
  readonly seen: ('udp' | 'tcp')[] = []
  readonly records = new Map<string, { ttl: number; address: string }[]>()
  secret = SECRET
  keyName = 'lifeboat'
  skew_s = 0
  /** Takes a request away before it is answered, or answers something else. */
  disturb: (transport: 'udp' | 'tcp', request: Buffer) => 'answer' | 'drop' | 'forge' | { rcode: number } = () =>
    'answer'
  private transport: 'udp' | 'tcp' = 'udp'

  async listen(): Promise<number> {
    this.udp.on('message', (request, from) => {
      this.transport = 'udp'
      const answer = this.answer(request)
      if (answer !== undefined) this.udp.send(answer, from.port, from.address)
    })
    this.tcp.on('connection', () => {
      this.transport = 'tcp'
    })
    await new Promise<void>((resolve) => this.udp.bind(0, '127.0.0.1', resolve))
    const { port } = this.udp.address()
    await new Promise<void>((resolve) => this.tcp.listen(port, '127.0.0.1', resolve))
    return (this.tcp.address() as AddressInfo).port
  }

  close(): void {
    this.udp.close()
    this.tcp.close()
  }

  private answer(request: Buffer): Buffer | undefined {
    this.seen.push(this.transport)
    const what = this.disturb(this.transport, request)
    if (what === 'drop') return undefined
    if (typeof what === 'object') return header(request, what.rcode)
    return ((request[2]! >> 3) & 15) === 5 ? this.update(request, what === 'forge') : this.query(request)
  }

  private update(request: Buffer, forge: boolean): Buffer {
    const records = recordsOf(request).map((record) => ({ ...record, name: readName(request, record.start) }))
    const tsig = records.pop()!
    expect(tsig.type).toBe(250)
    const algorithm = wireName('hmac-sha256')
    const data = tsig.data
    expect(data.subarray(0, algorithm.length)).toEqual(algorithm)
    const timers = data.subarray(algorithm.length, algorithm.length + 8)
    const mac: Buffer = data.subarray(algorithm.length + 10, algorithm.length + 42)
    const bare = Buffer.from(request.subarray(0, request.length - wireName(tsig.name).length - 10 - data.length))
    bare.writeUInt16BE(0, 10)
    const now_s = Math.floor(Date.now() / 1000) + this.skew_s
    if (tsig.name !== this.keyName) return header(request, 9, this.tsig(17, Buffer.alloc(0), timers))
    if (!mac.equals(this.mac([bare, ...this.variables(timers, 0, Buffer.alloc(0))])))
      return header(request, 9, this.tsig(16, Buffer.alloc(0), timers))
    if (Math.abs(timers.readUIntBE(0, 6) - now_s) > timers.readUInt16BE(6)) {
      const other = Buffer.alloc(6)
      other.writeUIntBE(now_s, 0, 6)
      return this.signed(header(request, 9), mac, timers, 18, other)
    }
    for (const record of records) {
      const others = record.class === 255 ? [] : (this.records.get(record.name) ?? [])
      const added = record.class === 255 ? [] : [{ ttl: record.ttl_s, address: record.data.join('.') }]
      this.records.set(record.name, [...others, ...added])
    }
    return this.signed(header(request, 0), forge ? Buffer.alloc(32) : mac, timers, 0, Buffer.alloc(0))
  }

  private signed(message: Buffer, requestMac: Buffer, timers: Buffer, error: number, other: Buffer): Buffer {
    const mac = this.mac([Buffer.from([0, 32]), requestMac, message, ...this.variables(timers, error, other)])
    const signed = Buffer.concat([message, this.tsig(error, mac, timers, other, message.subarray(0, 2))])
    signed.writeUInt16BE(1, 10)
    return signed
  }

  private mac(parts: readonly Buffer[]): Buffer {
    return createHmac('sha256', Buffer.from(this.secret, 'base64')).update(Buffer.concat(parts)).digest()
  }

  private variables(timers: Buffer, error: number, other: Buffer): Buffer[] {
    const any = Buffer.from([0, 255, 0, 0, 0, 0])
    return [
      wireName(this.keyName),
      any,
      wireName('hmac-sha256'),
      timers,
      Buffer.from([0, error, 0, other.length]),
      other,
    ]
  }

  private tsig(error: number, mac: Buffer, timers: Buffer, other: Buffer = NONE, id: Buffer = Buffer.alloc(2)): Buffer {
    const data = Buffer.concat([
      wireName('hmac-sha256'),
      timers,
      Buffer.from([0, mac.length]),
      mac,
      id,
      Buffer.from([0, error, 0, other.length]),
      other,
    ])
    return Buffer.concat([wireName(this.keyName), Buffer.from([0, 250, 0, 255, 0, 0, 0, 0, 0, data.length]), data])
  }

  private query(request: Buffer): Buffer {
    const name = decode(request).questions![0]!.name
    const records = this.records.get(name) ?? []
    const answer = header(request, records.length === 0 ? 3 : 0)
    answer.writeUInt16BE(records.length, 6)
    const parts = records.map(({ ttl, address }) =>
      Buffer.concat([wireName(name), Buffer.from([0, 1, 0, 1, 0, 0, 0, ttl, 0, 4, ...address.split('.').map(Number)])]),
    )
    const question = request.subarray(12)
    answer.writeUInt16BE(1, 4)
    return Buffer.concat([answer, question, ...parts])
  }
}

function header(request: Buffer, rcode: number, tsig?: Buffer): Buffer {
  const answer = Buffer.alloc(12)
  request.copy(answer, 0, 0, 2)
  answer[2] = 0x84 | (request[2]! & 0x78)
  answer[3] = rcode
  if (tsig === undefined) return answer
  answer.writeUInt16BE(1, 10)
  return Buffer.concat([answer, tsig])
}

/** Names in requests are never compressed. */
function readName(message: Buffer, start: number): string {
  const labels: string[] = []
  for (let at = start; message[at] !== 0; at += 1 + message[at]!)
    labels.push(message.toString('latin1', at + 1, at + 1 + message[at]!))
  return labels.join('.')
}

function wireName(name: string): Buffer {
  return Buffer.concat([
    ...name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.alloc(1),
  ])
}

const NONE = Buffer.alloc(0)
const SECRET = Buffer.from('a secret of thirty-two bytes....').toString('base64')
let server: TestServer
let port = 0

beforeEach(async () => {
  server = new TestServer()
  port = await server.listen()
})
afterEach(() => server.close())

const target = (more: { within_s?: number; name?: string; key?: string; secret?: string } = {}) => ({
  server: '127.0.0.1',
  port,
  zone: 'example.com',
  key: { name: more.key ?? 'lifeboat', algorithm: 'hmac-sha256' as const, secret: more.secret ?? SECRET },
  name: more.name ?? 'shop.example.com',
  within_s: more.within_s ?? 5,
})
const name = 'shop.example.com'
const ask = () => readBack({ server: '127.0.0.1', port, name })

test('the address is replaced as a whole, whatever was there, and read back with its TTL', async () => {
  server.records.set(name, [
    { ttl: 9, address: '192.0.2.1' },
    { ttl: 9, address: '192.0.2.2' },
  ])
  await replaceAddress({ ...target({ name: 'Shop.Example.com.' }), ttl_s: 30, address: '198.51.100.50' })
  expect(await ask()).toEqual({ addresses: ['198.51.100.50'], ttl_s: 30, authoritative: true })
  expect(server.seen.filter((each) => each === 'udp')).toHaveLength(2)
  await removeAddress(target())
  await removeAddress(target())
  expect(await ask()).toEqual({ addresses: [], ttl_s: undefined, authoritative: true })
})

test('lost datagrams are sent again, then TCP is tried', async () => {
  server.disturb = (transport) => (transport === 'udp' ? 'drop' : 'answer')
  await replaceAddress({ ...target(), ttl_s: 30, address: '198.51.100.50' })
  expect(server.seen).toEqual(['udp', 'udp', 'tcp'])
  expect(server.records.get(name)).toEqual([{ ttl: 30, address: '198.51.100.50' }])
})

test('an acknowledgement whose signature does not verify is none', async () => {
  server.disturb = () => 'forge'
  await expect(replaceAddress({ ...target({ within_s: 1 }), ttl_s: 30, address: '198.51.100.50' })).rejects.toThrow(
    /did not take the update of shop\.example\.com within 1 s: its answer did not verify/,
  )
})

test.each([
  [
    'another secret',
    () => target({ secret: Buffer.from('wrong').toString('base64') }),
    0,
    /another secret for key lifeboat .*BADSIG/,
  ],
  ['an unknown key', () => target({ key: 'other' }), 0, /does not know a key other .*BADKEY/],
  ['a clock ahead', target, 1_000, /clocks differ.*is (1000|999|1001) s ahead of ours/],
  ['a clock behind', target, -1_000, /clocks differ.*is (1000|999|1001) s behind ours/],
])('%s is refused at once, in words', async (_what, to, skew_s, words) => {
  server.skew_s = skew_s
  const failure = replaceAddress({ ...to(), ttl_s: 30, address: '198.51.100.50' })
  await expect(failure).rejects.toThrow(words)
  await expect(failure).rejects.toMatchObject({ name: 'OutsideError', where: `127.0.0.1:${port}` })
  expect(server.seen).toHaveLength(1)
  expect(server.records.size).toBe(0)
})

test.each([
  [5, /refuses the update .*REFUSED.*allow key lifeboat/],
  [9, /not authoritative for zone example\.com/],
  [10, /shop\.example\.com is not in zone example\.com/],
  [4, /does not take updates/],
])('code %d is explained and not tried again', async (rcode, words) => {
  server.disturb = () => ({ rcode })
  await expect(removeAddress(target())).rejects.toThrow(words)
  expect(server.seen).toHaveLength(1)
})

test('a server that fails inside is tried again until it does not', async () => {
  server.disturb = () => (server.seen.length < 3 ? { rcode: 2 } : 'answer')
  await replaceAddress({ ...target(), ttl_s: 30, address: '198.51.100.50' })
  expect(server.records.get(name)).toHaveLength(1)
})

test('nobody there is an error with the limit; secrets are in none of them', async () => {
  server.close()
  const error = await removeAddress(target({ within_s: 1 })).catch((thrown: unknown) => thrown as Error)
  expect(String(error)).toMatch(/within 1 s: .*ECONNREFUSED/)
  expect(JSON.stringify(error) + String(error) + (error as Error).stack).not.toContain(SECRET)
  server = new TestServer()
  await server.listen()
})

test('the wait for a resolver ends with the address, or says what it answered last', async () => {
  server.records.set(name, [{ ttl: 7, address: '192.0.2.1' }])
  const view = { resolver: '127.0.0.1', port, name }
  expect(await resolverView(view)).toMatchObject({ addresses: ['192.0.2.1'], ttl_s: 7 })
  await expect(waitForResolver({ ...view, address: '192.0.2.9', within_s: 0 })).rejects.toThrow(
    /last: 192\.0\.2\.1 for another 7 s/,
  )
  server.disturb = () => {
    if (server.seen.length > 4) server.records.set(name, [{ ttl: 7, address: '192.0.2.9' }])
    return 'answer'
  }
  expect((await waitForResolver({ ...view, address: '192.0.2.9', within_s: 10 })).tries).toBeGreaterThan(1)
})
