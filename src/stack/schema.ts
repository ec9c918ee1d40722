import { z } from 'zod'
import * as forms from './forms.ts'
import { BalancedService } from './schema-balancer.ts'
import { count, fields, form, list, names, oneOrMore, port, text } from './schema-parts.ts'

/**
 * The stack file as it is written. Names and references are judged later (`validate.ts`), where all of the file is
 * known; here only keys, types and short forms. A message is a noun and a hint, on two lines: `problems-of-schema.ts` makes a sentence of it.
 */
const duration = (text: string) => form(forms.duration).describe(text)

const Machine = fields({
  image: text('an image', 'shop-web').describe('Image alias at the site.'),
  count: z
    .int()
    .min(0)
    .max(5000)
    .optional()
    .describe('How many. With it the machines are NAME1, NAME2, ...; without it there is one, called NAME.'),
  segment: text('a segment', 'web').describe('The segment the machines are in.'),
  needs: list(text('a machine', 'db')).default([]).describe('Machines that must be ready before these are started.'),
  stateful: z.boolean().default(false).describe('Its data is protected: it is part of every point.'),
  ready: form(forms.ready)
    .optional()
    .describe('How readiness is seen: `http :PORT/PATH`, `tcp :PORT` or `exec COMMAND`.'),
  ready_within: duration('How long readiness may take.').default(180),
  freeze: text('a command', 'sync')
    .optional()
    .describe('Run inside each of them right before it is paused for a point.'),
  thaw: text('a command', 'true').optional().describe('Run inside right after it goes on, also when anything failed.'),
  freeze_within: duration('How long freezing, and thawing, may take.').optional(),
})

const traffic = () => oneOrMore(form(forms.traffic)).optional()

const Rule = fields({
  allow: traffic().describe(
    '`tcp/PORT`, `udp/FIRST-LAST`, `icmp`, `icmp/TYPE`, `any` or a group of ports; one or a list.',
  ),
  deny: traffic().describe('Instead of allow: what does not pass, whatever later rules say.'),
  at: port().optional().describe('Port of the outside address, where it is another one than inside.'),
  from: oneOrMore(text('an end', 'anyone')).describe(
    'Machines, a segment, a prefix, a group of prefixes or `anyone`; one or a list.',
  ),
  to: oneOrMore(text('an end', 'public')).describe(
    'Machines, a service, a segment, a prefix, a group of prefixes or `anyone`; one or a list.',
  ),
  limit: form(forms.limit).optional().describe('New connections beyond it are dropped: `100/s`, `20/m per client`.'),
  log: z.boolean().default(false).describe("New connections are written to the firewall's log."),
})

const inside = () => list(text('a segment', 'front')).min(1).describe('Segments that it has a leg in.')
const outside = () => z.enum(['dhcp']).default('dhcp').describe('How the outside leg gets its address.')

const Appliance = fields({
  firewall: fields({
    outside: outside(),
    inside: inside(),
    rules: list(Rule)
      .default([])
      .describe('What is allowed and denied: the first rule that matches decides; what none matches is denied.'),
    raw: fields({
      translate: text('lines of nftables', 'iifname "outside" meta l4proto 47 dnat ip to 10.10.1.5').optional(),
      forward: text('lines of nftables', 'iifname "outside" meta l4proto 47 accept').optional(),
    })
      .optional()
      .describe('Rules of nftables, as the last resort: nobody checks what they mean, and every report says so.'),
  }).optional(),
  'load-balancer': fields({ services: names(BalancedService) }).optional(),
  nat: fields({
    outside: outside(),
    inside: inside(),
    reaches: list(text('a service', 'ldap')).min(1).describe('Central services that it lets pass.'),
  }).optional(),
}).meta({ minProperties: 1, maxProperties: 1, description: 'One of firewall, load-balancer and nat.' })

const Keep = z.union([
  z.int().min(1).describe('How many of the newest points.'),
  fields({ last: count(1, 1), hourly: count(0, 0), daily: count(0, 0) }),
])

export const StackFile = fields({
  lifeboat: z.literal(1).describe('Version of the language.'),
  stack: text('a name', 'shop').describe('Name of the stack, a DNS label.'),
  segments: names(oneOrMore(text('a prefix', '10.10.1.0/24').meta({ examples: ['10.10.1.0/24'] }))).describe(
    'Networks inside the stack: an IPv4 prefix, or a list of it and an IPv6 /64.',
  ),
  groups: names(oneOrMore(text('a prefix or a port', '203.0.113.0/24 or tcp/443')))
    .default({})
    .describe('Prefixes, or ports, that rules call by one name.'),
  machines: names(Machine).describe("What does the application's work."),
  appliances: names(Appliance).describe('Firewalls, load balancers and NAT boxes.'),
  ingress: names(
    fields({
      to: text('a service', 'public').describe('Service of a load balancer.'),
      by: oneOrMore(z.enum(['dns', 'bgp']))
        .default(['dns'])
        .describe('How clients find it: by a name, by a prefix that the firewall announces, or by both.'),
      prefix: oneOrMore(text('a prefix', '203.0.113.16/28').meta({ examples: ['203.0.113.16/28'] }))
        .optional()
        .describe("The stack's own prefix, with `by: bgp`, or one of each family; it moves with the stack."),
      address: oneOrMore(text('an address', '203.0.113.17'))
        .optional()
        .describe('Where the service is in each prefix; its first address otherwise.'),
      ttl: duration('Time to live of the record.').default(30),
    }),
  )
    .default({})
    .describe('Names and prefixes by which clients reach the stack.'),
  services: names(
    fields({
      to: z
        .enum(['site', 'internet'])
        .default('site')
        .describe('Where it is: at each site, at an address of the site file; or anywhere in the Internet.'),
      port: form(forms.port).describe('`tcp/PORT` or `udp/PORT`.'),
      drill: z
        .union([z.enum(['allow', 'deny']), fields({ stub: text('a stub', 'ldap-stub') })])
        .default('deny')
        .describe('What a drill does with it.'),
    }),
  )
    .default({})
    .describe('Central services that the stack needs.'),
  secrets: names(fields({ file: text('a file', 'secrets/shop-tls.pem').describe('Relative to the stack file.') }))
    .default({})
    .describe('References to secrets, never their values.'),
  protect: fields({
    standby: text('a site', 'west').describe('Name of the standby site.'),
    rpo: duration('How old the newest point may be.').default(60),
    keep: Keep.default(24).describe('Points that the standby keeps.'),
    consistency: z
      .enum(['together', 'each'])
      .default('together')
      .describe('Machines are paused together, or each on its own.'),
    drill: fields({
      every: form(forms.schedule).describe('When a controller drills: minute hour day month weekday, in UTC.'),
      within: duration('How long after that a drill may still begin.').default(7200),
    })
      .optional()
      .describe('Drills by themselves, where a controller runs.'),
    records: fields({
      in: text('an instance', 'db1').describe('A stateful machine.'),
      run: text('a command', 'psql -At -c ...').describe('Prints the reference of every record, one a line.'),
    })
      .optional()
      .describe('What the stack holds, to measure the loss of a failover.'),
  }).optional(),
  checks: list(form(forms.check)).default([]).describe('What a client must see: `GET URL is STATUS`.'),
  addresses: names(text('an address', '10.10.2.50'))
    .default({})
    .describe('Addresses set by hand: `INSTANCE.SEGMENT: ADDRESS`.'),
})

export type StackFile = z.infer<typeof StackFile>
export type RuleFile = z.infer<typeof Rule>
export type ApplianceFile = StackFile['appliances'][string]
