import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { LOADED } from '../../src/engine/fake/appliance.ts'
import { diff, type Request } from '../../src/lifeboat.ts'
import { differenceText } from '../../src/report/difference-text.ts'
import { type Rig, rulesFile, stackFile } from './rig.ts'
import { after } from './scenes.ts'

const deploy = { verb: 'deploy', file: stackFile, site: 'east', remove: [] } as const satisfies Request
const replicate: Request = { verb: 'replicate', stack: 'shop' }
const area = { kind: 'stack', stack: 'shop' } as const

test('what was deployed and replicated is the same, by its file and without', async () => {
  const on = await after(deploy, replicate)
  expect(await told(on)).toBe('shop: no difference\n')
  expect(await told(on, stackFile)).toBe('shop: no difference\n')
})

test('what was changed by hand is told by place: files, the kernel, the engine, the power, networks', async () => {
  const on = await after(deploy, replicate)
  const east = on.world.site('east')
  const rules = east.read({ area, name: 'fw' }, '/etc/nftables.conf') ?? ''
  east.write({ area, name: 'fw' }, LOADED, rules.replace('tcp dport 443', 'tcp dport { 22, 443 }'))
  const haproxy = east.read({ area, name: 'lb' }, '/etc/haproxy/haproxy.cfg') ?? ''
  east.write({ area, name: 'lb' }, '/etc/haproxy/haproxy.cfg', haproxy.replace('maxconn 8192', 'maxconn 100'))
  east.write({ area, name: 'lb' }, '/etc/lifeboat/secrets/shop-tls.pem', 'another certificate')
  east.write({ area, name: 'nat' }, '/etc/systemd/network/99-mine.network', '[Match]\n')
  const db1 = east.find({ area, name: 'db1' })
  if (db1 !== undefined) db1.by_hand = [{ place: 'config limits.memory', made: undefined, found: '2GiB' }]
  await on.world.engine('east').power({ area, name: 'web2' }, 'kill', 5)
  await on.world.engine('east').power({ area, name: 'web1' }, 'kill', 5)
  await on.world.engine('east').removeInstance({ area, name: 'web1' })
  expect(lines(await told(on))).toEqual([
    'east fw: rules in the kernel not those of /etc/nftables.conf [by hand]',
    'east lb: /etc/haproxy/haproxy.cfg changed by hand [by hand]',
    'east lb: /etc/lifeboat/secrets/shop-tls.pem changed by hand [by hand]',
    'east nat: /etc/systemd/network/99-mine.network added by hand [by hand]',
    'east db1: config limits.memory is 2GiB, was not set [by hand]',
    'east web1: instance is not there [by hand]',
    'east web2: power is stopped, not running [by hand]',
  ])
  const text = await told(on)
  expect(text).toContain('      -  maxconn 8192\n      +  maxconn 100\n')
  expect(text).toMatch(/^ {6}-.* tcp dport 443 .*\n {6}\+.* tcp dport \{ 22, 443 \} /m)
  expect(text).not.toContain('another certificate')
  expect(text).toContain('shop: 7 differences: 7 by hand\n')
})

test('a file that was not deployed yet differs by the file, at both sites', async () => {
  const on = await after(deploy, replicate)
  expect(lines(await told(on, rulesFile))).toEqual([
    `east stack file: ${rulesFile} is not what was deployed [file]`,
    'east fw: /etc/nftables.conf differs [file]',
    'east lb: /etc/haproxy/haproxy.cfg differs [file]',
    `west stack file: ${rulesFile} is not what it would launch [standby]`,
    'west fw: prepared instance is not as the stack file says [standby]',
    'west lb: prepared instance is not as the stack file says [standby]',
  ])
})

test('a certificate of another digest than that of its file is named at each site, and never shown', async () => {
  const on = await after(deploy, replicate)
  const dir = mkdtempSync(join(tmpdir(), 'lifeboat-diff-'))
  const file = join(dir, 'shop.yaml')
  writeFileSync(file, readFileSync(stackFile, 'utf8'))
  writeFileSync(join(dir, 'stand-in.txt'), 'a renewed certificate')
  const text = await told(on, file)
  expect(lines(text)).toEqual([
    expect.stringMatching(/^east secret shop-tls: claim SHA-256 [0-9a-f]{12}, the file has [0-9a-f]{12} \[file\]$/),
    expect.stringMatching(/^east lb: \S+shop-tls\.pem SHA-256 [0-9a-f]{12} is not that of the file \[file\]$/),
    expect.stringMatching(/^west secret shop-tls: claim SHA-256 [0-9a-f]{12}, the file has [0-9a-f]{12} \[standby\]$/),
    'west lb: prepared instance is not as the stack file says [standby]',
  ])
  expect(text).not.toContain('renewed certificate')
})

test('what was changed by hand in an instance that a launch would clone', async () => {
  const on = await after(deploy, replicate)
  const prepared = [...on.world.site('west').areas.values()]
    .flatMap(({ instances }) => [...instances.values()])
    .find(({ object }) => object.area.kind === 'replica' && object.name.startsWith('fw-'))
  if (prepared !== undefined) prepared.by_hand = [{ place: 'config limits.memory', made: undefined, found: '512MiB' }]
  expect(lines(await told(on))).toEqual([
    `west ${prepared?.object.name}: config limits.memory is 512MiB, was not set; a launch would clone it so. Without it the next cycle makes it anew [by hand]`,
  ])
})

test('images and the readiness of the standby', async () => {
  const on = await after(deploy)
  expect(lines(await told(on))).toEqual([])
  const ready = await after(deploy, replicate)
  ready.world.site('east').images.set('lifeboat-appliance', 'fake-newer')
  ready.world.site('west').images.delete('shop-db')
  expect(lines(await told(ready))).toEqual([
    'east fw: image made from fake-lifeboa; lifeboat-appliance is fake-newer now [file]',
    'east lb: image made from fake-lifeboa; lifeboat-appliance is fake-newer now [file]',
    'east nat: image made from fake-lifeboa; lifeboat-appliance is fake-newer now [file]',
    'west site: readiness image "shop-db" is not at west [standby]',
    'west image lifeboat-appliance: alias is fake-lifeboa, east has fake-newer [standby]',
  ])
})

test('a site that is silent, and an appliance that does not let look, are told as not seen', async () => {
  const on = await after(deploy, replicate)
  on.world.isolate('west')
  on.world
    .site('east')
    .onExec(({ argv, ref }) =>
      argv.includes('lifeboat-look') && ref.name === 'fw' ? { exit: 1, stdout: '', stderr: 'no' } : undefined,
    )
  const text = await told(on)
  expect(text).toMatch(/not seen: west does not answer/)
  expect(text).toContain('not seen: fw at east could not be looked into')
  expect(text).toContain('shop: no difference; not everything could be looked at\n')
})

test('the file of another stack is refused', async () => {
  const on = await after(deploy)
  const compared = await diff(on.controller(), 'other', stackFile, on.world.clock.now())
  expect(compared).toMatchObject({ refused: [{ what: `${stackFile} is of the stack "shop", not of "other"` }] })
})

async function told(on: Rig, file?: string): Promise<string> {
  const compared = await diff(on.controller(), 'shop', file, on.world.clock.now())
  if ('refused' in compared) throw new Error(compared.refused[0]?.what)
  return differenceText(compared)
}

const lines = (text: string): readonly string[] =>
  text.split('\n').flatMap((line) => (/^ {2}\S/.test(line) ? [line.trim()] : []))
