import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { selfSigned } from '../../lab/tour/certificate.ts'
import type { Alarm } from '../../src/api/watch.ts'
import { defaults } from '../../src/server/config.ts'
import { type Rig, rig, stackFile } from '../every-step/rig.ts'
import { bubbly } from '../every-step/scenes.ts'
import { replicate } from './requests.ts'
import { type Caller, type Stage, stage } from './stage.ts'

/** What a controller finds inside stacks by itself, over fake sites: changes by hand, and certificates that end. */
const dir = mkdtempSync(join(tmpdir(), 'lifeboat-inspections-'))
const day_ms = 24 * 3_600_000
const waits = { timeout: 60_000, interval: 100 }
vi.setConfig({ testTimeout: 120_000 })
const fw = { area: { kind: 'stack', stack: 'shop' }, name: 'fw' } as const
const rules = '/etc/nftables.conf'
const file = join(dir, 'shop.yaml')
const until = (days: number) => {
  const now_ms = rig().world.clock.now().getTime()
  const pem = selfSigned('shop.example.com', new Date(now_ms - day_ms), new Date(now_ms + days * day_ms))
  writeFileSync(join(dir, 'shop-tls.pem'), pem)
}
writeFileSync(file, readFileSync(stackFile, 'utf8').replace('stand-in.txt', join(dir, 'shop-tls.pem')))

let world: Rig
let on: Stage
let root: Caller
beforeAll(async () => {
  until(20)
  world = await bubbly({ verb: 'deploy', file, site: 'east', remove: [] }, replicate)
  on = await stage({ on: world, stacks_dir: dir, config: { ...defaults, 'diff-every': 30_000 } })
  root = await on.as('admin')
})
afterAll(async () => {
  await on.close()
  rmSync(dir, { recursive: true })
})

const of = async (kind: Alarm['kind']) =>
  ((await root.get('/alarms')).body as unknown as Alarm[]).filter((each) => each.kind === kind)
const open = async (kind: Alarm['kind']) => (await of(kind)).filter((each) => each.resolved_at === undefined)
const lookedAt = async () => {
  const { body } = await root.get('/schedules')
  return (body as unknown as { task: string; last_at?: string; last?: string }[]).find(({ task }) => task === 'diff')
}

test('a stack that is as it was compiled is no alarm, and the list of what runs by itself says so', async () => {
  await expect.poll(async () => (await lookedAt())?.last, waits).toBe('as compiled')
  expect(await of('changed-by-hand')).toEqual([])
})

test("the certificate that a stack's clients are shown is told before it ends, with what to do", async () => {
  expect(await open('certificate-expiring')).toMatchObject([
    {
      stack: 'shop',
      site: 'east',
      severity: 'warning',
      what: expect.stringMatching(/^the certificate "shop-tls" of shop expires in (19 d \d+ h|20 d)/),
      means: expect.stringContaining('clients will refuse it'),
      todo: expect.stringContaining('lifeboat deploy'),
    },
  ])
  expect(on.log()).not.toContain('PRIVATE KEY')
})

test('rules that somebody changed in a firewall are one alarm, which is over when they are as compiled again', async () => {
  const east = world.world.site('east')
  const compiled = east.read(fw, rules) ?? ''
  east.write(fw, rules, compiled.replace('tcp dport 443', 'tcp dport { 22, 443 }'))
  await expect
    .poll(() => open('changed-by-hand'), waits)
    .toMatchObject([
      {
        stack: 'shop',
        severity: 'warning',
        what: expect.stringContaining('fw at east: /etc/nftables.conf changed by hand'),
        means: expect.stringContaining('the other site would come up without it'),
        todo: expect.stringMatching(/^lifeboat diff shop shows it; .*--overwrite fw$/),
      },
    ])
  const [before] = [await lookedAt()]
  await expect.poll(async () => (await lookedAt())?.last_at, waits).not.toBe(before?.last_at)
  expect(await of('changed-by-hand')).toHaveLength(1)
  east.write(fw, rules, compiled)
  await expect.poll(() => open('changed-by-hand'), waits).toEqual([])
  expect(await of('changed-by-hand')).toHaveLength(1)
})

test('a deploy that takes it back ends the alarm soon', async () => {
  const east = world.world.site('east')
  east.write(fw, rules, `${east.read(fw, rules)}# by hand\n`)
  await expect.poll(() => open('changed-by-hand'), waits).toHaveLength(1)
  const started = await root.post('/operations', { verb: 'deploy', file: 'shop.yaml', overwrite: ['fw'] })
  expect(started.status).toBe(202)
  await expect.poll(() => open('changed-by-hand'), waits).toEqual([])
})

test('with another one in its place the alarm is over', async () => {
  until(90)
  expect((await root.post('/operations', { verb: 'deploy', file: 'shop.yaml' })).status).toBe(202)
  await expect.poll(() => open('certificate-expiring'), waits).toEqual([])
  expect(await of('certificate-expiring')).toHaveLength(1)
})

test('an active site that is silent says nothing: what was found there stays found', async () => {
  const east = world.world.site('east')
  const compiled = east.read(fw, rules) ?? ''
  east.write(fw, rules, `${compiled}# by hand\n`)
  await expect.poll(() => open('changed-by-hand'), waits).toHaveLength(1)
  world.world.powerCut('east')
  const before = await lookedAt()
  await expect.poll(() => open('site-silent'), waits).toHaveLength(1)
  await expect.poll(async () => (await lookedAt())?.last_at, waits).not.toBe(before?.last_at)
  expect(await open('changed-by-hand')).toHaveLength(1)
})

test('a restart opens and resolves nothing of what it has yet to look into', async () => {
  until(20)
  const again = await bubbly({ verb: 'deploy', file, site: 'east', remove: [] }, replicate)
  again.world.site('east').write(fw, rules, 'table inet lifeboat { }\n')
  const config = { ...defaults, 'diff-every': 30_000 }
  const database = join(dir, 'west.sqlite')
  const listed = async (from: Stage) => {
    const { alarms } = from.serving.controller
    return alarms.list().filter(({ kind }) => ['changed-by-hand', 'certificate-expiring'].includes(kind))
  }
  const first = await stage({ on: again, database, config })
  await expect.poll(async () => (await listed(first)).length, waits).toBe(2)
  const before = await listed(first)
  await first.close()
  const second = await stage({ on: again, database, config })
  const { inspections } = second.serving.controller
  await expect.poll(() => inspections?.of('shop')?.hand.length, waits).toBeGreaterThan(0)
  const ids = (alarms: readonly Alarm[]) => alarms.map(({ id, resolved_at }) => [id, resolved_at]).sort()
  expect(ids(await listed(second))).toEqual(ids(before))
  await second.close()
})
