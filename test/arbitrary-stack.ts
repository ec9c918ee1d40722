import fc from 'fast-check'
import type {
  End,
  Firewall,
  Ingress,
  LoadBalancer,
  MachineGroup,
  Nat,
  Rule,
  Segment,
  Stack,
} from '../src/stack/stack.ts'

/** Valid stacks of every shape that the compiler has to deal with; small, so that a counterexample can be read. */
export const arbitraryStack: fc.Arbitrary<Stack> = fc
  .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }))
  .chain(([segment_count, group_count]) => {
    const segments = NAMES.slice(0, segment_count)
    const groups = GROUPS.slice(0, group_count)
    return fc
      .record({
        name: fc.constantFrom('shop', 'desk', 'a'),
        segments: fc.tuple(...segments.map((name, index) => arbitrarySegment(name, index))),
        machines: fc.tuple(...groups.map((name, index) => arbitraryGroup(name, groups.slice(0, index), segments))),
        services: fc.array(arbitraryBalanced(segments, groups), { maxLength: 4 }),
        firewalls: fc.array(arbitraryInside(segments), { maxLength: 2 }),
        nats: fc.array(
          fc.record({ inside: arbitraryInside(segments), reaches: fc.subarray(CENTRAL, { minLength: 1 }) }),
          {
            maxLength: 2,
          },
        ),
        away: fc.oneof(fc.constant([]), fc.subarray([...segments])),
        rules: fc.array(arbitraryRule(segments, groups), { minLength: 1, maxLength: 8, size: 'max' }),
        routed: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
      })
      .map(assemble)
  })

export const CENTRAL_ADDRESSES = { ldap: '10.200.0.1', ntp: '10.200.0.2', sql: '10.200.0.3' }

const NAMES = ['web', 'app', 'data', 'front', 'back'] as const
const GROUPS = ['red', 'blue', 'green', 'black', 'white'] as const
const CENTRAL = ['ldap', 'ntp', 'sql']
/** Outside and inside, and one within another. */
const GROUP = [
  '203.0.113.0/25',
  '203.0.113.7/32',
  '10.2.32.0/23',
  '198.18.0.0/16',
  '2001:db8:9:8000::/49',
  'fd00:2::/112',
]
const PREFIXES6 = ['2001:db8:9::/48', '2001:db8:9:8000::/49', 'fd00:1::/112', 'fd00::/16']
const INTERNET: Nat['internet'] = [
  { name: 'updates', protocol: 'tcp', port: 443 },
  { name: 'resolver', protocol: 'udp', port: 53 },
]
const PORTS = { ldap: ['tcp', 389], ntp: ['udp', 123], sql: ['tcp', 5432] } as const

type Draft = {
  readonly name: string
  readonly segments: readonly Segment[]
  readonly machines: readonly MachineGroup[]
  readonly services: readonly { listen: string; pool: string }[]
  readonly firewalls: readonly string[][]
  readonly nats: readonly { inside: string[]; reaches: string[] }[]
  readonly away: readonly string[]
  readonly rules: readonly DraftRule[]
  /** Services with an IPv6 address of the stack's own, where they listen in a segment with IPv6. */
  readonly routed: readonly boolean[]
}
type DraftRule = {
  readonly protocol: Rule['protocol']
  readonly from: readonly string[]
  readonly to: readonly string[]
  readonly width: number
} & Pick<Rule, 'verdict' | 'at' | 'log' | 'limit'>

function arbitrarySegment(name: string, index: number): fc.Arbitrary<Segment> {
  return fc.tuple(fc.constantFrom(20, 24, 25, 26, 27), fc.constantFrom(true, true, false)).map(([bits, dual]) => ({
    name,
    prefix: `10.${index + 1}.32.0/${bits}`,
    ...(dual ? { prefix6: `fd00:${index + 1}::/64` } : {}),
  }))
}

function arbitraryGroup(
  name: string,
  before: readonly string[],
  segments: readonly string[],
): fc.Arbitrary<MachineGroup> {
  return fc.record({
    name: fc.constant(name),
    image: fc.constant(name),
    instances: fc
      .integer({ min: 1, max: 3 })
      .map((count) => Array.from({ length: count }, (_, index) => `${name}${index + 1}`)),
    segment: fc.constantFrom(...segments),
    stateful: fc.boolean(),
    needs: fc.subarray([...before]),
    ready: fc.constantFrom({ by: 'tcp', port: 7 } as const, undefined),
    ready_within_s: fc.constant(60),
    freeze: fc.constant(undefined),
  })
}

function arbitraryBalanced(segments: readonly string[], groups: readonly string[]) {
  return fc.record({ listen: fc.constantFrom(...segments), pool: fc.constantFrom(...groups) })
}

function arbitraryInside(segments: readonly string[]): fc.Arbitrary<string[]> {
  return fc.subarray([...segments], { minLength: 1 })
}

/** Ends are drawn as words; `s0` to `s3` are balanced services, dropped where there are not so many. */
function arbitraryRule(segments: readonly string[], groups: readonly string[]): fc.Arbitrary<DraftRule> {
  // The last is where a drill puts its client.
  const prefixes = ['203.0.113.0/24', '203.0.113.128/25', '10.1.32.0/28', '10.0.0.0/8', ...PREFIXES6, '198.18.0.0/23']
  const words = fc.constantFrom('anyone', 'group', ...prefixes, ...segments, ...groups)
  const targets = fc.oneof(words, fc.constantFrom('s0', 's1', 's2', 's3'))
  return fc.record({
    protocol: fc.constantFrom('tcp', 'tcp', 'udp', 'icmp'),
    from: fc.array(words, { minLength: 1, maxLength: 2 }),
    to: fc.array(targets, { minLength: 1, maxLength: 2 }),
    width: fc.integer({ min: 0, max: 3 }),
    verdict: fc.constantFrom('allow', 'allow', 'allow', 'deny'),
    at: fc.constantFrom(undefined, undefined, undefined, 2222, 8443),
    log: fc.boolean(),
    limit: fc.constantFrom(
      undefined,
      undefined,
      { count: 100, per: 'second' as const, each_client: false },
      { count: 20, per: 'minute' as const, each_client: true },
    ),
  })
}

function assemble(draft: Draft): Stack {
  const load_balancers = balancers(draft)
  const firewalls = firewallsOf(draft, load_balancers)
  return {
    name: draft.name,
    segments: draft.segments,
    machines: draft.machines,
    firewalls,
    load_balancers,
    nats: natsOf(draft),
    ingress: ingressOf(draft, firewalls),
    services: CENTRAL.map((name) => {
      const [protocol, port] = PORTS[name as keyof typeof PORTS]
      return { name, protocol, port, drill: 'deny' as const }
    }),
    secrets: [],
    protect: undefined,
    checks: [],
    addresses: [],
  }
}

/** The firewall that lets clients in has a leg where the service listens: of several only one could (`check` says so). */
function ingressOf({ services, segments, routed }: Draft, firewalls: readonly Firewall[]): Ingress[] {
  return services.flatMap(({ listen }, index): Ingress[] => {
    const has6 = segments.find(({ name }) => name === listen)?.prefix6 !== undefined
    const own = [{ prefix: '2001:db8:100::/48', address: `2001:db8:100::${index + 1}` }]
    const near = firewalls.length === 1 && firewalls[0]?.inside.includes(listen) === true
    return has6 && near && routed[index] === true
      ? [{ name: `s${index}`, to: `s${index}`, dns: false, ttl_s: 30, own }]
      : []
  })
}

/** Services alternate between two load balancers. */
function balancers({ services }: Draft): LoadBalancer[] {
  const all = services.map(({ listen, pool }, index) => ({
    name: `s${index}`,
    listen: { segment: listen, port: 8000 + index },
    mode: 'tcp' as const,
    tls: [],
    routes: [],
    target: {
      do: 'pass' as const,
      pool: {
        machine: pool,
        port: 9000,
        backups: [],
        balance: 'least-connections' as const,
        sticky: undefined,
        check: { by: 'tcp' as const },
      },
    },
    limits: {
      connections: undefined,
      connections_per_client: undefined,
      connections_per_server: undefined,
      requests_per_client: undefined,
    },
    headers: { request: { set: [], remove: [] }, response: { set: [], remove: [] } },
    raw: { frontend: [], backend: [] },
  }))
  return [0, 1]
    .map((which) => ({ name: `lb${which}`, services: all.filter((_, index) => index % 2 === which) }))
    .filter((balancer) => balancer.services.length > 0)
}

/** No segment is behind two firewalls, and one without any appliance is put behind one more. */
function firewallsOf(draft: Draft, load_balancers: readonly LoadBalancer[]): Firewall[] {
  const used = new Set<string>()
  const make = (name: string, segments: readonly string[]): Firewall[] => {
    const inside = segments.filter((segment) => !used.has(segment))
    for (const segment of inside) used.add(segment)
    const rules = draft.rules.flatMap((rule, index) => ruleOf(draft, load_balancers, rule, index))
    return inside.length === 0 ? [] : [{ name, outside: 'dhcp', inside, rules, raw: { translate: [], forward: [] } }]
  }
  const drawn = draft.firewalls.flatMap((inside, index) => make(`fw${index}`, inside))
  const served = new Set([
    ...draft.nats.flatMap(({ inside }) => inside),
    ...draft.services.flatMap(({ listen, pool }) => [
      listen,
      draft.machines.find(({ name }) => name === pool)?.segment,
    ]),
  ])
  const rest = draft.segments.map(({ name }) => name).filter((name) => !served.has(name))
  return [...drawn, ...make('fw-rest', rest)]
}

function ruleOf(draft: Draft, load_balancers: readonly LoadBalancer[], rule: DraftRule, index: number): Rule[] {
  const balanced = load_balancers.flatMap(({ services }) => services)
  const ends = (words: readonly string[]) =>
    words.flatMap((word): End[] => {
      if (word === 'anyone') return [{ kind: 'anyone' }]
      if (word === 'group') return [{ kind: 'group', group: word, prefixes: GROUP }]
      if (word.includes('/')) return [{ kind: 'prefix', prefix: word }]
      if (balanced.some(({ name }) => name === word)) return [{ kind: 'balanced', service: word }]
      if (draft.segments.some(({ name }) => name === word)) return [{ kind: 'segment', segment: word }]
      return draft.machines.some(({ name }) => name === word) ? [{ kind: 'machine', machine: word }] : []
    })
  const from = ends(rule.from)
  const to = ends(rule.to)
  if (from.length === 0 || to.length === 0) return []
  // Some rules open the ports of balanced services, others ports of their own.
  const first = to.some(({ kind }) => kind === 'balanced') ? 8000 : 1000 + 10 * index
  const ports = rule.protocol === 'icmp' ? undefined : { first, last: first + rule.width }
  return [
    {
      number: index + 1,
      verdict: rule.verdict,
      protocol: rule.protocol,
      ports,
      icmp: rule.protocol === 'icmp' ? ('echo-request' as const) : undefined,
      at: rule.verdict === 'allow' && ports !== undefined && rule.width === 0 ? rule.at : undefined,
      log: rule.log,
      limit: rule.verdict === 'allow' ? rule.limit : undefined,
      from,
      to,
      words: `rule ${index}: ${rule.from.join(', ')} to ${rule.to.join(', ')}`,
    },
  ]
}

/** A central service has one NAT box for each segment. */
function natsOf({ nats, away, firewalls }: Draft): Nat[] {
  const used = new Set<string>()
  const taken = new Set(firewalls.flat())
  const free_segments = away.filter((segment) => !taken.has(segment))
  // What leads to the Internet is the way out of its segments: no firewall is beside it.
  const out: Nat[] =
    free_segments.length === 0
      ? []
      : [{ name: 'out', outside: 'dhcp', inside: free_segments, reaches: [], internet: INTERNET }]
  const boxes = nats.flatMap(({ inside, reaches }, index) => {
    const free = reaches.filter((service) => inside.every((segment) => !used.has(`${service} ${segment}`)))
    for (const service of free) for (const segment of inside) used.add(`${service} ${segment}`)
    // A box that reaches nothing would still serve its segments; the language asks for one service at least.
    return [
      { name: `nat${index}`, outside: 'dhcp' as const, inside, reaches: free.length === 0 ? [] : free, internet: [] },
    ]
  })
  return [...boxes, ...out]
}
