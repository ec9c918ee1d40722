import { expect, test } from 'vitest'
import { parseSites } from './sites.ts'

const good = `lifeboat-sites: 1
sites:
  east:
    incus: { socket: /run/incus/unix.socket }
    outside: { bridge: outside }
    services: { ldap: 10.101.0.10 }
    dns: { server: 192.0.2.54, zone: example.com, key: { name: lifeboat, file: pki/tsig.key } }
  west:
    incus: { url: https://172.16.2.2:8443, client-certificate: c.crt, client-key: c.key, server-certificate: w.crt }
    replication-url: https://172.16.0.2:8443
    pool: fast
    outside: { bridge: br0, ipv6: true }
    services-network: { bridge: br1 }
clients:
  client: { run: [ssh, client], resolver: 192.0.2.53 }
`

test('a site file, with what a reader would have guessed filled in', () => {
  const { sites, problems } = parseSites(good)
  expect(problems).toEqual([])
  expect(sites?.sites.map((site) => [site.name, site.pool, site.engine.by])).toEqual([
    ['east', 'default', 'socket'],
    ['west', 'fast', 'https'],
  ])
  expect(sites?.sites[0]?.dns).toMatchObject({ port: 53, key: { algorithm: 'hmac-sha256' } })
  expect(sites?.sites[1]).toMatchObject({ services: {}, services_bridge: 'br1', dns: undefined })
  expect(sites?.sites.map((site) => site.outside_ipv6)).toEqual([false, true])
  expect(sites?.clients).toEqual([
    { name: 'client', run: ['ssh', 'client'], resolver: '192.0.2.53', ipv6: false, ca: undefined },
  ])
})

const bgp =
  'bgp: { as: 64500, route-servers: [10.255.0.1, 10.255.0.2], firewalls: 198.51.100.0/25, announce: [203.0.113.0/24] }'
const withBgp = good.replace('  west:\n', `    ${bgp}\n  west:\n`)

test('BGP of a site, IBGP where no other AS is named', () => {
  const { sites, problems } = parseSites(withBgp)
  expect(problems).toEqual([])
  expect(sites?.sites[0]?.bgp).toMatchObject({ as: 64_500, local_as: 64_500, hops: 1, max_length: 24, hold_s: 6 })
})

const bgp6 = bgp
  .replace('10.255.0.2]', '10.255.0.2, 2001:db8:ff::1]')
  .replace('198.51.100.0/25', '[198.51.100.0/25, 2001:db8:e::/64]')
  .replace('203.0.113.0/24]', '203.0.113.0/24, 2001:db8:100::/40]')
const withBgp6 = good
  .replace('    outside: { bridge: outside }\n', '    outside: { bridge: outside, ipv6: true }\n')
  .replace('  west:\n', `    ${bgp6}\n  west:\n`)

test('BGP of both families, and a service at an IPv6 address however it is written', () => {
  const { sites, problems } = parseSites(withBgp6.replace('ldap: 10.101.0.10', 'ldap: 2001:DB8:101:0::10'))
  expect(problems).toEqual([])
  expect(sites?.sites[0]?.bgp).toMatchObject({
    firewalls: ['198.51.100.0/25', '2001:db8:e::/64'],
    max_length6: 48,
  })
  expect(sites?.sites[0]?.services).toEqual({ ldap: '2001:db8:101::10' })
})

test.each([
  [
    'an IPv6 range without a session to go by',
    withBgp6.replace(', 2001:db8:ff::1]', ']'),
    'bgp.announce.1: 2001:db8:100::/40 has no session to go by: no route server has an IPv6 address',
  ],
  [
    'an IPv6 range, and no IPv6 addresses of firewalls',
    withBgp6.replace(', 2001:db8:e::/64]', ']'),
    'bgp.firewalls: 2001:db8:100::/40 has no session to go by: firewalls have no IPv6 prefix here',
  ],
  [
    'an IPv6 range where there is no IPv6',
    withBgp6.replace('bridge: outside, ipv6: true', 'bridge: outside'),
    'bgp.announce.1: 2001:db8:100::/40 could be routed to no firewall: the outside network has no IPv6',
  ],
  [
    'an IPv6 range that is too long',
    withBgp6.replace('2001:db8:100::/40', '2001:db8:100::/56'),
    'bgp.announce.1: 2001:db8:100::/56 is longer than max-length-ipv6 48',
  ],
  [
    'two prefixes of one family for firewalls',
    withBgp6.replace('[198.51.100.0/25,', '[198.51.100.0/25, 198.51.100.128/25,'),
    'bgp.firewalls: is one prefix of a family, and there are more of IPv4',
  ],
])('%s is a problem', (_, text, what) => {
  expect(parseSites(text).problems.map((each) => each.what)).toContainEqual(expect.stringContaining(what))
})

test.each([
  ['a bad address', good.replace('10.101.0.10', '10.101.0'), 6, 'sites.east.services.ldap'],
  [
    'two addresses of a service',
    good.replace('ldap: 10.101.0.10', 'ldap: [10.101.0.10, "2001:db8:101::10"]'),
    6,
    'sites.east.services.ldap: is one address: of a service that has both, the IPv4 one',
  ],
  [
    'plain HTTP',
    good.replace('https://172.16.2.2', 'http://172.16.2.2'),
    9,
    'sites.west.incus.url: needs an address such as https://',
  ],
  ['a missing key', good.replace('    outside: { bridge: br0, ipv6: true }\n', ''), 9, 'sites.west.outside'],
  ['an AS of nobody', withBgp.replace('as: 64500', 'as: 23456'), 8, 'sites.east.bgp.as: is reserved'],
  [
    'an AS that is no number',
    withBgp.replace('as: 64500', 'as: AS64500'),
    8,
    'sites.east.bgp.as: an AS number is 1 to',
  ],
  ['an AS beyond all', withBgp.replace('as: 64500', 'as: 70000000000'), 8, 'sites.east.bgp.as: an AS number is 1 to'],
  ['no AS', withBgp.replace('as: 64500, ', ''), 8, 'sites.east.bgp.as: an AS number is 1 to'],
  [
    'three route servers',
    withBgp.replace('[10.255.0.1', '[10.255.0.3, 10.255.0.1'),
    8,
    'sites.east.bgp.route-servers: needs one or two',
  ],
  ['host bits in a range', withBgp.replace('203.0.113.0/24]', '203.0.113.1/24]'), 8, 'the network is 203.0.113.0/24'],
  [
    'a range of which nothing may be announced',
    withBgp.replace('203.0.113.0/24]', '203.0.113.0/28]'),
    8,
    'sites.east.bgp.announce.0: 203.0.113.0/28 is longer than max-length 24',
  ],
  ['an unknown key', good.replace('pool:', 'pol:'), 11, 'sites.west.pol: there is no such key'],
  ['no site at all', 'lifeboat-sites: 1\nsites: {}\n', 2, 'sites: names no site'],
  ['something binary', '\u007fELF\0\0', 1, 'not UTF-8 text'],
  ['what is far too large', `# ${'x'.repeat(2 ** 20)}`, 1, 'larger than 1048576 bytes'],
  ['what is nested without end', `a: ${'['.repeat(20_000)}`, undefined, ''],
  [
    'aliases that unfold without end',
    `a: &a [x]\n${[...'bcdefgh'].map((name, at) => `${name}: &${name} [${`*${'abcdefg'[at]},`.repeat(9)}]`).join('\n')}\n`,
    1,
    'write the values out',
  ],
  ['another version', good.replace('lifeboat-sites: 1', 'lifeboat-sites: 2'), 1, 'lifeboat-sites'],
  ['a name that is none', good.replace('west:', 'West Side:'), undefined, 'a site name is a DNS label'],
  ['no YAML', 'sites: [', undefined, ''],
] as const)('%s is told with its place', (_, text, line, what) => {
  const { sites, problems } = parseSites(text)
  expect(sites).toBeUndefined()
  expect(problems.map((each) => each.what).join('\n')).toContain(what)
  expect(problems[0]?.line).toBeGreaterThan(0)
  if (line !== undefined) expect(problems.map((each) => each.line)).toContain(line)
})

test('all problems are told at once', () => {
  const { problems } = parseSites(good.replace('10.101.0.10', 'x').replace('192.0.2.54', 'y'))
  expect(problems).toHaveLength(2)
})
