import { z } from 'zod'
import { Doing, Sight } from './peer.ts'
import { StackSummary } from './stacks.ts'
import { SiteName, StackName, Time } from './words.ts'

export const Alarm = z.object({
  id: z.string(),
  kind: z.enum([
    'rpo-missed',
    'proof-old',
    'proof-broken',
    'standby-not-ready',
    'service-silent',
    'ingress-silent',
    'limit-not-held',
    'pool-filling',
    'two-active',
    'certificate-expiring',
    'clock-apart',
    'site-silent',
    'controller-silent',
    'schedule-failing',
    'changed-by-hand',
  ]),
  severity: z.enum(['warning', 'critical']),
  stack: StackName.optional(),
  site: SiteName.optional(),
  what: z.string().describe('What is so.'),
  means: z.string().describe('What it means.'),
  todo: z.string().describe('What to do.'),
  opened_at: Time,
  repeated_at: Time.optional().describe('When it was last sent again.'),
  resolved_at: Time.optional(),
})
export type Alarm = z.infer<typeof Alarm>

/** The other site's controller, as this one sees it. */
export const Peer = z.object({
  site: SiteName,
  address: z.string().optional(),
  state: z.enum(['here', 'answers', 'silent', 'none']).describe('`none`: the site file names no controller there.'),
  seen_at: Time.optional(),
  why: z.string().optional(),
  sees: z.array(Sight).optional().describe('Whether the sites answer it.'),
  runs: z.array(Doing).optional().describe('What it was at when it answered last.'),
})

export const SiteView = z.object({
  site: SiteName,
  answers: z.boolean(),
  silence: z.string().optional(),
  at: Time,
  clock_ahead_ms: z.number().optional(),
  pool: z
    .object({
      name: z.string(),
      free_bytes: z.number(),
      total_bytes: z.number(),
      full_on: Time.optional().describe('When it will be full if it goes on as in the last day.'),
    })
    .optional(),
  wan: z
    .object({
      limit_bps: z.number(),
      now_bps: z.number().describe('What holds now: less in office hours.'),
      held: z.boolean().describe('False: the engine cannot, and the site file names no relay.'),
    })
    .optional()
    .describe('What transfers may take of the line; absent: all of it.'),
  bgp: z
    .object({ as: z.number(), route_servers: z.array(z.string()) })
    .optional()
    .describe('Whom firewalls at this site announce prefixes to; absent: nobody.'),
  images: z.int().optional(),
  stacks: z.object({ active: z.int(), standby: z.int(), stale: z.int() }),
  services: z.array(z.object({ name: z.string(), address: z.string() })),
  controller: Peer,
})
export type SiteView = z.infer<typeof SiteView>

export const Overview = z.object({
  at: Time,
  site: z.string().describe('Where this controller is.'),
  sites: z.array(SiteView),
  stacks: z.array(StackSummary),
  alarms: z.array(Alarm).describe('Open ones, worst first.'),
})
export type Overview = z.infer<typeof Overview>

export const Schedule = z.object({
  stack: StackName,
  task: z.enum(['replicate', 'drill', 'guard', 'diff']),
  every: z.string().describe('`10 s`, or a cron expression.'),
  next_at: Time.optional(),
  last_at: Time.optional(),
  last: z.string().optional().describe('How the last one ended.'),
  failures: z.int().describe('In a row.'),
  here: z.boolean().describe('This controller runs it; else the other one does.'),
  why: z.string(),
})
export type Schedule = z.infer<typeof Schedule>
