import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compile } from '../src/compile/compile.ts'
import type { SiteFacts } from '../src/compile/compiled.ts'
import { parseStack } from '../src/stack/parse.ts'
import type { Stack } from '../src/stack/stack.ts'
import { checkHaproxy, checkNftables, makeCertificate } from './golden-tools.ts'
import { renderedFiles, replaceTree, treeOf } from './golden-tree.ts'

/**
 * What the compiler makes of each test/golden/CASE/stack.yaml is in CASE/rendered, to the byte, and the programs that
 * will read it take it. `UPDATE_GOLDEN=1 npx vitest run test/golden` writes it anew: read the difference before commit.
 */
const GOLDEN = join(import.meta.dirname, 'golden')
const cases = readdirSync(GOLDEN, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
/** Where sites are said to be in one of the cases: a NAT box differs from site to site. */
const FACTS = { site: 'east', services: { ldap: '10.101.0.10', billing: '10.101.0.20' } }
/** Route servers behind the site's edge, which take EBGP. */
const WITH_BGP: SiteFacts = {
  ...FACTS,
  bgp: {
    as: 64_500,
    local_as: 65_010,
    route_servers: ['10.255.0.1', '10.255.0.2', '2001:db8:ff::1', '2001:db8:ff::2'],
    hops: 2,
    firewalls: ['198.51.100.0/25', '2001:db8:e::/64'],
    announce: ['203.0.113.0/24', '2001:db8:100::/40'],
    max_length: 28,
    max_length6: 48,
    max_prefixes: 8,
    hold_s: 6,
    password: '3fa2',
  },
}
const KNOWN: Readonly<Record<string, SiteFacts>> = {
  shop: FACTS,
  'own-prefix': WITH_BGP,
  'own-prefix-both': WITH_BGP,
  'own-prefix6': WITH_BGP,
  services6: { site: 'east', services: { ldap: '2001:db8:101::10', billing: '10.101.0.20' } },
}

const scratch = mkdtempSync(join(tmpdir(), 'lifeboat-golden-'))
beforeAll(() => makeCertificate(scratch))
afterAll(() => rmSync(scratch, { recursive: true }))

test('there are cases', () => {
  expect(cases.length).toBeGreaterThanOrEqual(9)
})

describe.each(cases)('%s', (name) => {
  const stack = read(name)
  const compiled = compile(stack, KNOWN[name])
  const files = compiled.instances.flatMap((instance) => (instance.kind === 'appliance' ? instance.files : []))

  test('is rendered as before', () => {
    const rendered = renderedFiles(compiled)
    if (process.env.UPDATE_GOLDEN === '1') replaceTree(join(GOLDEN, name, 'rendered'), rendered)
    expect(rendered).toEqual(treeOf(join(GOLDEN, name, 'rendered')))
  })

  test('nft takes every ruleset', () => {
    const rulesets = files.filter(({ path }) => path === '/etc/nftables.conf')
    expect(rulesets.length).toBe(compiled.instances.filter(({ kind }) => kind === 'appliance').length)
    for (const { text } of rulesets) expect(checkNftables(text, scratch)).toBe('')
  })

  test('haproxy takes every configuration', () => {
    const secrets = stack.secrets.map((secret) => secret.name)
    const configurations = files.filter(({ path }) => path === '/etc/haproxy/haproxy.cfg')
    // A firewall has one where a rule lets clients in over IPv6, and no prefix is routed to it; a NAT box for services.
    const proxies = compiled.flows6.filter(
      ({ from, protocol, by, address }) => protocol === 'tcp' && address === undefined && isOutside(stack, from, by),
    )
    const at6 = Object.entries(KNOWN[name]?.services ?? {}).flatMap(([each, where]) =>
      where.includes(':') ? each : [],
    )
    const boxes = stack.nats.filter(({ reaches }) => reaches.some((each) => at6.includes(each)))
    expect(configurations.length).toBe(
      stack.load_balancers.length + new Set(proxies.map(({ by }) => by)).size + boxes.length,
    )
    for (const { text } of configurations) expect(checkHaproxy(text, secrets, scratch)).toBe('')
  })
})

test('without facts a NAT box differs in its ruleset only', () => {
  const stack = read('shop')
  const [known, unknown] = [compile(stack, FACTS), compile(stack)].map(renderedFiles)
  const different = Object.keys(known ?? {}).filter((path) => known?.[path] !== unknown?.[path])
  expect(different).toEqual(['nat/etc/nftables.conf'])
})

function isOutside(stack: Stack, from: string, by: string): boolean {
  const firewall = stack.firewalls.some((each) => each.name === by)
  return (
    firewall && (from === 'anyone' || (from.includes('/') && !stack.segments.some((each) => each.prefix6 === from)))
  )
}

function read(name: string): Stack {
  const { stack, problems } = parseStack(readFileSync(join(GOLDEN, name, 'stack.yaml'), 'utf8'), 'stack.yaml')
  if (stack === undefined) throw new Error(`golden case ${name}: ${JSON.stringify(problems)}`)
  return stack
}
