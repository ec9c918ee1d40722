import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { incusClient } from './client.ts'

/** A site whose open connections die without a word, as in a power cut; whoever connects anew is answered at once. */
const dir = mkdtempSync(join(tmpdir(), 'lifeboat-client-'))
const socket = join(dir, 'incus.socket')
const dead = new Set<Socket>()
const open = new Set<Socket>()
const waiting: ServerResponse[] = []
let server: Server
let at_once = 1

beforeAll(async () => {
  server = createServer((request, response) => {
    if (dead.has(request.socket)) return
    waiting.push(response)
    if (waiting.length < at_once) return
    for (const each of waiting.splice(0)) each.end(JSON.stringify({ type: 'sync', metadata: open.size }))
  }).on('connection', (each) => void open.add(each))
  await new Promise<void>((resolve) => server.listen(socket, resolve))
})
afterAll(() => {
  for (const each of open) each.destroy()
  server.close()
  rmSync(dir, { recursive: true })
})

test('after one request that was not answered none waits on a connection that is as old', async () => {
  const client = incusClient({ site: 'east', pool: 'default', socket } as never)
  at_once = 4
  await Promise.all(Array.from({ length: at_once }, () => client.get('/1.0')))
  expect(open.size).toBe(4)
  // An answer is there before its connection is free.
  await new Promise((resolve) => setTimeout(resolve, 200))
  for (const each of open) dead.add(each)
  at_once = 1
  await expect(client.get('/1.0', { within_s: 0.3 })).rejects.toThrow(/did not answer in time/)
  expect(await client.get('/1.0', { within_s: 5 })).toMatchObject({ value: 5 })
  await client.close()
})
