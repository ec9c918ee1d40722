// On the lab: 40 s
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually, lifeboat, stackFile, verb } from '../../lab/demo/story.ts'
import { labPaths } from '../../lab/lab.ts'
import { run } from '../../lab/run.ts'
import { siteNames } from '../../lab/topology.ts'
import { addressByName, emptyStage, everything, incus, marked, removeShop, statusAtClient } from './stage.ts'

/** What is refused is refused before anything has changed, and what is not Lifeboat's stays as it is. */
beforeAll(async () => {
  await emptyStage()
  // Somebody else's, with names that look like ours.
  await incus('east', 'project', 'create', 'lb-shop-annex', '-c', 'features.images=false', '-c', 'user.owner=annex')
  await incus('east', 'network', 'create', 'lbannex', 'ipv4.address=none', 'ipv6.address=none')
  await incus('east', 'profile', 'create', 'lifeboat-annex')
  const mine = ['--no-profiles', '--storage', 'default']
  await incus('east', 'init', 'shop-web', 'web1', ...mine)
  await incus('east', 'init', 'shop-web', 'db1', ...mine, '--project', 'lb-shop-annex')
})

afterAll(async () => {
  await removeShop()
  await incus('east', 'delete', '--project', 'lb-shop-annex', 'db1')
  await incus('east', 'project', 'delete', 'lb-shop-annex')
  await incus('east', 'delete', 'web1')
  await incus('east', 'network', 'delete', 'lbannex')
  await incus('east', 'profile', 'delete', 'lifeboat-annex')
})

test('a client certificate that the sites do not know: told as such, and not taken for silence', async () => {
  const key = join(labPaths.pki, 'stranger')
  await run([
    ...['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-keyout', `${key}.key`, '-out', `${key}.crt`, '-days', '1', '-subj', '/CN=stranger'],
  ])
  const sites = join(labPaths.run, 'stranger.yaml')
  writeFileSync(sites, readFileSync(labPaths.sites, 'utf8').replaceAll('pki/client.', 'pki/stranger.'), { mode: 0o600 })
  const before = await everything('east')
  for (const argv of [
    ['status', 'shop'],
    ['deploy', stackFile, '--site', 'east'],
  ]) {
    const ran = await lifeboat(['--sites', sites, ...argv])
    expect(ran.exit).toBe(1)
    expect(ran.stderr).toContain('answers, but not to this client')
  }
  expect(await everything('east')).toEqual(before)
})

test('an image that the site does not have: refused before anything is made', async () => {
  const file = join(labPaths.run, 'no-image.yaml')
  const secrets = join(dirname(stackFile), 'secrets')
  const text = readFileSync(stackFile, 'utf8').replace('shop-app', 'shop-nothing').replace('secrets/', `${secrets}/`)
  writeFileSync(file, text, { mode: 0o600 })
  const before = await everything('east')
  const ran = await lifeboat(['deploy', file, '--site', 'east'])
  expect(ran).toMatchObject({ exit: 1, stderr: expect.stringContaining('shop-nothing') })
  expect(await everything('east')).toEqual(before)
})

test('destroy asks for consent and changes nothing without it; with it nothing with a mark is left, and the rest is untouched', async () => {
  const foreign = { east: await everything('east'), west: await everything('west') }
  await verb('deploy', stackFile, '--site', 'east')
  await verb('replicate', 'shop')
  expect(await addressByName('192.0.2.54')).not.toBe('')
  for (const site of siteNames) expect((await marked(site)).length, site).toBeGreaterThan(10)

  const before = { east: await everything('east'), west: await everything('west') }
  for (const argv of [[], ['--consent', 'shopp']]) {
    const ran = await lifeboat(['destroy', 'shop', ...argv])
    expect(ran).toMatchObject({ exit: 3, stderr: expect.stringContaining('--consent shop') })
  }
  expect({ east: await everything('east'), west: await everything('west') }).toEqual(before)
  expect(await statusAtClient('/api/healthz')).toBe('200')

  await verb('destroy', 'shop', '--consent', 'shop')
  for (const site of siteNames) expect(await marked(site), site).toEqual([])
  expect({ east: await everything('east'), west: await everything('west') }).toEqual(foreign)
  expect(await addressByName('192.0.2.54')).toBe('')
  await eventually('the resolver has forgotten the name', async () => (await addressByName()) === '')
})
