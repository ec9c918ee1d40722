import { type Document, isMap, LineCounter, parseDocument } from 'yaml'
import { z } from 'zod'

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
  readonly services_bridge: string | undefined
  /** Address of each central service at this site. */
  readonly services: Readonly<Record<string, string>>
  readonly dns: DnsServer | undefined
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
  readonly key: { readonly name: string; readonly algorithm: 'hmac-sha256'; readonly file: string }
}

/** A place from which success is observed, as a client would see it. */
export type ClientPlace = {
  readonly name: string
  /** Commands are run with this in front; an empty list runs them here. */
  readonly run: readonly string[]
  readonly resolver: string | undefined
  /** CA bundle for TLS checks, a path at the place; undefined: the place's own. */
  readonly ca: string | undefined
}

export type SitesProblem = { readonly line: number; readonly column: number; readonly what: string }

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

const SiteSchema = z.strictObject({
  incus: Access,
  'replication-url': z.url().optional(),
  pool: z.string().default('default'),
  outside: z.strictObject({ bridge: z.string() }),
  'services-network': z.strictObject({ bridge: z.string() }).optional(),
  services: z.record(z.string(), z.ipv4()).default({}),
  dns: z
    .strictObject({
      server: z.ipv4(),
      port: z.int().min(1).max(65535).default(53),
      zone: z.string(),
      key: z.strictObject({
        name: z.string(),
        algorithm: z.literal('hmac-sha256').default('hmac-sha256'),
        file: z.string(),
      }),
    })
    .optional(),
})

const SitesSchema = z.strictObject({
  'lifeboat-sites': z.literal(1),
  management: z.strictObject({ netns: z.string() }).optional(),
  state: z.string().optional(),
  sites: z.record(z.string().regex(/^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$/, 'a site name is a DNS label'), SiteSchema),
  clients: z
    .record(
      z.string(),
      z.strictObject({
        run: z.array(z.string()).default([]),
        resolver: z.ipv4().optional(),
        ca: z.string().optional(),
      }),
    )
    .default({}),
})

/** Parses a site file. All problems at once, each with its place. */
export function parseSites(text: string): {
  readonly sites: Sites | undefined
  readonly problems: readonly SitesProblem[]
} {
  const lines = new LineCounter()
  const doc = parseDocument(text, { lineCounter: lines, uniqueKeys: true })
  if (doc.errors.length > 0) {
    const problems = doc.errors.map((error) => {
      const at = lines.linePos(error.pos[0])
      return { line: at.line, column: at.col, what: error.message.split('\n')[0] ?? error.message }
    })
    return { sites: undefined, problems }
  }
  if (!isMap(doc.contents)) {
    const what = doc.contents === null ? 'the file is empty' : 'this is no site file'
    return {
      sites: undefined,
      problems: [{ line: 1, column: 1, what: `${what}: it begins with \`lifeboat-sites: 1\`` }],
    }
  }
  const parsed = SitesSchema.safeParse(doc.toJS({ maxAliasCount: 10 }))
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => {
      const at = lines.linePos(placeOf(doc, issue.path as readonly string[]))
      const why = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message
      return { line: at.line, column: at.col, what: `${issue.path.join('.')}: ${why}` }
    })
    return { sites: undefined, problems }
  }
  return { sites: resolve(parsed.data), problems: [] }
}

/** Where a value is, or what it is missing in. */
function placeOf(doc: Document, path: readonly string[]): number {
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? doc.contents : doc.getIn(path.slice(0, length), true)
    const range = (node as { readonly range?: readonly number[] } | null | undefined)?.range
    if (range?.[0] !== undefined) return range[0]
  }
  return 0
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
      services_bridge: site['services-network']?.bridge,
      services: site.services,
      dns: site.dns,
    })),
    clients: Object.entries(file.clients).map(([name, place]) => ({
      name,
      run: place.run,
      resolver: place.resolver,
      ca: place.ca,
    })),
  }
}
