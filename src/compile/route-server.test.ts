import { expect, test } from 'vitest'
import type { BgpFacts } from './compiled.ts'
import { isAnnounceable, routeServerConf } from './route-server.ts'

const ebgp: BgpFacts = {
  as: 64_500,
  local_as: 65_010,
  route_servers: ['10.255.0.1', '10.255.0.2'],
  hops: 2,
  firewalls: ['198.51.100.0/25'],
  announce: ['203.0.113.0/24', '192.0.2.0/28'],
  max_length: 28,
  max_length6: 48,
  max_prefixes: 8,
  hold_s: 6,
  password: '3fa2',
}

test('EBGP over a router in between, for FRR', () => {
  expect(
    routeServerConf('east', ebgp, 'frr', 'open-sesame'),
  ).toBe(`! For the route servers of east: 10.255.0.1 and 10.255.0.2, AS 64500, EBGP from AS 65010.
! Firewalls of stacks call; the route servers never do.
!
ip prefix-list lifeboat seq 5 permit 203.0.113.0/24 le 28
ip prefix-list lifeboat seq 10 permit 192.0.2.0/28
!
route-map lifeboat-in permit 10
 match ip address prefix-list lifeboat
!
route-map lifeboat-out deny 10
!
router bgp 64500
 neighbor lifeboat peer-group
 neighbor lifeboat remote-as 65010
 neighbor lifeboat timers 2 6
 neighbor lifeboat password open-sesame
 neighbor lifeboat ttl-security hops 2
 neighbor lifeboat disable-connected-check
 neighbor lifeboat graceful-restart-disable
 bgp listen limit 100
 bgp listen range 198.51.100.0/25 peer-group lifeboat
 address-family ipv4 unicast
  neighbor lifeboat activate
  neighbor lifeboat route-map lifeboat-in in
  neighbor lifeboat route-map lifeboat-out out
  neighbor lifeboat maximum-prefix 8
 exit-address-family
exit
`)
})

test('IBGP reflects and trusts no TTL; the password is never in it unasked', () => {
  const text = routeServerConf('east', { ...ebgp, local_as: 64_500 }, 'ios')
  expect(text).toContain(' neighbor lifeboat remote-as 64500\n')
  expect(text).toContain('  neighbor lifeboat route-reflector-client\n')
  expect(text).not.toMatch(/ttl-security|connected-check|graceful|^ neighbor lifeboat password/m)
  expect(text).toContain('--password puts it in')
  expect(routeServerConf('east', { ...ebgp, password: undefined }, 'frr')).toContain('names no password')
})

test.each([
  ['203.0.113.16/28', true],
  ['203.0.113.0/24', true],
  ['203.0.113.16/29', false],
  ['203.0.112.0/23', false],
  ['203.0.114.0/28', false],
  ['192.0.2.0/28', true],
])('%s can be announced: %s', (prefix, expected) => {
  expect(isAnnounceable(prefix, ebgp)).toBe(expected)
})
