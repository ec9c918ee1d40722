/** The physical world of the lab as data: who is there, how they are cabled, which addresses they have. */
export const topology = {
  nodes: {
    internet: {
      kind: 'router',
      routes: [
        { to: '198.51.100.0/25', via: '100.64.1.2' },
        { to: '198.51.100.128/25', via: '100.64.2.2' },
      ],
      routes6: [
        { to: '2001:db8:e::/64', via: '2001:db8:0:1::2' },
        { to: '2001:db8:f::/64', via: '2001:db8:0:2::2' },
      ],
    },
    client: {
      kind: 'host',
      routes: [{ to: 'default', via: '192.0.2.1' }],
      routes6: [{ to: '::/0', via: '2001:db8::1' }],
    },
    resolver: { kind: 'host', routes: [{ to: 'default', via: '192.0.2.1' }] },
    dns: { kind: 'host', routes: [{ to: 'default', via: '192.0.2.1' }] },
    ops: { kind: 'host', routes: [{ to: 'default', via: '192.0.2.1' }] },
    'east-edge': {
      kind: 'router',
      routes: [{ to: 'default', via: '100.64.1.1' }],
      routes6: [{ to: '::/0', via: '2001:db8:0:1::1' }],
    },
    'west-edge': {
      kind: 'router',
      routes: [{ to: 'default', via: '100.64.2.1' }],
      routes6: [{ to: '::/0', via: '2001:db8:0:2::1' }],
    },
    'east-rs1': {
      kind: 'host',
      routes: [{ to: 'default', via: '10.255.0.254' }],
      routes6: [{ to: '::/0', via: '2001:db8:ff::fe' }],
    },
    'east-rs2': {
      kind: 'host',
      routes: [{ to: 'default', via: '10.255.0.254' }],
      routes6: [{ to: '::/0', via: '2001:db8:ff::fe' }],
    },
    'west-rs1': {
      kind: 'host',
      routes: [{ to: 'default', via: '10.255.0.254' }],
      routes6: [{ to: '::/0', via: '2001:db8:ff::fe' }],
    },
    'west-rs2': {
      kind: 'host',
      routes: [{ to: 'default', via: '10.255.0.254' }],
      routes6: [{ to: '::/0', via: '2001:db8:ff::fe' }],
    },
    'east-svc': { kind: 'host', routes: [] },
    'east-ldap': { kind: 'host', routes: [] },
    'east-billing': { kind: 'host', routes: [] },
    'west-svc': { kind: 'host', routes: [] },
    'west-ldap': { kind: 'host', routes: [] },
    'west-billing': { kind: 'host', routes: [] },
    east: { kind: 'site', routes: [{ to: 'default', via: '172.16.1.1' }] },
    west: { kind: 'site', routes: [{ to: 'default', via: '172.16.2.1' }] },
  },

  bridges: [
    { node: 'internet', name: 'core', address: '192.0.2.1/24', address6: '2001:db8::1/64' },
    // The network of the route servers is the same at both sites, and known at each site alone.
    { node: 'east-edge', name: 'rs', address: '10.255.0.254/24', address6: '2001:db8:ff::fe/64' },
    { node: 'west-edge', name: 'rs', address: '10.255.0.254/24', address6: '2001:db8:ff::fe/64' },
    { node: 'east', name: 'outside' },
    { node: 'east', name: 'services' },
    { node: 'west', name: 'outside' },
    { node: 'west', name: 'services' },
  ],

  // The first end is where the cable is made; an end with `bridge` is a port of that bridge and has no address.
  links: [
    {
      ends: [
        { node: 'internet', name: 'client', bridge: 'core' },
        { node: 'client', name: 'eth0', address: '192.0.2.10/24', address6: '2001:db8::10/64' },
      ],
    },
    {
      ends: [
        { node: 'internet', name: 'resolver', bridge: 'core' },
        { node: 'resolver', name: 'eth0', address: '192.0.2.53/24' },
      ],
    },
    {
      ends: [
        { node: 'internet', name: 'dns', bridge: 'core' },
        { node: 'dns', name: 'eth0', address: '192.0.2.54/24' },
      ],
    },
    {
      ends: [
        { node: 'internet', name: 'ops', bridge: 'core' },
        { node: 'ops', name: 'eth0', address: '192.0.2.100/24' },
      ],
    },

    {
      ends: [
        { node: 'internet', name: 'east-edge', address: '100.64.1.1/30', address6: '2001:db8:0:1::1/64' },
        { node: 'east-edge', name: 'uplink', address: '100.64.1.2/30', address6: '2001:db8:0:1::2/64' },
      ],
    },
    {
      ends: [
        { node: 'internet', name: 'west-edge', address: '100.64.2.1/30', address6: '2001:db8:0:2::1/64' },
        { node: 'west-edge', name: 'uplink', address: '100.64.2.2/30', address6: '2001:db8:0:2::2/64' },
      ],
    },
    {
      ends: [
        { node: 'internet', name: 'east-mgmt', address: '172.16.1.1/30' },
        { node: 'east', name: 'mgmt', address: '172.16.1.2/30' },
      ],
    },
    {
      ends: [
        { node: 'internet', name: 'west-mgmt', address: '172.16.2.1/30' },
        { node: 'west', name: 'mgmt', address: '172.16.2.2/30' },
      ],
    },

    {
      ends: [
        { node: 'east', name: 'edge', bridge: 'outside' },
        { node: 'east-edge', name: 'outside', address: '198.51.100.1/25', address6: '2001:db8:e::1/64' },
      ],
    },
    {
      ends: [
        { node: 'west', name: 'edge', bridge: 'outside' },
        { node: 'west-edge', name: 'outside', address: '198.51.100.129/25', address6: '2001:db8:f::1/64' },
      ],
    },
    {
      ends: [
        { node: 'east-edge', name: 'rs1', bridge: 'rs' },
        { node: 'east-rs1', name: 'eth0', address: '10.255.0.1/24', address6: '2001:db8:ff::1/64' },
      ],
    },
    {
      ends: [
        { node: 'east-edge', name: 'rs2', bridge: 'rs' },
        { node: 'east-rs2', name: 'eth0', address: '10.255.0.2/24', address6: '2001:db8:ff::2/64' },
      ],
    },
    {
      ends: [
        { node: 'west-edge', name: 'rs1', bridge: 'rs' },
        { node: 'west-rs1', name: 'eth0', address: '10.255.0.1/24', address6: '2001:db8:ff::1/64' },
      ],
    },
    {
      ends: [
        { node: 'west-edge', name: 'rs2', bridge: 'rs' },
        { node: 'west-rs2', name: 'eth0', address: '10.255.0.2/24', address6: '2001:db8:ff::2/64' },
      ],
    },
    {
      ends: [
        { node: 'east', name: 'svc', bridge: 'services' },
        { node: 'east-svc', name: 'eth0', address: '10.101.0.1/24', address6: '2001:db8:101::1/64' },
      ],
    },
    {
      ends: [
        { node: 'east', name: 'ldap', bridge: 'services' },
        { node: 'east-ldap', name: 'eth0', address: '10.101.0.10/24', address6: '2001:db8:101::10/64' },
      ],
    },
    {
      ends: [
        { node: 'east', name: 'billing', bridge: 'services' },
        { node: 'east-billing', name: 'eth0', address: '10.101.0.20/24' },
      ],
    },
    {
      ends: [
        { node: 'west', name: 'svc', bridge: 'services' },
        { node: 'west-svc', name: 'eth0', address: '10.102.0.1/24', address6: '2001:db8:102::1/64' },
      ],
    },
    {
      ends: [
        { node: 'west', name: 'ldap', bridge: 'services' },
        { node: 'west-ldap', name: 'eth0', address: '10.102.0.30/24', address6: '2001:db8:102::30/64' },
      ],
    },
    {
      ends: [
        { node: 'west', name: 'billing', bridge: 'services' },
        { node: 'west-billing', name: 'eth0', address: '10.102.0.40/24' },
      ],
    },

    {
      ends: [
        { node: 'east', name: 'wan', address: '172.16.0.1/30' },
        { node: 'west', name: 'wan', address: '172.16.0.2/30' },
      ],
    },
  ],

  dhcp: [
    {
      node: 'east-edge',
      interface: 'outside',
      from: '198.51.100.50',
      to: '198.51.100.99',
      mask: '255.255.255.128',
      router: '198.51.100.1',
      advertises: '2001:db8:e::',
      dns: '192.0.2.53',
    },
    {
      node: 'west-edge',
      interface: 'outside',
      from: '198.51.100.150',
      to: '198.51.100.199',
      mask: '255.255.255.128',
      router: '198.51.100.129',
      advertises: '2001:db8:f::',
      dns: '192.0.2.53',
    },
    {
      node: 'east-svc',
      interface: 'eth0',
      from: '10.101.0.100',
      to: '10.101.0.199',
      mask: '255.255.255.0',
      advertises: '2001:db8:101::',
    },
    {
      node: 'west-svc',
      interface: 'eth0',
      from: '10.102.0.100',
      to: '10.102.0.199',
      mask: '255.255.255.0',
      advertises: '2001:db8:102::',
    },
  ],

  sites: {
    east: {
      management: '172.16.1.2',
      wan: '172.16.0.1',
      ldap: '10.101.0.10',
      ldap6: '2001:db8:101::10',
      billing: '10.101.0.20',
      services: '10.101.0.0/24',
      outside: '198.51.100.0/25',
      outside6: '2001:db8:e::/64',
    },
    west: {
      management: '172.16.2.2',
      wan: '172.16.0.2',
      ldap: '10.102.0.30',
      ldap6: '2001:db8:102::30',
      billing: '10.102.0.40',
      services: '10.102.0.0/24',
      outside: '198.51.100.128/25',
      outside6: '2001:db8:f::/64',
    },
  },

  dns: { zone: 'example.com', server: '192.0.2.54', resolver: '192.0.2.53', key: 'lifeboat', ttl_s: 5 },
  bgp: {
    as: 64500,
    stacks_as: 65010,
    provider_as: 64496,
    route_servers: ['10.255.0.1', '10.255.0.2', '2001:db8:ff::1', '2001:db8:ff::2'],
    announce: ['203.0.113.0/24', '2001:db8:100::/40'],
    max_length: 32,
    max_length6: 48,
  },
  management: { from: '192.0.2.100', networks: ['172.16.1.0/30', '172.16.2.0/30'] },
  people: [
    { uid: 'alice', name: 'Alice Example', password: 'alice-pw' },
    { uid: 'bob', name: 'Bob Example', password: 'bob-pw' },
  ],
  wan_rate: '1gbit',
} as const satisfies Topology

export type NodeName = keyof typeof topology.nodes
export type SiteName = keyof typeof topology.sites
export const siteNames = ['east', 'west'] as const satisfies readonly SiteName[]
export const nodeNames = Object.keys(topology.nodes) as readonly NodeName[]

export function isNode(name: string): name is NodeName {
  return Object.hasOwn(topology.nodes, name)
}

export function isSite(name: string): name is SiteName {
  return Object.hasOwn(topology.sites, name)
}

/** `site`: an Incus server, with the file system of the machine. The others run from the root file system `lab-node`. */
type Node = {
  readonly kind: 'host' | 'router' | 'site'
  readonly routes: readonly Route[]
  readonly routes6?: readonly Route[]
}
type Route = { readonly to: string; readonly via: string }
type Bridge = { readonly node: string; readonly name: string; readonly address?: string; readonly address6?: string }
export type LinkEnd = {
  readonly node: string
  readonly name: string
  readonly address?: string
  readonly address6?: string
  readonly bridge?: string
}
type Link = { readonly ends: readonly [LinkEnd, LinkEnd] }
/** A DHCP server. Without `router` and `dns` its clients are told of neither. */
export type Dhcp = {
  readonly node: string
  readonly interface: string
  readonly from: string
  readonly to: string
  readonly mask: string
  readonly router?: string
  readonly dns?: string
  /** An IPv6 /64 from which its clients make their own address, by router advertisement. */
  readonly advertises?: string
}
type Topology = {
  readonly nodes: Readonly<Record<string, Node>>
  readonly bridges: readonly Bridge[]
  readonly links: readonly Link[]
  readonly dhcp: readonly Dhcp[]
  readonly sites: Readonly<
    Record<
      string,
      {
        readonly management: string
        readonly wan: string
        readonly ldap: string
        readonly ldap6: string
        readonly billing: string
        readonly services: string
        /** Where the outside legs get their addresses. */
        readonly outside: string
        readonly outside6: string
      }
    >
  >
  readonly dns: {
    readonly zone: string
    readonly server: string
    readonly resolver: string
    readonly key: string
    readonly ttl_s: number
  }
  readonly bgp: {
    /** Of the sites; of the stacks; of the network through which clients come. */
    readonly as: number
    readonly stacks_as: number
    readonly provider_as: number
    readonly route_servers: readonly string[]
    readonly announce: readonly string[]
    readonly max_length: number
    readonly max_length6: number
  }
  readonly management: { readonly from: string; readonly networks: readonly string[] }
  readonly people: readonly { readonly uid: string; readonly name: string; readonly password: string }[]
  readonly wan_rate: string
}
