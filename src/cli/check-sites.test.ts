import { expect, test } from 'vitest'
import { parseStack } from '../stack/parse.ts'
import { formatProblem } from '../stack/problem.ts'
import { parseSites } from '../state/sites.ts'
import { sitesProblems } from './check-sites.ts'

const stackText = `lifeboat: 1
stack: wiki
segments: { front: [10.20.1.0/24, fd00:20:1::/64], web: 10.20.2.0/24 }
machines: { web: { image: x, segment: web } }
appliances:
  fw: { firewall: { inside: [front], rules: [{ allow: tcp/80, from: anyone, to: pages }] } }
  lb: { load-balancer: { services: { pages: { listen: front:80, pool: web:80 } } } }
  nat: { nat: { inside: [web], reaches: [ldap, time] } }
services:
  ldap: { port: tcp/389 }
  time: { port: udp/123 }
ingress:
  wiki.example.com: { to: pages, by: [dns, bgp], prefix: [203.0.113.0/24, 2001:db8:100::/48] }
protect: { standby: west }
`
const site = (name: string, more: string) => `  ${name}:
    incus: { socket: /run/incus/unix.socket }
    outside: { bridge: outside, ipv6: true }
    ${more}
`
const bgp =
  'bgp: { as: 64500, route-servers: [10.255.0.1, "2001:db8:ff::1"], firewalls: [198.51.100.0/25, "2001:db8:e::/64"], announce: [203.0.113.0/24, "2001:db8:100::/40"] }'
const dns = 'dns: { server: 192.0.2.54, zone: example.com, key: { name: lifeboat, file: tsig.key } }'
const whole = [bgp, dns, 'services: { ldap: 10.101.0.10, time: 10.101.0.11 }'].join('\n    ')

test('a site that has all of it: nothing to say', () => {
  expect(said(site('east', whole), site('west', whole))).toEqual([])
})

test('what the standby lacks is a warning, what the only other site lacks an error; each at its place, with what to do', () => {
  const less = [bgp.replace(', "2001:db8:100::/40"', ''), dns.replace('example.com', 'example.net')].join('\n    ')
  const services = 'services: { ldap: "2001:db8::10", time: "2001:db8::11" }'
  expect(said(site('east', less), site('west', services))).toEqual([
    'wiki.yaml:10:9: service "ldap" has no address at east',
    'wiki.yaml:11:9: service "time" has no address at east',
    'wiki.yaml:13:75: 2001:db8:100::/48 can not be announced at east: it takes no IPv6 prefix',
    'wiki.yaml:13:21: wiki.example.com is not in the zone example.net that east may update',
    'wiki.yaml:11:9: warning: service "time" is at an IPv6 address at west, and its datagrams would have to be translated to get there',
    'wiki.yaml:13:59: warning: west has no route servers to announce 203.0.113.0/24 to',
    'wiki.yaml:13:75: warning: west has no route servers to announce 2001:db8:100::/48 to',
    'wiki.yaml:13:21: warning: west has no DNS server for wiki.example.com',
  ])
})

test('where another site has all of it, the stack can be deployed there', () => {
  expect(said(site('east', dns), site('west', whole), site('north', whole))).toContain(
    'wiki.yaml:10:9: warning: service "ldap" has no address at east',
  )
})

test('a standby that is in no site file', () => {
  expect(said(site('east', whole), site('north', whole))).toEqual([
    'wiki.yaml:14:21: the standby "west" is not in the site file',
  ])
})

/** The first line of each: every one has a hint below. */
function said(...sites: readonly string[]): readonly string[] {
  const { stack, locate, problems } = parseStack(stackText, 'wiki.yaml')
  const read = parseSites(`lifeboat-sites: 1\nsites:\n${sites.join('')}`)
  if (stack === undefined || read.sites === undefined) throw new Error(JSON.stringify([...problems, ...read.problems]))
  const found = sitesProblems(stack, read.sites, locate)
  for (const each of found) expect(each.hint, each.what).toBeDefined()
  return found.map((each) => formatProblem(each).split('\n')[0] ?? '')
}
