import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { StackLocked } from './lock.ts'
import { defaultDir, openStore } from './store.ts'

let dir = ''
const children: ChildProcess[] = []

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lifeboat-store-'))
})
afterEach(async () => {
  for (const child of children.splice(0)) if (child.kill('SIGKILL')) await once(child, 'exit')
  rmSync(dir, { recursive: true })
})

const ID = '20260101T000000Z-failover-shop'
const journalFile = () => join(dir, 'operations', ID, 'journal.jsonl')

test('an operation that is removed is forgotten, and nothing else is', () => {
  const store = openStore(dir)
  for (const id of ['one', 'two']) store.append(id, { id })
  store.remove('one')
  store.remove('one')
  expect(store.list()).toEqual(['two'])
  expect(store.events('one')).toEqual([])
  expect(() => store.remove('../two')).toThrow('no id of an operation')
})

test('events come back in order, from another store too', () => {
  const store = openStore(dir)
  expect(store.events(ID)).toEqual([])
  store.append(ID, { type: 'planned' })
  store.append(ID, { type: 'two\nlines "and" ünïcode' })
  expect(openStore(dir).events(ID)).toEqual([{ type: 'planned' }, { type: 'two\nlines "and" ünïcode' }])
  expect(store.list()).toEqual([ID])
})

test('a torn write anywhere in the last event costs that event alone, and the journal goes on', () => {
  const store = openStore(dir)
  store.append(ID, { n: 1 })
  const whole = readFileSync(journalFile())
  store.append(ID, { n: 2, text: 'ü'.repeat(5_000) })
  const both = readFileSync(journalFile())
  for (const cut of [whole.length, whole.length + 1, whole.length + 20, both.length - 1]) {
    writeFileSync(journalFile(), both.subarray(0, cut))
    expect(store.events(ID)).toEqual([{ n: 1 }])
    store.append(ID, { n: 3 })
    expect(store.events(ID)).toEqual([{ n: 1 }, { n: 3 }])
  }
  writeFileSync(journalFile(), '{"n"')
  store.append(ID, { n: 4 })
  expect(store.events(ID)).toEqual([{ n: 4 }])
})

test('a broken line that is not the last is an error with its place, not skipped', () => {
  const store = openStore(dir)
  store.append(ID, { n: 1 })
  appendFileSync(journalFile(), 'garbage\n{"n":2}\n')
  expect(() => store.events(ID)).toThrow(/journal\.jsonl:2: /)
})

test('nobody else may read it', () => {
  const store = openStore(join(dir, 'state'))
  store.append(ID, { n: 1 })
  for (const path of ['state', 'state/operations', `state/operations/${ID}`])
    expect(statSync(join(dir, path)).mode & 0o777).toBe(0o700)
  expect(statSync(join(dir, 'state/operations', ID, 'journal.jsonl')).mode & 0o777).toBe(0o600)
})

test.each(['../up', 'a/b', '', '.hidden'])('%j is no id', (id) => {
  expect(() => openStore(dir).append(id, {})).toThrow('no id of an operation')
})

test('a stack has one writer in a process; released it is free', async () => {
  const store = openStore(dir)
  const lock = await store.lock('shop', 'failover')
  await expect(store.lock('shop', 'deploy')).rejects.toThrow(StackLocked)
  await expect(store.lock('shop', 'deploy')).rejects.toThrow(/failover is running since .*process \d+/)
  const other = await store.lock('blog', 'deploy')
  other.release()
  lock.release()
  const again = await store.lock('shop', 'deploy')
  // A late second release must not free the lock of who came after.
  lock.release()
  await expect(store.lock('shop', 'destroy')).rejects.toThrow(StackLocked)
  again.release()
  expect(readdirSync(join(dir, 'locks'))).toEqual([])
})

test('two processes: the second is refused while the first lives, and takes over when it was killed', async () => {
  const child = await holder('process.stdout.write("held\\n"); setInterval(() => {}, 1000)')
  const store = openStore(dir)
  await expect(store.lock('shop', 'deploy')).rejects.toMatchObject({ holder: { pid: child.pid, what: 'child' } })
  child.kill('SIGKILL')
  await once(child, 'exit')
  const lock = await store.lock('shop', 'deploy')
  lock.release()
})

test('many take over the lock of a dead process at once: exactly one has it', async () => {
  const child = await holder('process.stdout.write("held\\n"); setInterval(() => {}, 1000)')
  child.kill('SIGKILL')
  await once(child, 'exit')
  const results = await Promise.all([1, 2, 3].map(() => tryInChild()))
  expect(results.sort()).toEqual(['StackLocked', 'StackLocked', 'held'])
})

test('a pid that came back as another process does not hold the lock', async () => {
  const store = openStore(dir)
  await store.lock('shop', 'deploy')
  const path = join(dir, 'locks', 'shop.lock')
  const held = JSON.parse(readFileSync(path, 'utf8')) as { start: string }
  writeFileSync(path, JSON.stringify({ ...held, start: '1' }))
  const lock = await store.lock('shop', 'destroy')
  lock.release()
})

test('a killed writer in another process leaves a journal of whole events', async () => {
  const child = spawnNode(`
    const store = openStore(${JSON.stringify(dir)})
    for (let n = 0; ; n++) { store.append(${JSON.stringify(ID)}, { n }); if (n === 20) process.stdout.write('going\\n') }
  `)
  await once(child.stdout!, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
  const store = openStore(dir)
  store.append(ID, { n: 'after' })
  const events = store.events(ID) as { n: unknown }[]
  expect(events.length).toBeGreaterThan(20)
  expect(events.slice(0, -1).map((event) => event.n)).toEqual(events.slice(0, -1).map((_, n) => n))
  expect(events.at(-1)).toEqual({ n: 'after' })
})

test('the default directory follows XDG, and root has its own', () => {
  expect(defaultDir({ XDG_STATE_HOME: '/home/ann/state' }, 1000)).toBe('/home/ann/state/lifeboat')
  expect(defaultDir({}, 0)).toBe('/var/lib/lifeboat')
  expect(defaultDir({}, 1000)).toMatch(/\.local\/state\/lifeboat$/)
})

function spawnNode(body: string): ChildProcess {
  const source = `import { openStore } from ${JSON.stringify(new URL('./store.ts', import.meta.url).href)}\n${body}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  return child
}

async function holder(body: string): Promise<ChildProcess> {
  const child = spawnNode(`await openStore(${JSON.stringify(dir)}).lock('shop', 'child')\n${body}`)
  await once(child.stdout!, 'data')
  return child
}

async function tryInChild(): Promise<string> {
  const child = spawnNode(`
    const answer = await openStore(${JSON.stringify(dir)}).lock('shop', 'child').then(() => 'held', (error) => error.name)
    process.stdout.write(answer)
    setInterval(() => {}, 1000)
  `)
  const [data] = (await once(child.stdout!, 'data')) as [Buffer]
  return data.toString()
}
