import { execFile } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import type { PacketProbe } from '../plan/plan.ts'
import { again, judge, probeArgv, resultsOf, type Seen, witnessed, witnessKey } from './packets.ts'

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
  const asked = script.replaceAll('/dev/udp/$1/$2', `/dev/udp/$1/${server.port}`)
  await promisify(execFile)('bash', ['-c', asked, 'lifeboat-packets', 'udp/127.0.0.1/123/-/0.3'])
  expect(server.heard.map((each) => [each.length, each[0]])).toEqual([[48, 0x1b]])
})

test('a question to a resolver that was lost is asked again', async () => {
  const server = await listener((count) => (count === 1 ? undefined : '\x12\x34 an answer'))
  const probe = udp({ kind: 'dns', port: server.port })
  const [command = '', ...argv] = probeArgv([probe])
  const { stdout } = await promisify(execFile)(command, argv)
  expect(resultsOf([probe], 0, stdout).map((each) => each.result)).toEqual(['open'])
  expect(server.heard.length).toBe(2)
})

test('a connection that passed tells how long it took', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const probe = udp({ kind: 'tcp', port: (server.address() as AddressInfo).port })
  const [command = '', ...argv] = probeArgv([probe])
  const { stdout } = await promisify(execFile)(command, argv)
  server.close()
  const [seen] = resultsOf([probe], 0, stdout)
  expect(seen?.result).toBe('open')
  expect(seen?.took_ms).toBeGreaterThan(0)
})

test.each([
  ['is silent where nothing comes back', 'sleep 5', 'silent', 'held'],
  ['is no evidence where its sender ended without a word', 'kill -9 $BASHPID', 'unable', 'no evidence'],
])('a connection %s', async (_, instead, result, verdict) => {
  const probe = udp({ kind: 'tcp', port: 9, expect: 'blocked' })
  const [command = '', ...argv] = probeArgv([probe])
  const changed = argv.map((each) => each.replace('exec 3<> "/dev/tcp/$1/$2"', instead))
  expect(changed).not.toEqual(argv)
  const { stdout } = await promisify(execFile)(command, changed)
  const seen = resultsOf([probe], 0, stdout)
  expect(seen.map((each) => each.result)).toEqual([result])
  expect(seen.map(judge)).toEqual([verdict])
})

describe('a second round', () => {
  const passed = (took_ms: number): Seen => ({ probe: udp({ kind: 'tcp', port: 1 }), result: 'open', took_ms })
  const stopped: Seen = { probe: udp({ kind: 'tcp', port: 2, expect: 'blocked' }), result: 'silent' }
  const unheard: Seen = { probe: udp({ kind: 'tcp', port: 3 }), result: 'silent' }

  test('is for nothing where all that should pass has passed quickly', () => {
    expect(again([passed(20), stopped])).toBeUndefined()
    expect(again([passed(20), { ...stopped, result: 'open' }])).toBeUndefined()
    expect(again([passed(20), { ...unheard, result: 'refused' }])).toBeUndefined()
  })

  test('sends again what should have passed and was not heard', () => {
    expect(again([passed(20), stopped, unheard])).toEqual({ probes: [unheard.probe], patience: 4 })
  })

  test('waits longer for what must not pass, where others have passed late', () => {
    expect(again([passed(499), stopped])).toBeUndefined()
    expect(again([passed(3000), stopped])).toEqual({ probes: [stopped.probe], patience: 6 })
  })

  test('leaves alone what is counted by a witness', () => {
    expect(again([{ ...unheard, probe: udp({ port: 514, witness }) }])).toBeUndefined()
  })
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

async function listener(answer: string | undefined | ((count: number) => string | undefined)) {
  const socket = createSocket('udp4')
  sockets.push(socket)
  const heard: Buffer[] = []
  socket.on('message', (data, from) => {
    heard.push(data)
    const said = typeof answer === 'function' ? answer(heard.length) : answer
    if (said !== undefined) socket.send(said, from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return { socket, heard, port: socket.address().port }
}
