import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { checkNftables } from '../../test/golden-tools.ts'
import { replaceTree, treeOf } from '../../test/golden-tree.ts'
import { parseStack } from '../stack/parse.ts'
import { type Border, compileBorder, type DrilledService } from './border.ts'
import { compile } from './compile.ts'
import type { Compiled } from './compiled.ts'

/** The border of the reference stack is in test/golden/shop/border, to the byte; UPDATE_GOLDEN=1 writes it anew. */
const golden = join(import.meta.dirname, '../../test/golden/shop')
const scratch = mkdtempSync(join(tmpdir(), 'lifeboat-border-'))
afterAll(() => rmSync(scratch, { recursive: true }))

const ldap: DrilledService = { name: 'ldap', protocol: 'tcp', port: 389, drill: 'allow', address: '10.102.0.30' }
const billing: DrilledService = { name: 'billing', protocol: 'tcp', port: 5432, drill: 'deny', address: '10.102.0.40' }

test('is rendered as before', () => {
  const rendered = Object.fromEntries(border([billing, ldap]).files.map(({ path, text }) => [path.slice(1), text]))
  if (process.env.UPDATE_GOLDEN === '1') replaceTree(join(golden, 'border'), rendered)
  expect(rendered).toEqual(treeOf(join(golden, 'border')))
})

test.each([
  ['a service is allowed and one denied', [billing, ldap]],
  ['all are denied', [billing, { ...ldap, drill: 'deny' as const }]],
  ['both are at one address', [{ ...billing, address: ldap.address }, ldap]],
  ['one is a stub', [billing, { ...ldap, drill: { stub: 'directory' } }]],
])('nft takes the rules where %s', (_, services) => {
  expect(checkNftables(rulesOf(border(services)), scratch)).toBe('')
})

test('no leg leads out of a bubble in which nothing is allowed', () => {
  const closed = border([billing, { ...ldap, drill: 'deny' }])
  expect(closed.site_leg).toBe(false)
  expect(closed.files.map(({ path }) => path)).not.toContain('/etc/systemd/network/10-site.network')
  expect(rulesOf(closed)).not.toContain('"site"')
})

test('what leaves by the leg that leads out is the allowed service and nothing else', () => {
  const lines = rulesOf(border([billing, ldap]))
    .split('\n')
    .filter((line) => line.includes('oifname "site"') && line.includes('accept'))
  expect(lines).toHaveLength(2)
  expect(lines[0]).toContain('ip daddr 10.102.0.30 tcp dport 389')
  expect(lines[1]).toContain('udp sport 68 udp dport 67')
})

test('a stub has the address of the service by DHCP, and the border has not', () => {
  const stubbed = border([billing, { ...ldap, drill: { stub: 'directory' } }])
  expect(stubbed.services?.stubs).toMatchObject([{ instance: 'stub-ldap', image: 'directory', address: ldap.address }])
  expect(fileOf(stubbed, '/etc/dnsmasq.conf')).toMatch(/dhcp-host=02:[0-9a-f:]+,10\.102\.0\.30,stub-ldap,infinite/)
  expect(fileOf(stubbed, '/etc/systemd/network/10-services.network')).not.toContain(ldap.address)
})

test('a stack with IPv6 has it outside too: the firewall makes its address there, and the name leads to it', () => {
  const dual = border([billing, ldap], join(golden, '../dual-stack'))
  expect(checkNftables(rulesOf(dual), scratch)).toBe('')
  // RFC 4291 appendix A: 02:cb:cc:c4:42:8f in the prefix that is advertised.
  expect(dual.outside.ipv6).toMatchObject({
    address: '2001:db8:ffff:d::1',
    leases: [{ instance: 'fw', address: '2001:db8:ffff:d:cb:ccff:fec4:428f' }],
  })
  const names = fileOf(dual, '/etc/dnsmasq.conf')
  expect(names).toContain('host-record=shop.example.com,198.18.0.11,2001:db8:ffff:d:cb:ccff:fec4:428f')
  expect(names).toContain('dhcp-range=2001:db8:ffff:d::,ra-only,64')
  const outside = fileOf(dual, '/etc/systemd/network/10-outside.network')
  expect(outside).toContain('Destination=fd00:10:1::/64\nGateway=2001:db8:ffff:d:cb:ccff:fec4:428f')
  // The leg that leads out has no IPv6 at all.
  expect(fileOf(dual, '/etc/systemd/network/10-site.network')).toContain('LinkLocalAddressing=no')
})

test('an address of the stack’s own is behind the firewall here too: the name leads to it, and the border by a route', () => {
  const own = compileBorder({
    compiled: compiled([], join(golden, '../own-prefix')),
    services: [],
    names: [{ name: 'wiki.example.com', appliance: 'fw', own: ['203.0.113.17'] }],
    announced: [{ prefix: '203.0.113.16/28', by: 'fw' }],
  })
  expect(fileOf(own, '/etc/dnsmasq.conf')).toContain('host-record=wiki.example.com,203.0.113.17\n')
  const network = fileOf(own, '/etc/systemd/network/10-outside.network')
  expect(network).toContain('Destination=203.0.113.16/28\nGateway=198.18.0.11\n')
})

test('a service at an IPv6 address is on the bubble’s services network too, and only the allowed one leaves', () => {
  const services: DrilledService[] = [
    { ...ldap, address: '2001:db8:102::30' },
    { ...billing, address: '2001:db8:102::40' },
  ]
  const six = compileBorder({
    compiled: compiled(services, join(golden, '../services6')),
    services,
    names: [],
    announced: [],
  })
  expect(checkNftables(rulesOf(six), scratch)).toBe('')
  const lines = rulesOf(six).split('\n')
  const leaving = lines.filter((line) => line.includes('oifname "site"') && line.includes('left_'))
  expect(leaving).toEqual([
    '    iifname "services" oifname "site" ip6 saddr { 2001:db8:102::/64 } ip6 daddr 2001:db8:102::30 tcp dport 389 counter name left_ldap accept',
  ])
  expect(rulesOf(six)).toContain(
    'ip6 daddr 2001:db8:102::40 tcp dport 5432 meta l4proto tcp counter name denied_billing',
  )
  const names = fileOf(six, '/etc/dnsmasq.conf')
  expect(names).toContain('dhcp-range=set:services,2001:db8:102::,static,64,infinite\nra-param=services,0,0\n')
  expect(names).toMatch(/dhcp-host=02:[0-9a-f:]+,198\.19\.0\.\d+,\[2001:db8:102:0:ffff:ffff:ffff:fffd\],nat,infinite/)
  const network = fileOf(six, '/etc/systemd/network/10-services.network')
  expect(network).toContain('Address=2001:db8:102::40/128\n')
  expect(network).toContain('IPv6ProxyNDP=yes\nIPv6ProxyNDPAddress=2001:db8:102::30\n')
  expect(fileOf(six, '/etc/systemd/network/10-site.network')).toContain('To=2001:db8:102::30/128\n')
  expect(fileOf(six, '/etc/sysctl.d/90-lifeboat.conf')).toContain('net.ipv6.conf.all.forwarding = 1\n')
})

test('services far apart are on one link all the same, and nobody else gets their addresses', () => {
  const wide = border([{ ...billing, address: '10.101.255.254' }, ldap])
  expect(wide.services?.prefix.bits).toBe(14)
  const given = [wide.services?.address, ...(wide.services?.leases ?? []).map((lease) => lease.address)]
  expect(given).not.toContain(ldap.address)
  expect(new Set(given).size).toBe(given.length)
})

function compiled(services: readonly DrilledService[], folder: string): Compiled {
  const { stack } = parseStack(readFileSync(join(folder, 'stack.yaml'), 'utf8'), 'stack.yaml')
  if (stack === undefined) throw new Error(`${folder} has problems`)
  const facts = { site: 'west', services: Object.fromEntries(services.map(({ name, address }) => [name, address])) }
  return compile(stack, facts)
}

function border(services: readonly DrilledService[], folder = golden): Border {
  return compileBorder({
    compiled: compiled(services, folder),
    services,
    names: [{ name: 'shop.example.com', appliance: 'fw', own: [], ipv6: true }],
    announced: [],
  })
}

const rulesOf = (of: Border): string => fileOf(of, '/etc/nftables.conf')

function fileOf(of: Border, path: string): string {
  const found = of.files.find((file) => file.path === path)
  if (found === undefined) throw new Error(`the border has no ${path}`)
  return found.text
}
