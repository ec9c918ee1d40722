import { z } from 'zod'
import type { BgpFacts } from '../compile/compiled.ts'
import { parsePrefix } from '../lib/ip.ts'
import { address6, formatAddress6, looksLike6, parsePrefix6 } from '../lib/ip6.ts'
import { readYaml, type YamlProblem } from '../lib/yaml.ts'
import { parseHours, parseRate_bps, type Wan } from './wan.ts'

/** What holds at each place: how to reach its engine, its networks, its central services. Made from `sites.yaml`. */
export type Sites = {
  /** The network namespace that Lifeboat itself works from, such as a management VRF; undefined: the one it was started in. */
  readonly management: { readonly netns: string } | undefined
  /** Where journals are kept, relative to the site file; undefined: the system's state folder. */
  readonly state: string | undefined
  readonly sites: readonly Site[]
  readonly clients: readonly ClientPlace[]
}

export type Site = {
  readonly name: string
  readonly engine: EngineAccess
  /** How the other site reaches this one for transfers; absent where it cannot. */
  readonly replication_url: string | undefined
  readonly pool: string
  readonly outside_bridge: string
  /** The outside network gives IPv6 addresses, by router advertisement or DHCPv6. */
  readonly outside_ipv6?: boolean
  readonly services_bridge: string | undefined
  /** Address of each central service at this site, of either family. */
  readonly services: Readonly<Record<string, string>>
  readonly dns: DnsServer | undefined
  readonly bgp?: SiteBgp | undefined
  readonly wan?: Wan | undefined
  /** Where the controller of the site is, and the certificate it shows, relative to the site file. */
  readonly controller?: { readonly url: string; readonly certificate: string } | undefined
}

/** To whom the firewalls of stacks announce prefixes at a site, and which. */
export type SiteBgp = Omit<BgpFacts, 'password'> & {
  /** Holds the password of the sessions (RFC 2385) and nothing else. */
  readonly password_file: string | undefined
  /** Each runs `vtysh` where the table of a route server can be looked at. */
  readonly looking_glasses: readonly { readonly run: readonly string[] }[]
}

/** Paths are relative to the site file. */
export type EngineAccess =
  | { readonly by: 'socket'; readonly path: string; readonly server_certificate: string | undefined }
  | {
      readonly by: 'https'
      readonly url: string
      readonly client_certificate: string
      readonly client_key: string
      readonly server_certificate: string
    }

export type DnsServer = {
  readonly server: string
  readonly port: number
  readonly zone: string
  readonly key: {
    readonly name: string
    readonly algorithm: 'hmac-sha256'
    readonly file: string
    /** The day on which it is to be replaced: a TSIG key has no date of its own. */
    readonly until?: string | undefined
  }
}

/** A place from which success is observed, as a client would see it. */
export type ClientPlace = {
  readonly name: string
  /** Commands are run with this in front; an empty list runs them here. */
  readonly run: readonly string[]
  readonly resolver: string | undefined
  /** It reaches the world over IPv6 too. */
  readonly ipv6?: boolean
  /** CA bundle for TLS checks, a path at the place; undefined: the place's own. */
  readonly ca: string | undefined
}

const Access = z.union(
  [
    z.strictObject({ socket: z.string(), 'server-certificate': z.string().optional() }),
    z.strictObject({
      url: z.url({ protocol: /^https$/, error: 'needs an address such as https://172.16.1.2:8443' }),
      'client-certificate': z.string(),
      'client-key': z.string(),
      'server-certificate': z.string(),
    }),
  ],
  { error: 'needs either `socket`, or `url` (https) with `client-certificate`, `client-key` and `server-certificate`' },
)

/** RFC 4271, RFC 6793; 0 (RFC 7607), 23456 (RFC 6793) and the last ones (RFC 7300) are nobody's. */
const asNumber = z
  .int('an AS number is 1 to 4294967294')
  .min(1, 'an AS number is 1 to 4294967294')
  .max(4_294_967_294, 'an AS number is 1 to 4294967294')
  .refine((value) => value !== 23_456 && value !== 65_535, 'is reserved: nobody has this AS number')

const Prefix = z.string().superRefine((text, context) => {
  const parsed = looksLike6(text) ? parsePrefix6(text) : parsePrefix(text)
  if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.why })
})

type Family = 4 | 6

const Bgp = z
  .strictObject({
    as: asNumber,
    'local-as': asNumber.optional(),
    'route-servers': z
      .array(z.union([z.ipv4(), z.ipv6()], { error: 'needs an address such as 10.255.0.1 or 2001:db8:ff::1' }))
      .min(1, 'needs one or two route servers of a family'),
    hops: z.int().min(1).max(16).default(1),
    password: z.strictObject({ file: z.string() }).optional(),
    firewalls: z.preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(Prefix).min(1)),
    announce: z.array(Prefix).min(1, 'needs a range of which stacks may announce prefixes'),
    'max-length': z.int().min(8).max(32).default(24),
    'max-length-ipv6': z.int().min(16).max(128).default(48),
    'max-prefixes': z.int().min(1).max(1000).default(8),
    hold: z.int().min(3, 'is 3 s or more').max(180).default(6),
    'looking-glasses': z.array(z.strictObject({ run: z.array(z.string()) })).default([]),
  })
  .superRefine((bgp, context) => {
    const issue = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message })
    const of = (family: Family, texts: readonly string[]) => texts.filter((text) => looksLike6(text) === (family === 6))
    for (const family of [4, 6] as const) {
      if (of(family, bgp['route-servers']).length > 2)
        issue(['route-servers'], `needs one or two route servers of a family, and has more of IPv${family}`)
      if (of(family, bgp.firewalls).length > 1)
        issue(['firewalls'], `is one prefix of a family, and there are more of IPv${family}`)
    }
    for (const [index, range] of bgp.announce.entries()) {
      const family = looksLike6(range) ? 6 : 4
      const key = family === 6 ? 'max-length-ipv6' : 'max-length'
      if (Number(range.split('/')[1]) > bgp[key])
        issue(['announce', index], `${range} is longer than ${key} ${bgp[key]}: nothing of it could be announced`)
      if (of(family, bgp['route-servers']).length === 0)
        issue(['announce', index], `${range} has no session to go by: no route server has an IPv${family} address`)
      else if (of(family, bgp.firewalls).length === 0)
        issue(['firewalls'], `${range} has no session to go by: firewalls have no IPv${family} prefix here`)
    }
  })

const Rate = z.string().transform((text, context) => {
  const bps = parseRate_bps(text)
  if (bps !== undefined && bps >= 1e6) return bps
  context.issues.push({ code: 'custom', message: 'needs 1Mbit or more, such as 200Mbit or 1Gbit', input: text })
  return z.NEVER
})

const WanSchema = z.strictObject({
  limit: Rate,
  'office-hours': Rate.optional(),
  hours: z
    .string()
    .default('mon-fri 08:00-18:00')
    .transform((text, context) => {
      const hours = parseHours(text)
      if (hours !== undefined) return hours
      context.issues.push({ code: 'custom', message: 'needs days and a span such as mon-fri 08:00-18:00', input: text })
      return z.NEVER
    }),
  zone: z.string().default('UTC').refine(isZone, 'is no time zone that is known here, such as Europe/Zurich'),
  relay: z
    .string()
    .regex(
      /^(\[[0-9a-f:]+\]|[0-9.]+)(:\d{1,5})?$/i,
      'needs an address of the controller, such as 172.16.2.10 or 172.16.2.10:8481',
    )
    .optional(),
})

function isZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).format(0) !== ''
  } catch {
    return false
  }
}

const SiteSchema = z
  .strictObject({
    incus: Access,
    'replication-url': z.url().optional(),
    pool: z.string().default('default'),
    outside: z.strictObject({ bridge: z.string(), ipv6: z.boolean().default(false) }),
    'services-network': z.strictObject({ bridge: z.string() }).optional(),
    services: z
      .record(
        z.string(),
        z
          .union([z.ipv4(), z.ipv6()], {
            error: ({ input }) =>
              Array.isArray(input)
                ? 'is one address: of a service that has both, the IPv4 one, which needs no proxy'
                : 'needs an address such as 10.101.0.10 or 2001:db8:101::10',
          })
          .transform((text) => (looksLike6(text) ? formatAddress6(address6(text)) : text)),
      )
      .default({}),
    controller: z
      .strictObject({
        url: z.url({ protocol: /^https$/, error: 'needs an address such as https://lifeboat-east.example.com:8480' }),
        certificate: z.string(),
      })
      .optional(),
    dns: z
      .strictObject({
        server: z.ipv4(),
        port: z.int().min(1).max(65535).default(53),
        zone: z.string(),
        key: z.strictObject({
          name: z.string(),
          algorithm: z.literal('hmac-sha256').default('hmac-sha256'),
          file: z.string(),
          until: z.iso.date('needs a day such as 2027-03-31').optional(),
        }),
      })
      .optional(),
    bgp: Bgp.optional(),
    wan: WanSchema.optional(),
  })
  .superRefine(({ outside, bgp }, context) => {
    const index = bgp?.announce.findIndex(looksLike6) ?? -1
    if (index >= 0 && !outside.ipv6)
      context.addIssue({
        code: 'custom',
        path: ['bgp', 'announce', index],
        message: `${bgp?.announce[index]} could be routed to no firewall: the outside network has no IPv6 (outside.ipv6)`,
      })
  })

const SitesSchema = z.strictObject({
  'lifeboat-sites': z.literal(1),
  management: z.strictObject({ netns: z.string() }).optional(),
  state: z.string().optional(),
  sites: z
    .record(z.string().regex(/^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$/, 'a site name is a DNS label'), SiteSchema)
    .refine((sites) => Object.keys(sites).length > 0, 'names no site'),
  clients: z
    .record(
      z.string(),
      z.strictObject({
        run: z.array(z.string()).default([]),
        resolver: z.ipv4().optional(),
        ipv6: z.boolean().default(false),
        ca: z.string().optional(),
      }),
    )
    .default({}),
})

/** Parses a site file. All problems at once, each with its place. */
export function parseSites(text: string): {
  readonly sites: Sites | undefined
  readonly problems: readonly YamlProblem[]
} {
  const { value, problems } = readYaml(text, SitesSchema, 'lifeboat-sites: 1')
  return { sites: value === undefined ? undefined : resolve(value), problems }
}

function resolve(file: z.output<typeof SitesSchema>): Sites {
  return {
    management: file.management,
    state: file.state,
    sites: Object.entries(file.sites).map(([name, site]) => ({
      name,
      engine:
        'socket' in site.incus
          ? { by: 'socket', path: site.incus.socket, server_certificate: site.incus['server-certificate'] }
          : {
              by: 'https',
              url: site.incus.url,
              client_certificate: site.incus['client-certificate'],
              client_key: site.incus['client-key'],
              server_certificate: site.incus['server-certificate'],
            },
      replication_url: site['replication-url'],
      pool: site.pool,
      outside_bridge: site.outside.bridge,
      outside_ipv6: site.outside.ipv6,
      services_bridge: site['services-network']?.bridge,
      services: site.services,
      dns: site.dns,
      bgp: site.bgp && resolveBgp(site.bgp),
      ...(site.wan === undefined ? {} : { wan: resolveWan(site.wan) }),
      ...(site.controller === undefined ? {} : { controller: site.controller }),
    })),
    clients: Object.entries(file.clients).map(([name, place]) => ({
      name,
      run: place.run,
      resolver: place.resolver,
      ipv6: place.ipv6,
      ca: place.ca,
    })),
  }
}

function resolveWan(wan: z.output<typeof WanSchema>): Wan {
  const office = wan['office-hours']
  const at = /^\[?([^\]]+?)\]?(?::(\d+))?$/.exec(wan.relay ?? '')
  return {
    limit_bps: wan.limit,
    office: office === undefined ? undefined : { limit_bps: office, hours: wan.hours },
    zone: wan.zone,
    relay: at?.[1] === undefined ? undefined : { host: at[1], port: Number(at[2] ?? 0) },
  }
}

function resolveBgp(bgp: z.output<typeof Bgp>): SiteBgp {
  return {
    as: bgp.as,
    local_as: bgp['local-as'] ?? bgp.as,
    route_servers: bgp['route-servers'],
    hops: bgp.hops,
    password_file: bgp.password?.file,
    firewalls: bgp.firewalls,
    announce: bgp.announce,
    max_length: bgp['max-length'],
    max_length6: bgp['max-length-ipv6'],
    max_prefixes: bgp['max-prefixes'],
    hold_s: bgp.hold,
    looking_glasses: bgp['looking-glasses'],
  }
}
