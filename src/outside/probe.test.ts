import { execFileSync } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { clientProbe, type ProbeResult, waitForGoodAnswer } from './probe.ts'

let server: Server
let url = ''
const seen: string[] = []
let statusOf: (nth: number) => number | undefined = () => 200

beforeEach(async () => {
  seen.length = 0
  statusOf = () => 200
  server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`)
    const status = statusOf(seen.length)
    if (status === undefined) request.socket.destroy()
    else response.writeHead(status).end('body\n')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/healthz`
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

const here = { name: 'here', run: [] }

test('one request: status, address and the time of each phase', async () => {
  const result = await clientProbe(here, { method: 'GET', url }, 5)
  expect(result).toMatchObject({ status: 200, address: '127.0.0.1', error: undefined })
  const { connect_ms, tls_ms, first_byte_ms, total_ms } = result.phases
  expect(tls_ms).toBeUndefined()
  expect(connect_ms! + first_byte_ms!).toBeLessThanOrEqual(total_ms + 0.01)
  expect(seen).toEqual(['GET /healthz'])
  expect(await clientProbe(here, { method: 'HEAD', url }, 5)).toMatchObject({ status: 200 })
  expect(seen.at(-1)).toBe('HEAD /healthz')
})

test('no answer is a result with the reason', async () => {
  const closed = url.replace(/:\d+/, ':1')
  expect(await clientProbe(here, { method: 'GET', url: closed }, 5)).toMatchObject({
    status: undefined,
    error: expect.stringMatching(/connect to 127\.0\.0\.1 port 1/),
  })
})

test('the first good answer ends the wait; what came before is told, try by try', async () => {
  statusOf = (nth) => [503, undefined, 302, 200][nth - 1]
  const tried: ProbeResult[] = []
  const good = await waitForGoodAnswer(
    here,
    { method: 'GET', url, status: 200 },
    { within_s: 20, every_ms: 10, onTry: (result) => tried.push(result) },
  )
  expect(good).toMatchObject({ tries: 4, address: '127.0.0.1' })
  expect(tried.map((result) => result.status)).toEqual([503, undefined, 302, 200])
  expect(tried[1]?.error).toMatch(/Empty reply|reset/)
})

test('with one of two servers failing no answer counts, however many are good; the first of a row is when it was good', async () => {
  const wait = (options: { within_s: number; every_ms: number }) =>
    waitForGoodAnswer(here, { method: 'GET', url, status: 200 }, { ...options, in_a_row: 3 })
  statusOf = (nth) => (nth % 2 === 0 ? 504 : 200)
  await expect(wait({ within_s: 1, every_ms: 50 })).rejects.toThrow(
    /at here was 200 in \d+ of \d+ tries within 1 s, never 3 times in a row: one of several servers fails\? The last that was not: status 504/,
  )
  seen.length = 0
  statusOf = (nth) => (nth === 2 ? 504 : 200)
  expect(await wait({ within_s: 20, every_ms: 10 })).toMatchObject({ tries: 3 })
  expect(seen).toHaveLength(5)
})

test('a limit without a good answer is an error with the last thing seen', async () => {
  statusOf = () => 503
  const wait = waitForGoodAnswer(here, { method: 'GET', url, status: 200 }, { within_s: 1, every_ms: 50 })
  await expect(wait).rejects.toThrow(/at here was not 200 within 1 s \(\d+ tries\); last: status 503 from 127\.0\.0\.1/)
})

test('an abort ends the loop at the place', async () => {
  statusOf = () => 503
  const control = new AbortController()
  const marker = `${url}?${process.pid}-abort`
  const wait = waitForGoodAnswer(
    here,
    { method: 'GET', url: marker, status: 200 },
    { within_s: 600, every_ms: 50, signal: control.signal, onTry: () => control.abort(new Error('enough')) },
  )
  await expect(wait).rejects.toThrow('enough')
  const running = execFileSync('ps', ['-eo', 'stat,args'])
    .toString()
    .split('\n')
    .filter((line) => line.includes(marker) && !line.startsWith('Z'))
  expect(running).toEqual([])
})

test('the command in front is used, and a place that cannot be used says why', async () => {
  const place = { name: 'client', run: ['env', 'LANG=C'] }
  expect(await clientProbe(place, { method: 'GET', url }, 5)).toMatchObject({ status: 200 })
  const nowhere = { name: 'nowhere', run: ['no-such-program'] }
  await expect(clientProbe(nowhere, { method: 'GET', url }, 5)).rejects.toThrow(
    /cannot be run at nowhere \(no-such-program\): .*ENOENT/,
  )
  const broken = { name: 'broken', run: ['sh', '-c', 'echo no such namespace >&2; exit 1', 'x'] }
  await expect(clientProbe(broken, { method: 'GET', url }, 5)).rejects.toThrow(/at broken .*: no such namespace/)
})

test('a URL is an argument, never part of a command', async () => {
  await clientProbe(here, { method: 'GET', url: `${url}?x=$(id);{a,b}&y='"` }, 5)
  expect(seen).toEqual([`GET /healthz?x=$(id);{a,b}&y='"`])
})
