import type { IcmpType } from '../stack/stack.ts'

/**
 * A stack turned into what a site has to hold: addresses, networks, instances and the configuration of every appliance.
 * Pure data; the same stack file gives the same value, to the byte. Only `site` parts differ from site to site.
 */
export type Compiled = {
  readonly stack: string
  /** The search domain inside the stack: `shop.internal`. */
  readonly domain: string
  readonly segments: readonly CompiledSegment[]
  /** Machines and appliances, in starting order of their generation, then by name. */
  readonly instances: readonly CompiledInstance[]
  /** Everything that may talk to something else; what is not here is denied (within a segment machines talk freely). */
  readonly flows: readonly Flow[]
  /** The same over IPv6: names stand for IPv6 addresses, prefixes are IPv6 prefixes. Empty where no segment has one. */
  readonly flows6: readonly Flow[]
}

export type CompiledSegment = {
  readonly name: string
  readonly prefix: string
  /** The appliance that serves DHCP and DNS here. */
  readonly anchor: string
  readonly anchor_address: string
  /** Address of the firewall where the segment is behind one; machines elsewhere have no default route. */
  readonly gateway: string | undefined
  /** The same in IPv6, where the segment has a prefix of it. */
  readonly ipv6?: {
    readonly prefix: string
    readonly anchor_address: string
    readonly gateway: string | undefined
  }
}

export type CompiledInstance = CompiledMachine | CompiledAppliance

export type CompiledMachine = {
  readonly kind: 'machine'
  readonly name: string
  readonly group: string
  readonly image: string
  readonly stateful: boolean
  readonly legs: readonly Leg[]
  /** Instance names, not groups. */
  readonly needs: readonly string[]
  readonly ready: ReadyProbe | undefined
  readonly ready_within_s: number
}

/** How readiness is seen: http and tcp from the anchor appliance of the machine's segment, exec inside the machine. */
export type ReadyProbe =
  | {
      readonly by: 'http' | 'tcp'
      readonly from: string /** `http://10.10.2.11:80/healthz`, `tcp://10.10.4.11:5432` */
      readonly url: string
    }
  | { readonly by: 'exec'; readonly command: string }

export type CompiledAppliance = {
  readonly kind: 'appliance'
  readonly name: string
  readonly role: 'firewall' | 'load-balancer' | 'nat'
  readonly legs: readonly Leg[]
  /** Complete configuration, by absolute path; secrets are named, never contained. */
  readonly files: readonly ConfigFile[]
  readonly secrets: readonly SecretFile[]
}

export type Leg =
  | {
      readonly to: 'segment'
      readonly interface: string
      readonly segment: string
      readonly mac: string
      readonly address: string /** Further addresses, such as those of central services on a NAT box. */
      readonly also: readonly string[]
      /** Where the segment has an IPv6 prefix. */
      readonly address6?: string
    }
  /** The site's outside network (firewall) or services network (NAT box); the address comes by DHCP. */
  | {
      readonly to: 'outside' | 'services'
      readonly interface: string
      readonly mac: string
      /** It takes an IPv6 address by router advertisement too, where the site gives one. */
      readonly ipv6?: true
    }

export type ConfigFile = { readonly path: string; readonly text: string }

export type SecretFile = { readonly path: string; readonly secret: string }

export type Flow = {
  /** `anyone`, a prefix, an instance name, `service:NAME` (balanced) or `central:NAME`. */
  readonly from: string
  readonly to: string
  readonly protocol: 'tcp' | 'udp' | 'icmp'
  readonly ports: { readonly first: number; readonly last: number } | undefined
  /** A type of ICMP other than echo. */
  readonly icmp?: IcmpType
  /** Port of the outside address, where clients from there find it at another one. */
  readonly at?: number
  /** Where clients outside find it: an address of the stack's own to which packets are routed. */
  readonly address?: string
  /** The appliance that lets it pass. */
  readonly by: string
  readonly why: string
  /** What earlier rules deny of it; absent where they deny nothing. */
  readonly except?: readonly Exception[]
}

/** Ends as a flow names them. */
export type Exception = {
  readonly from: readonly string[]
  readonly to: readonly string[]
  readonly ports: Flow['ports']
  readonly why: string
}

/**
 * What a site adds: where its central services are. Addresses of either family by service name; an absent one is a problem
 * of the site.
 */
export type SiteFacts = {
  readonly site: string
  readonly services: Readonly<Record<string, string>>
  readonly bgp?: BgpFacts | undefined
}

/** The BGP of a site, as its network team and the stacks have agreed on it. */
export type BgpFacts = {
  /** AS of the route servers. */
  readonly as: number
  /** AS of the firewalls; the same as `as` means IBGP. */
  readonly local_as: number
  /** Of one family or both: a session carries the prefixes of its own family. */
  readonly route_servers: readonly string[]
  /** From a firewall to its route servers; 1: they are on the outside network. */
  readonly hops: number
  /** Where the outside legs of firewalls get their addresses, a prefix of a family: from there the route servers take sessions. */
  readonly firewalls: readonly string[]
  readonly announce: readonly string[]
  /** Longest prefix that the route servers take, by family. */
  readonly max_length: number
  readonly max_length6: number
  /** Prefixes that one session may announce. */
  readonly max_prefixes: number
  readonly hold_s: number
  /** Changes when the password does, and tells nothing of it; undefined: sessions have none. */
  readonly password: string | undefined
}
