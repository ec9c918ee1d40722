/**
 * A stack as its file says it, resolved: every name refers to something that exists, every default is filled in.
 * Made by `parseStack`; nothing in it depends on a site.
 */
export type Stack = {
  /** A DNS label; names the projects at the sites. */
  readonly name: string
  readonly segments: readonly Segment[]
  readonly machines: readonly MachineGroup[]
  readonly firewalls: readonly Firewall[]
  readonly load_balancers: readonly LoadBalancer[]
  readonly nats: readonly Nat[]
  readonly ingress: readonly Ingress[]
  readonly services: readonly CentralService[]
  readonly secrets: readonly Secret[]
  readonly protect: Protect | undefined
  readonly checks: readonly Check[]
  /** Set by hand: address per instance and segment, `web1.web: 10.10.2.50`. */
  readonly addresses: readonly FixedAddress[]
}

/** A network inside the stack: an IPv4 prefix, and an IPv6 /64 where it has one, that no other segment of the stack overlaps. */
export type Segment = { readonly name: string; readonly prefix: string; readonly prefix6?: string | undefined }

/** `count` machines of one kind; instance names are `name1`, `name2`, ... (or `name` where count was not given). */
export type MachineGroup = {
  readonly name: string
  readonly image: string
  readonly instances: readonly string[]
  readonly segment: string
  readonly stateful: boolean
  /** Names of machine groups that must be ready before these are started. */
  readonly needs: readonly string[]
  readonly ready: Probe | undefined
  readonly ready_within_s: number
  /** Commands run inside right before a point is taken and right after; each has `within_s`. */
  readonly freeze: { readonly freeze: string; readonly thaw: string; readonly within_s: number } | undefined
}

export type Probe =
  | { readonly by: 'http'; readonly port: number; readonly path: string }
  | { readonly by: 'tcp'; readonly port: number }
  | { readonly by: 'exec'; readonly command: string }

export type Firewall = {
  readonly name: string
  readonly outside: 'dhcp'
  readonly inside: readonly string[]
  readonly rules: readonly Rule[]
  /** Rules of nftables, before those of the language. */
  readonly raw: { readonly translate: readonly string[]; readonly forward: readonly string[] }
}

/**
 * One kind of traffic of a rule of the file, `from` and `to` after resolution. The first rule that matches decides; what
 * none matches is denied.
 */
export type Rule = {
  /** Of the rule in the file, from 1: what was written as one shares a limit. */
  readonly number: number
  readonly verdict: 'allow' | 'deny'
  readonly protocol: 'tcp' | 'udp' | 'icmp'
  /** Absent for icmp, and where all ports are meant. */
  readonly ports: PortRange | undefined
  /** Absent for other protocols, and where all types are meant. */
  readonly icmp: IcmpType | undefined
  /** Port of the outside address at which clients from there find it, where it is not the one inside. */
  readonly at: number | undefined
  readonly from: readonly End[]
  readonly to: readonly End[]
  /** New connections are written to the firewall's log. */
  readonly log: boolean
  /** New connections beyond it are dropped. */
  readonly limit: Limit | undefined
  /** The rule in the reader's own words, for comments, reports and problems: `allow tcp/443 from anyone to public`. */
  readonly words: string
}

export type IcmpType = 'echo-request' | 'timestamp-request'

/** `count` new connections in a second, minute or hour; of each client address, or of all together. */
export type Limit = {
  readonly count: number
  readonly per: 'second' | 'minute' | 'hour'
  readonly each_client: boolean
}

/** A rule that opens more ports than this to a machine has no proxy for IPv6: each would be a socket. */
export const PROXIED_PORTS = 256

export type PortRange = { readonly first: number; readonly last: number }

export type End =
  | { readonly kind: 'anyone' }
  | { readonly kind: 'prefix'; readonly prefix: string }
  | { readonly kind: 'group'; readonly group: string; readonly prefixes: readonly string[] }
  | { readonly kind: 'segment'; readonly segment: string }
  | { readonly kind: 'machine'; readonly machine: string }
  /** A service of a load balancer, reached at its listening address. */
  | { readonly kind: 'balanced'; readonly service: string }

export type LoadBalancer = { readonly name: string; readonly services: readonly BalancedService[] }

export type BalancedService = {
  /** A name in the stack's DNS, resolving to the load balancer's address in the listening segment. */
  readonly name: string
  readonly listen: { readonly segment: string; readonly port: number }
  readonly mode: 'http' | 'tcp'
  /** Names of the secrets that hold certificate and key. The first is for clients that ask for no name, or another one. */
  readonly tls: readonly string[]
  /** The first that matches; requests that none matches go to `target`. */
  readonly routes: readonly Route[]
  readonly target: Target
  readonly limits: {
    readonly connections: number | undefined
    readonly connections_per_client: number | undefined
    readonly connections_per_server: number | undefined
    readonly requests_per_client: Omit<Limit, 'each_client'> | undefined
  }
  readonly headers: { readonly request: HeaderRules; readonly response: HeaderRules }
  /** Lines of the load balancer's own language, for its frontend and for the backend of `target`. */
  readonly raw: { readonly frontend: readonly string[]; readonly backend: readonly string[] }
}

/** A request is for it where it is for one of the hosts, and for one of the paths or something below it; an empty list is any. */
export type Route = {
  /** In lower case; `*.example.com` is everything below example.com. */
  readonly hosts: readonly string[]
  readonly paths: readonly string[]
  readonly target: Target
}

export type Target =
  | { readonly do: 'pass'; readonly pool: Pool }
  | { readonly do: 'redirect'; readonly redirect: Redirect }

export type Pool = {
  readonly machine: string
  readonly port: number
  /** Used while nobody of the pool is good. */
  readonly backups: readonly { readonly machine: string; readonly port: number }[]
  readonly balance: 'round-robin' | 'least-connections' | 'source' | 'first'
  /** Name of the cookie by which a client stays with its server; one is found where it is empty. */
  readonly sticky: { readonly cookie: string | undefined } | undefined
  readonly check: BalancerCheck
}

/** `host`: the path of the request is kept. */
export type Redirect =
  | { readonly to: 'https' }
  | { readonly to: 'host'; readonly url: string }
  | { readonly to: 'url'; readonly url: string }

export type HeaderRules = {
  readonly set: readonly { readonly name: string; readonly value: string }[]
  readonly remove: readonly string[]
}

export type BalancerCheck =
  /** `status`: one, or a range. */
  | { readonly by: 'http'; readonly method: 'GET' | 'HEAD'; readonly path: string; readonly status: string }
  | { readonly by: 'tcp' }
  /** Lets our user in; `-primary` passes only where `pg_is_in_recovery()` is false. */
  | { readonly by: 'postgres' | 'postgres-primary' }
  /** Lets our user in. */
  | { readonly by: 'mysql' }
  /** Answers a ping; `-primary` says that it is the master. */
  | { readonly by: 'redis' | 'redis-primary' }
  /** Takes an anonymous bind. */
  | { readonly by: 'ldap' }

export type Nat = {
  readonly name: string
  readonly outside: 'dhcp'
  readonly inside: readonly string[]
  /** Names of central services. */
  readonly reaches: readonly string[]
  /** What the machines may use in the Internet, at any address; such a NAT box has its outer leg there and reaches nothing else. */
  readonly internet: readonly InternetService[]
}

export type InternetService = {
  readonly name: string
  readonly protocol: 'tcp' | 'udp'
  readonly port: number
}

export type Ingress = {
  /** Fully qualified, without a final dot; where it is not in DNS, any name. */
  readonly name: string
  /** Name of a balanced service. */
  readonly to: string
  /** A record in DNS. */
  readonly dns: boolean
  readonly ttl_s: number
  /**
   * The stack's own prefixes and the service's address in each, one of a family: the same at every site. Without any the
   * site gives the address.
   */
  readonly own: readonly OwnAddress[]
}

export type OwnAddress = { readonly prefix: string; readonly address: string }

/** Something central that the stack needs; where it is, is the site's matter. */
export type CentralService = {
  readonly name: string
  readonly protocol: 'tcp' | 'udp'
  readonly port: number
  readonly drill: 'allow' | 'deny' | { readonly stub: string }
}

export type Secret = { readonly name: string /** As written; relative to the stack file. */; readonly file: string }

export type Protect = {
  /** Name of the standby site. */
  readonly standby: string
  readonly rpo_s: number
  readonly keep: Keep
  readonly consistency: 'together' | 'each'
  /** When a controller drills by itself: cron in UTC, and how late a drill may still begin. */
  readonly drill: { readonly every: string; readonly within_s: number } | undefined
  /** A command in a stateful machine that prints the reference of every record it holds, one a line: measures a loss. */
  readonly records: { readonly machine: string; readonly command: string } | undefined
}

export type Keep = { readonly last: number; readonly hourly: number; readonly daily: number }

/** What a client sees: `GET https://shop.example.com/healthz is 200`. */
export type Check = {
  readonly method: 'GET' | 'HEAD'
  readonly url: string
  readonly status: number
  readonly words: string
}

export type FixedAddress = { readonly instance: string; readonly segment: string; readonly address: string }
