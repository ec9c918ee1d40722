import { expect, test } from 'vitest'
import { Alarm } from '../../api/watch.ts'
import { virtualClock } from '../../lib/clock.ts'
import type { Proof, Survey } from '../../state/objects.ts'
import { openDatabase } from '../database.ts'
import type { Task } from '../due.ts'
import type { Asked } from '../ingress.ts'
import type { SiteSeen } from '../lookout.ts'
import type { Seen } from '../seen.ts'
import { type AlarmEvent, openAlarms } from './alarms.ts'
import { conditionsOf, type Facts } from './conditions.ts'

/** Every kind of alarm from facts to its end: it opens, is told again and is over, each once, and says what to do. */
const start = new Date('2026-01-01T00:00:00Z')
const [second_ms, hour_ms, day_ms] = [1000, 3_600_000, 24 * 3_600_000]
const at = (ms: number) => new Date(start.getTime() + ms)

/** Facts of a good day; two sites, one stack, its newest point a second old. */
function good(now: Date): Facts {
  return {
    now,
    seen: [seen(now)],
    sites: [site('east'), site('west')],
    peers: [
      { site: 'east', state: 'answers' },
      { site: 'west', state: 'here' },
    ],
    failing: [],
    proof_older_than_ms: 7 * day_ms,
    full_on: new Map(),
    certificates: [{ what: 'the certificate of this controller', until: at(90 * day_ms), of: 'controller' }],
    inspected: [['shop', { at: start.toISOString(), hand: [], certificates: [served(90)] }]],
    silent_services: [],
    watched: [['shop', { site: 'west', at: start.toISOString(), silent: [], words: '' }]],
    asked: [],
    unheld: [],
  }
}

function seen(now: Date, other: Partial<Seen> = {}, not_ready: readonly string[] = []): Seen {
  const place = { answers: true, silence: undefined, epoch: 1, decided: undefined, instances: [], points: 2 }
  const more = { newest_point: undefined, rescues: [], drills: [], pool_free_bytes: undefined }
  const newest_point_at = new Date(now.getTime() - second_ms).toISOString()
  return {
    stack: 'shop',
    at: now.toISOString(),
    status: {
      ...{ stack: 'shop', at: now.toISOString(), point_age_ms: second_ms, rpo_ms: 10_000, warnings: [] },
      proof: 'proven by drill abc123',
      sites: [
        { site: 'east', role: 'active', ...place, ...more, not_ready: [] },
        { site: 'west', role: 'standby', ...place, ...more, not_ready },
      ],
    },
    ...{ active: 'east', standby: 'west', epoch: 1, newest_point_at, rpo_ms: 10_000, protected: true },
    ...{ drill: undefined, services: [], asks: [], two_active: false },
    proof: drilled(0),
    proof_state: 'proven',
    ...other,
  }
}

const drilled = (before_ms: number) => ({ drill: 'abc123', ended_at: at(-before_ms).toISOString() }) as Proof
const served = (days: number) => ({ site: 'east', appliance: 'lb', secret: 'shop-tls', until: at(days * day_ms) })

function site(name: string, survey: Partial<Survey> = {}): SiteSeen {
  const pool = { name: 'default', driver: 'btrfs', free_bytes: 500e9, total_bytes: 1000e9 }
  const well: Survey = { images: {}, outside: true, services_network: true, pool, clock_ahead_ms: 200, ...survey }
  return { site: name, at: start.toISOString(), survey: well, silence: undefined }
}

const pool = (free_bytes: number) => ({ pool: { name: 'default', driver: 'btrfs', free_bytes, total_bytes: 1000e9 } })

const asked = (other: Partial<Asked>): Asked => ({
  ...{ stack: 'shop', state: 'silent', at: start.toISOString(), since: start.toISOString(), failures: 2 },
  ...{ glance: undefined, blind: undefined },
  ask: { place: 'client', words: 'GET https://shop.example.com/healthz', check: {} } as Asked['ask'],
  ...other,
})

const task: Task = {
  ...{ stack: 'shop', task: 'replicate', cycles: [], failures: 3, last_at: 0, next_at: undefined },
  last: 'the standby does not answer',
}
const rules = {
  site: 'east',
  object: 'fw',
  place: 'rules in the kernel',
  what: 'not those of /etc/nftables.conf',
} as const

type Bad = {
  readonly kind: Alarm['kind']
  readonly when: string
  readonly facts: (now: Date) => Partial<Facts>
  readonly severity: Alarm['severity']
  readonly of: { readonly stack?: string; readonly site?: string }
  readonly what: RegExp
  readonly means: RegExp
  readonly todo: RegExp
}

const shop = { stack: 'shop' }
const bad: readonly Bad[] = [
  {
    ...{ kind: 'rpo-missed', when: 'the newest point is too old', severity: 'warning', of: shop },
    facts: (now) => ({ seen: [seen(now, { newest_point_at: at(-11 * second_ms).toISOString() })] }),
    what: /^the newest complete point is 1\d\.\d s old; the target is 10\.0 s$/,
    means: /a failover now would lose more than was agreed/,
    todo: /lifeboat replicate shop/,
  },
  {
    ...{ kind: 'rpo-missed', when: 'there is no point', severity: 'critical', of: shop },
    facts: (now) => ({ seen: [seen(now, { newest_point_at: undefined })] }),
    what: /^there is no complete point/,
    means: /a failover now would lose more/,
    todo: /lifeboat replicate shop/,
  },
  {
    ...{ kind: 'proof-old', when: 'nobody has drilled for a week', severity: 'warning', of: shop },
    facts: (now) => ({ seen: [seen(now, { proof: drilled(8 * day_ms) })] }),
    what: /^the last drill was 8 d/,
    means: /a digest does not show/,
    todo: /^lifeboat drill shop$/,
  },
  {
    ...{ kind: 'proof-old', when: 'it was never drilled', severity: 'warning', of: shop },
    facts: (now) => ({ seen: [seen(now, { proof: undefined, proof_state: 'never' })] }),
    what: /./,
    means: /nobody has seen that it would come up/,
    todo: /^lifeboat drill shop$/,
  },
  {
    ...{ kind: 'proof-broken', when: 'something changed since the drill', severity: 'warning', of: shop },
    facts: (now) => ({ seen: [seen(now, { proof_state: 'changed' })] }),
    what: /./,
    means: /what would be launched is not what was drilled/,
    todo: /^lifeboat drill shop$/,
  },
  {
    ...{ kind: 'proof-broken', when: 'the drill failed', severity: 'critical', of: shop },
    facts: (now) => ({ seen: [seen(now, { proof_state: 'failed' })] }),
    what: /./,
    means: /a failover may not work/,
    todo: /lifeboat report .* lifeboat drill shop/,
  },
  {
    ...{
      kind: 'standby-not-ready',
      when: 'an image is missing',
      severity: 'critical',
      of: { stack: 'shop', site: 'west' },
    },
    facts: (now) => ({ seen: [seen(now, {}, ['image shop-web is missing'])] }),
    what: /^image shop-web is missing$/,
    means: /a launch of shop at west would fail/,
    todo: /lifeboat replicate shop; lifeboat drill shop/,
  },
  {
    ...{
      kind: 'service-silent',
      when: 'the watch gets no connection',
      severity: 'warning',
      of: { stack: 'shop', site: 'west' },
    },
    facts: () => ({
      watched: [['shop', { site: 'west', at: start.toISOString(), silent: ['ldap'], words: 'connection refused' }]],
    }),
    what: /^ldap takes no connection at west: connection refused$/,
    means: /shop would come up there without/,
    todo: /look at the service/,
  },
  {
    ...{ kind: 'service-silent', when: 'the controller gets none', severity: 'warning', of: { site: 'west' } },
    facts: () => ({ silent_services: [{ site: 'west', service: 'ldap', why: 'no answer' }] }),
    what: /^ldap does not answer at west: no answer$/,
    means: /would come up there without it/,
    todo: /look at the service/,
  },
  {
    ...{ kind: 'pool-filling', when: 'it is full within a week', severity: 'warning', of: { site: 'west' } },
    facts: () => ({ full_on: new Map([['west', at(3 * day_ms)]]) }),
    what: /has 500 GB of 1\.0 TB left; as in the last day it will be full on 2026-01-04$/,
    means: /ends cycles without a point, and launches/,
    todo: /protect\.keep/,
  },
  {
    ...{ kind: 'pool-filling', when: 'little is left', severity: 'critical', of: { site: 'west' } },
    facts: () => ({ sites: [site('west', pool(49e9))] }),
    what: /^pool default has 49 GB of 1\.0 TB left$/,
    means: /ends cycles/,
    todo: /protect\.keep/,
  },
  {
    ...{ kind: 'two-active', when: 'both sites run it', severity: 'critical', of: shop },
    facts: (now) => {
      const found = seen(now, { two_active: true })
      const sites = found.status.sites.map((each) => ({ ...each, role: 'active' as const }))
      return { seen: [{ ...found, status: { ...found.status, sites } }] }
    },
    what: /^shop runs as active at east and west$/,
    means: /what is written there will be set aside/,
    todo: /lifeboat guard shop/,
  },
  {
    ...{ kind: 'certificate-expiring', when: 'one of the controller ends', severity: 'warning', of: {} },
    facts: () => ({
      certificates: [{ what: 'the certificate of this controller', until: at(20 * day_ms), of: 'controller' }],
    }),
    what: /^the certificate of this controller expires in (19 d \d+ h|20 d) \(2026-01-21\)$/,
    means: /connections that use it will be refused/,
    todo: /start the controller again/,
  },
  {
    ...{
      kind: 'certificate-expiring',
      when: "one of a stack's has ended",
      severity: 'critical',
      of: { stack: 'shop', site: 'east' },
    },
    facts: () => ({ inspected: [['shop', { at: start.toISOString(), hand: [], certificates: [served(-1)] }]] }),
    what: /^the certificate "shop-tls" of shop has expired \(2025-12-31\)$/,
    means: /clients will refuse it/,
    todo: /lifeboat deploy/,
  },
  {
    ...{
      kind: 'certificate-expiring',
      when: 'a DNS key is to be replaced',
      severity: 'critical',
      of: { site: 'east' },
    },
    facts: () => ({
      certificates: [{ what: 'the DNS key lifeboat of east', until: at(6 * day_ms), of: 'dns', site: 'east' }],
    }),
    what: /^the DNS key lifeboat of east expires in/,
    means: /no name follows a stack/,
    todo: /put it into the file/,
  },
  {
    ...{ kind: 'clock-apart', when: 'a site is ahead', severity: 'warning', of: { site: 'west' } },
    facts: () => ({ sites: [site('west', { clock_ahead_ms: 6000 })] }),
    what: /^the clock of west is 6\.0 s ahead$/,
    means: /ages of points are told by clocks; DNS updates fail/,
    todo: /time service/,
  },
  {
    ...{ kind: 'clock-apart', when: 'a site is far behind', severity: 'critical', of: { site: 'west' } },
    facts: () => ({ sites: [site('west', { clock_ahead_ms: -61_000 })] }),
    what: /^the clock of west is 1 min 1 s behind$/,
    means: /ages of points/,
    todo: /time service/,
  },
  {
    ...{ kind: 'site-silent', when: 'a site does not answer', severity: 'critical', of: { site: 'east' } },
    facts: () => ({ sites: [{ site: 'east', at: start.toISOString(), survey: undefined, silence: 'no route' }] }),
    what: /^east does not answer: no route$/,
    means: /that does not mean that it is down/,
    todo: /a person decides on lifeboat failover/,
  },
  {
    ...{ kind: 'controller-silent', when: 'the other controller does not', severity: 'warning', of: { site: 'east' } },
    facts: () => ({ peers: [{ site: 'east', state: 'silent', why: 'refused' }] }),
    what: /^the controller of east does not answer: refused$/,
    means: /this one does its work meanwhile/,
    todo: /systemctl status/,
  },
  {
    ...{ kind: 'schedule-failing', when: 'a task failed three times', severity: 'warning', of: shop },
    facts: () => ({ failing: [task] }),
    what: /^replicate failed 3 times in a row: the standby does not answer$/,
    means: /it is tried again/,
    todo: /^lifeboat plan replicate shop$/,
  },
  {
    ...{ kind: 'ingress-silent', when: 'clients get nothing', severity: 'critical', of: shop },
    facts: () => ({ asked: [asked({})] }),
    what: /^GET https:\/\/shop\.example\.com\/healthz at client: no answer, since 2026/,
    means: /clients get no good answer/,
    todo: /lifeboat status shop/,
  },
  {
    ...{ kind: 'ingress-silent', when: 'nothing is seen from a place', severity: 'warning', of: {} },
    facts: () => ({ asked: [asked({ state: 'unknown', blind: 'ssh: no route to host' })] }),
    what: /^client shows nothing: ssh: no route to host$/,
    means: /nobody sees there/,
    todo: /site file/,
  },
  {
    ...{ kind: 'limit-not-held', when: 'a limit has no relay', severity: 'warning', of: { site: 'west' } },
    facts: () => ({ unheld: ['west'] }),
    what: /nobody holds it$/,
    means: /they take what the line gives/,
    todo: /wan\.relay of west/,
  },
  {
    ...{ kind: 'changed-by-hand', when: 'somebody changed rules', severity: 'warning', of: shop },
    facts: () => ({
      inspected: [['shop', { at: start.toISOString(), hand: [{ ...rules, by: 'hand' }], certificates: [] }]],
    }),
    what: /^fw at east: rules in the kernel not those of \/etc\/nftables\.conf$/,
    means: /the other site would come up without it/,
    todo: /^lifeboat diff shop shows it; .* lifeboat deploy FILE --overwrite fw$/,
  },
]

function alarms() {
  const clock = virtualClock(start, { auto: false })
  const told: AlarmEvent[] = []
  const opened = openAlarms(openDatabase(':memory:'), clock, 4 * hour_ms, (event) => void told.push(event))
  const judge = async (facts: (now: Date) => Partial<Facts>, after_ms = 4 * second_ms) => {
    opened.judge(conditionsOf({ ...good(clock.now()), ...facts(clock.now()) }))
    await clock.advance(after_ms)
  }
  return { told, judge, open: opened.open, clock }
}

test('on a good day there is none', () => {
  expect(conditionsOf(good(start))).toEqual([])
})

test('no kind is left out here', () => {
  expect([...new Set(bad.map(({ kind }) => kind))].sort()).toEqual([...Alarm.shape.kind.options].sort())
})

test.each(bad)('$kind, $when', async ({ kind, facts, severity, of, what, means, todo }) => {
  const { told, judge, open } = alarms()
  for (let times = 0; told.length === 0 && times < 20; times++) await judge(facts)
  const matching = (pattern: RegExp) => expect.stringMatching(pattern)
  const alarm = { kind, severity, ...of, what: matching(what), means: matching(means), todo: matching(todo) }
  expect(told).toEqual([{ event: 'open', alarm: expect.objectContaining(alarm) }])
  const { stack, site: where } = told[0]?.alarm ?? {}
  expect({ stack, site: where }).toEqual({ stack: undefined, site: undefined, ...of })
  await judge(() => facts(at(4 * second_ms)), 4 * hour_ms)
  await judge(facts)
  await judge(facts)
  expect(told.map(({ event }) => event)).toEqual(['open', 'repeat'])
  for (let times = 0; times < 3; times++) await judge(() => ({}))
  expect(told.map(({ event }) => event)).toEqual(['open', 'repeat', 'resolved'])
  expect(new Set(told.map((each) => each.alarm.id)).size).toBe(1)
  expect(open()).toEqual([])
})

test.each([
  [
    'a point that is just young enough',
    (now: Date) => ({ seen: [seen(now, { newest_point_at: new Date(now.getTime() - 10_000).toISOString() })] }),
  ],
  ['a drill of just a week ago', (now: Date) => ({ seen: [seen(now, { proof: drilled(7 * day_ms) })] })],
  ['a tenth of the pool', () => ({ sites: [site('west', pool(100e9))] })],
  ['a pool that is full in eight days', () => ({ full_on: new Map([['west', at(8 * day_ms)]]) })],
  ['clocks five seconds apart', () => ({ sites: [site('west', { clock_ahead_ms: -5000 })] })],
  ['one bad answer', () => ({ asked: [asked({ failures: 1 })] })],
  ['a certificate for 31 days', () => ({ inspected: [['shop', { at: '', hand: [], certificates: [served(31)] }]] })],
  ['no point yet, told as a missed target only', (now: Date) => ({ seen: [seen(now, {}, ['no complete point'])] })],
] as readonly (readonly [string, (now: Date) => Partial<Facts>])[])('%s is none', (_, facts) => {
  expect(conditionsOf({ ...good(start), ...facts(start) })).toEqual([])
})

test('two of a kind are two alarms, and the one that is mended ends alone', async () => {
  const { told, judge, open } = alarms()
  const certificate = (name: string) =>
    ({ what: `the client certificate for ${name}`, until: at(20 * day_ms), of: 'controller' }) as const
  const service = (name: string) => ({ site: 'west', service: name, why: 'no answer' })
  const both = {
    certificates: ['east', 'west'].map(certificate),
    silent_services: ['ldap', 'billing'].map(service),
    failing: [task, { ...task, task: 'drill' as const }],
  }
  for (let times = 0; times < 20; times++) await judge(() => both)
  expect(told.map(({ alarm }) => alarm.what.split(/[ :]/).slice(0, 5).join(' ')).sort()).toEqual([
    'billing does not answer at',
    'drill failed 3 times in',
    'ldap does not answer at',
    'replicate failed 3 times in',
    'the client certificate for east',
    'the client certificate for west',
  ])
  await judge(() => ({ certificates: [certificate('west')], silent_services: [service('billing')], failing: [task] }))
  expect(
    open()
      .map(({ what }) => what.split(' ')[0])
      .sort(),
  ).toEqual(['billing', 'replicate', 'the'])
  expect(told.filter(({ event }) => event === 'resolved')).toHaveLength(3)
})

test('a certificate is told as a warning, as critical a week before its end, and as expired', async () => {
  const { told, judge, clock } = alarms()
  const facts = () => ({
    certificates: [{ what: 'the certificate', until: at(31 * day_ms), of: 'controller' as const }],
  })
  for (let days = 0; days < 33; days++) {
    await judge(facts, day_ms)
    expect(told.length > 0).toBe(clock.now() > at(1 * day_ms))
  }
  expect(told[0]).toMatchObject({ event: 'open', alarm: { severity: 'warning' } })
  const first = told.findIndex(({ alarm }) => alarm.severity === 'critical')
  expect(told[first]?.alarm.what).toContain('expires in 6 d')
  expect(told.at(-1)?.alarm.what).toBe('the certificate has expired (2026-02-01)')
})
