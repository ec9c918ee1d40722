import { containsCidr, overlapCidr } from 'cidr-tools'
import { expect, test } from 'vitest'
import { type LinkEnd, nodeNames, topology } from './topology.ts'

const ends: readonly (LinkEnd | { node: string; name: string; address?: string })[] = [
  ...topology.bridges,
  ...topology.links.flatMap((link): readonly LinkEnd[] => link.ends),
]

test('every end of a cable is at a node, under a name of its own that the kernel takes', () => {
  for (const { node, name } of ends) {
    expect(nodeNames).toContain(node)
    expect(name.length).toBeLessThanOrEqual(15)
  }
  const names = ends.map(({ node, name }) => `${node}/${name}`)
  expect(names).toEqual([...new Set(names)])
})

test('a cable ends at a port of a bridge or has an address there', () => {
  for (const { ends: both } of topology.links) {
    for (const end of both as readonly LinkEnd[]) {
      expect(
        [end.bridge !== undefined, end.address !== undefined].filter(Boolean),
        `${end.node}/${end.name}`,
      ).toHaveLength(1)
      if (end.bridge !== undefined)
        expect(topology.bridges).toContainEqual(expect.objectContaining({ node: end.node, name: end.bridge }))
    }
  }
})

/** The route servers have the same addresses at every site. */
const twin = '10.255.0.0/24'

test('no address is used twice, and none is in a DHCP pool', () => {
  const all = ends.flatMap(({ address }) => (address === undefined ? [] : [address.split('/')[0]!]))
  const addresses = all.filter((address) => !containsCidr(twin, address))
  expect(addresses).toEqual([...new Set(addresses)])
  const value = (address: string): number => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
  for (const { from, to } of topology.dhcp) {
    for (const address of addresses)
      expect(value(address) >= value(from) && value(address) <= value(to), address).toBe(false)
  }
})

test('a route goes by a neighbour', () => {
  for (const node of nodeNames) {
    const own = ends.flatMap((end) => (end.node === node && end.address !== undefined ? [end.address] : []))
    for (const { via } of topology.nodes[node].routes)
      expect(
        own.some((network) => containsCidr(network, via)),
        `${node} ${via}`,
      ).toBe(true)
  }
})

test('an IPv6 route goes by a neighbour, and what a site advertises is on its outside cable', () => {
  const own = (node: string) =>
    ends.flatMap((end) => (end.node === node && 'address6' in end && end.address6 !== undefined ? [end.address6] : []))
  for (const node of nodeNames) {
    const found = topology.nodes[node]
    for (const { via } of 'routes6' in found ? found.routes6 : [])
      expect(
        own(node).some((network) => containsCidr(network, via)),
        `${node} ${via}`,
      ).toBe(true)
  }
  for (const dhcp of topology.dhcp)
    if ('advertises' in dhcp)
      expect(own(dhcp.node).some((network) => containsCidr(network, dhcp.advertises))).toBe(true)
})

test('what is central is at another address at each site, in networks that do not meet', () => {
  const { east, west } = topology.sites
  expect(east.ldap).not.toBe(west.ldap)
  expect(east.billing).not.toBe(west.billing)
  expect(overlapCidr(east.services, west.services)).toBe(false)
  for (const site of [east, west]) expect(containsCidr(site.services, [site.ldap, site.billing])).toBe(true)
})
