import { execFile } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import type { PacketProbe } from '../plan/plan.ts'
import { judge, probeArgv, resultsOf, witnessed, witnessKey } from './packets.ts'

/** Datagrams as a guest sends them, to sockets of this machine; then what is made of the counts of their witnesses. */
const sockets: Socket[] = []
afterAll(() => sockets.forEach((socket) => void socket.close()))

test('a datagram that is answered, one that is swallowed, one for which nobody listens', async () => {
  const [answering, silent, closed] = [
    await listener('an answer'),
    await listener(undefined),
    await listener(undefined),
  ]
  closed.socket.close()
  sockets.splice(sockets.indexOf(closed.socket), 1)
  const probes = [answering, silent, closed].map(({ port }) => udp({ port }))
  const [command = '', ...argv] = probeArgv(probes)
  const { stdout } = await promisify(execFile)(command, argv)
  expect(resultsOf(probes, 0, stdout).map((each) => each.result)).toEqual(['open', 'silent', 'refused'])
  expect(silent.heard.map((each) => each.toString())).toEqual(['\n'])
})

test('a time server is asked a question that it answers, in one datagram', async () => {
  const script = probeArgv([udp({ port: 123 })])[4] ?? ''
  const server = await listener(undefined)
  const asked = script.replaceAll('/$port;', `/${server.port};`)
  await promisify(execFile)('bash', ['-c', asked, 'lifeboat-packets', 'udp/127.0.0.1/123/-/0.3'])
  expect(server.heard.map((each) => [each.length, each[0]])).toEqual([[48, 0x1b]])
})

const witness = { instance: 'border', counter: 'left_syslog' }
const key = witnessKey(witness)

test.each([
  ['as many came as were sent', [3, 3, 5], 'arrived', 'held'],
  ['none came', [3, 3, 3], 'lost', 'broken'],
  ['some came, nobody knows whose', [3, 3, 4], 'silent', 'no evidence'],
  ['others sent before', [2, 3, 5], 'silent', 'no evidence'],
  ['others sent meanwhile', [3, 3, 9], 'silent', 'no evidence'],
] as const)('%s: %j', (_, [earlier, before, after], result, verdict) => {
  const counted = [earlier, before, after].map((count) => new Map([[key, count]])) as [never, never, never]
  const silent = [1, 2].map(() => ({ probe: udp({ port: 514, witness }), result: 'silent' as const }))
  const seen = witnessed(silent, ...counted)
  expect(seen.map((each) => each.result)).toEqual([result, result])
  expect(seen.map(judge)).toEqual([verdict, verdict])
})

test('a denied datagram that its witness counted is a refusal, and one that passes unseen is none', () => {
  const probe = udp({ port: 514, witness, expect: 'refused' })
  const counts = (after: number) => [new Map([[key, 0]]), new Map([[key, 0]]), new Map([[key, after]])] as const
  const heard = { probe, result: 'unreachable' as const }
  expect(witnessed([heard], ...counts(1)).map(judge)).toEqual(['held'])
  expect(witnessed([heard], ...counts(0)).map(judge)).toEqual(['broken'])
  expect(witnessed([heard], new Map(), new Map(), new Map()).map(judge)).toEqual(['no evidence'])
  expect(judge({ probe, result: 'open' })).toBe('broken')
})

function udp(more: Partial<PacketProbe>): PacketProbe {
  return { from: 'app1', kind: 'udp', address: '127.0.0.1', expect: 'open', words: 'app1 -> syslog', ...more }
}

async function listener(answer: string | undefined) {
  const socket = createSocket('udp4')
  sockets.push(socket)
  const heard: Buffer[] = []
  socket.on('message', (data, from) => {
    heard.push(data)
    if (answer !== undefined) socket.send(answer, from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return { socket, heard, port: socket.address().port }
}
