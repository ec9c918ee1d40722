import { type AddressInfo, connect, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { virtualClock } from '../../lib/clock.ts'
import { openRelay } from './relay.ts'

const here = { host: '127.0.0.1', port: 0 }

/** Sends so many bytes to whoever calls. */
async function sender(bytes: number) {
  const server = createServer((socket) => socket.end(Buffer.alloc(bytes, 7)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { to: { host: '127.0.0.1', port: (server.address() as AddressInfo).port }, end: () => server.close() }
}

async function fetched(from: { readonly host: string; readonly port: number }): Promise<number> {
  let bytes = 0
  const socket = connect(from)
  socket.on('data', (chunk) => {
    bytes += chunk.length
  })
  await new Promise((resolve, reject) => socket.on('close', resolve).on('error', reject))
  return bytes
}

test('what passes takes as long as its rate says, several at once together, and all of it arrives', async () => {
  const clock = virtualClock()
  const { to, end } = await sender(1_000_000)
  const relay = openRelay(here, clock)
  const ways = await Promise.all([relay.open(to, () => 8e6), relay.open(to, () => 8e6)])
  expect(new Set(ways.map((each) => each.port)).size).toBe(1)
  const got = await Promise.all(ways.map(fetched))
  expect(got).toEqual([1_000_000, 1_000_000])
  // 16 Mbit at 8 Mbit/s, of a clock that goes on only where somebody waits.
  expect(clock.elapsed_ms()).toBeGreaterThan(1800)
  expect(clock.elapsed_ms()).toBeLessThan(2200)
  for (const way of ways) way.close()
  end()
})

test('a rate that changes holds from then on; without one nothing waits', async () => {
  const clock = virtualClock()
  const { to, end } = await sender(2_000_000)
  const way = await openRelay(here, clock).open(to, () => (clock.elapsed_ms() < 1000 ? 8e6 : undefined))
  expect(await fetched(way)).toBe(2_000_000)
  expect(clock.elapsed_ms()).toBeLessThan(1300)
  way.close()
  end()
})

test('it listens while something is transferred, and then no more', async () => {
  const { to, end } = await sender(1)
  const way = await openRelay(here).open(to, () => undefined)
  expect(await fetched(way)).toBe(1)
  way.close()
  await expect(fetched(way)).rejects.toThrow('ECONNREFUSED')
  end()
})

test('an address that this machine does not have is an error, and the next try is a new one', async () => {
  const relay = openRelay({ host: '192.0.2.77', port: 0 })
  const to = { host: '127.0.0.1', port: 1 }
  await expect(relay.open(to, () => 1e6)).rejects.toThrow('EADDRNOTAVAIL')
  await expect(relay.open(to, () => 1e6)).rejects.toThrow('EADDRNOTAVAIL')
})
