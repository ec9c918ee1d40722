/**
 * Reads the text of an nftables file and decides what happens to the first packet of a connection, as nft(8) says. Only
 * what our files contain is understood; anything else throws. It shares nothing with the compiler, on purpose.
 */
export type Packet = {
  readonly iif: string
  readonly src: string
  readonly dst: string
  readonly protocol: 'tcp' | 'udp' | 'icmp'
  readonly sport: number
  readonly dport: number
}

/** Where the kernel would send a packet: the box itself, or out of a leg. */
export type Host = { readonly local: readonly string[]; readonly route: (dst: string) => string }

export type Outcome =
  | { readonly verdict: 'dropped'; readonly by: string }
  | { readonly verdict: 'received'; readonly dst: string }
  | {
      readonly verdict: 'forwarded'
      readonly dst: string
      readonly dport: number
      readonly oif: string
      readonly hidden: boolean
    }

export function readRuleset(text: string): (packet: Packet, host: Host) => Outcome {
  const chains = parseChains(text)
  return (packet, host) => traverse(chains, packet, host)
}

type Chain = {
  readonly name: string
  readonly type: string
  readonly hook: string
  readonly policy: string
  readonly rules: string[]
}
type State = Packet & {
  readonly oif: string
  readonly original: string
  readonly translated: boolean
  readonly local: readonly string[]
}
type Verdict =
  | { readonly verdict: 'accept' | 'drop' | 'masquerade' }
  | { readonly verdict: 'dnat'; readonly to: string }

function traverse(chains: readonly Chain[], packet: Packet, host: Host): Outcome {
  let state: State = { ...packet, oif: '', original: packet.dst, translated: false, local: host.local }
  if (run(chain(chains, 'prerouting', 'filter'), state).verdict === 'drop') return { verdict: 'dropped', by: 'spoofed' }
  const translate = chains.find(({ hook, type }) => hook === 'prerouting' && type === 'nat')
  const translation = translate === undefined ? undefined : run(translate, state)
  if (translation?.verdict === 'dnat') {
    const [dst = '', port] = translation.to.split(':')
    state = { ...state, dst, dport: port === undefined ? state.dport : Number(port), translated: true }
  }
  if (host.local.includes(state.dst)) {
    const { verdict } = run(chain(chains, 'input', 'filter'), state)
    return verdict === 'accept' ? { verdict: 'received', dst: state.dst } : { verdict: 'dropped', by: 'input' }
  }
  state = { ...state, oif: host.route(state.dst) }
  if (run(chain(chains, 'forward', 'filter'), state).verdict !== 'accept') return { verdict: 'dropped', by: 'forward' }
  const hide = chains.find(({ hook, type }) => hook === 'postrouting' && type === 'nat')
  const hidden = hide !== undefined && run(hide, state).verdict === 'masquerade'
  return { verdict: 'forwarded', dst: state.dst, dport: state.dport, oif: state.oif, hidden }
}

function chain(chains: readonly Chain[], hook: string, type: string): Chain {
  const found = chains.filter((candidate) => candidate.hook === hook && candidate.type === type)
  if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} ${type} chains at ${hook}`)
  return found[0]
}

function parseChains(text: string): Chain[] {
  const defines = new Map<string, string>()
  const chains: Chain[] = []
  const objects = new Set<string>()
  let name = ''
  for (const raw of text.split('\n')) {
    const line = raw.trim().replace(/\$([\w-]+)/g, (_, key: string) => {
      const value = defines.get(key)
      if (value === undefined) throw new Error(`$${key} is not defined`)
      return value
    })
    const object = /^(?:set|limit) (\w+) \{ .* \}$/.exec(line)?.[1]
    const used = /(?:@|limit name ")(\w+)/.exec(line)?.[1]
    if (used !== undefined && !objects.has(used)) throw new Error(`${used} is not declared before: "${line}"`)
    const define = /^define ([\w-]+) = (\S+)$/.exec(line)
    const head = /^type (\w+) hook (\w+) priority \w+; policy (\w+);$/.exec(line)
    if (object !== undefined) objects.add(object)
    else if (define !== null) defines.set(define[1] ?? '', define[2] ?? '')
    else if (/^chain \w+ \{$/.test(line)) name = line.split(' ')[1] ?? ''
    else if (head !== null)
      chains.push({ name, type: head[1] ?? '', hook: head[2] ?? '', policy: head[3] ?? '', rules: [] })
    else if (line === '' || line.startsWith('#') || line === '}' || /^(table inet \w+ \{|flush ruleset)$/.test(line))
      continue
    else chains.at(-1)?.rules.push(line)
  }
  return chains
}

function run({ rules, policy }: Chain, state: State): Verdict {
  for (const rule of rules) {
    const verdict = apply(rule, state)
    if (verdict !== undefined) return verdict
  }
  return { verdict: policy === 'drop' ? 'drop' : 'accept' }
}

const MATCHES: readonly [RegExp, (state: State, found: readonly string[]) => boolean][] = [
  [/^iifname "([^"]+)"/, (state, [name]) => state.iif === name],
  [/^oifname "([^"]+)"/, (state, [name]) => state.oif === name],
  [
    /^(ip6?) (saddr|daddr) (!= )?(\{[^}]*\}|\S+)/,
    (state, [ip, which, not, set]) =>
      (ip === 'ip6') === isIpv6(state.src) && inSet(which === 'saddr' ? state.src : state.dst, set) !== Boolean(not),
  ],
  [/^meta nfproto ipv6/, (state) => isIpv6(state.src)],
  // What only a neighbour can send; no packet here is one of those.
  [/^ip6 hoplimit 255/, (state) => isIpv6(state.src)],
  [/^icmpv6 type (\{ [a-z0-9-]+(?:, [a-z0-9-]+)* \}|nd-[a-z-]+)/, () => false],
  [/^icmpv6 type echo-request/, (state) => state.protocol === 'icmp' && isIpv6(state.src)],
  [/^ct original ip daddr (\S+)/, (state, [set]) => inSet(state.original, set)],
  [/^ct state (established,related|invalid)/, () => false],
  [/^ct status dnat/, (state) => state.translated],
  [/^fib daddr type local/, (state) => state.local.includes(state.dst)],
  [
    /^(tcp|udp) (sport|dport) (\d+)(?:-(\d+))?(?= |$)/,
    (state, [protocol, which, first, last]) => {
      const port = which === 'sport' ? state.sport : state.dport
      return state.protocol === protocol && port >= Number(first) && port <= Number(last ?? first)
    },
  ],
  [/^meta l4proto ipv6-icmp/, (state) => state.protocol === 'icmp' && isIpv6(state.src)],
  [
    /^meta l4proto (\w+)/,
    (state, [protocol]) => state.protocol === protocol && (protocol !== 'icmp' || !isIpv6(state.src)),
  ],
  [/^icmp type echo-request/, (state) => state.protocol === 'icmp' && !isIpv6(state.src)],
  // Over a limit: never, here. The first packet of a client is always within it.
  [/^limit name "\w+"/, () => false],
  [/^update @\w+ \{ ip6? saddr (?:& ffff:ffff:ffff:ffff:: )?limit rate over [^}]*\}/, () => false],
  [/^limit rate \d+\/second burst \d+ packets/, () => true],
  [/^counter/, () => true],
]

function apply(rule: string, state: State): Verdict | undefined {
  const { matches, verdict } = readRule(rule)
  // `dnat ip` leaves packets of the other family alone (nft_nat_inet_eval of Linux).
  if (verdict?.verdict === 'dnat' && isIpv6(state.src)) return undefined
  return matches.every((holds) => holds(state)) ? verdict : undefined
}

type ReadRule = { readonly matches: readonly ((state: State) => boolean)[]; readonly verdict: Verdict | undefined }

/** Each rule is read once, whatever the number of packets. */
const known = new Map<string, ReadRule>()

function readRule(rule: string): ReadRule {
  const before = known.get(rule)
  if (before !== undefined) return before
  const matches: ((state: State) => boolean)[] = []
  let rest = rule
  for (;;) {
    const verdict = /^(accept|drop|masquerade|dnat ip to (\S+))(?: comment "[^"]{1,127}")?$/.exec(rest)
    // Writes a line and decides nothing.
    const line = /^log prefix "[^"]{1,127}" group \d+$/.test(rest)
    if (verdict !== null || line) {
      const read = { matches, verdict: verdict === null ? undefined : verdictOf(verdict) }
      known.set(rule, read)
      return read
    }
    const match = MATCHES.map(([pattern, holds]) => ({ found: pattern.exec(rest), holds })).find(
      ({ found }) => found !== null,
    )
    if (match === undefined || match.found === null) throw new Error(`not understood: "${rest}" in "${rule}"`)
    const found = match.found.slice(1)
    matches.push((state) => match.holds(state, found))
    rest = rest.slice(match.found[0].length).trimStart()
  }
}

function verdictOf([, verdict, to]: readonly string[]): Verdict {
  return to === undefined ? { verdict: verdict as 'accept' | 'drop' | 'masquerade' } : { verdict: 'dnat', to }
}

function inSet(address: string, set: string | undefined): boolean {
  const parts = (set ?? '')
    .replace(/[{}]/g, '')
    .split(',')
    .map((part) => part.trim())
  return parts.some((part) => within(address, part))
}

function within(address: string, part: string): boolean {
  const [base = '', bits] = part.split('/')
  if (isIpv6(address) !== isIpv6(base)) return false
  if (bits !== undefined) {
    const shift = (isIpv6(base) ? 128n : 32n) - BigInt(bits)
    return big(address) >> shift === big(base) >> shift
  }
  const [first = '', last = first] = part.split('-')
  return big(address) >= big(first) && big(address) <= big(last)
}

function isIpv6(address: string): boolean {
  return address.includes(':')
}

const numbers = new Map<string, bigint>()

function big(address: string): bigint {
  const value = numbers.get(address) ?? numberOf(address)
  numbers.set(address, value)
  return value
}

function numberOf(address: string): bigint {
  if (isIpv6(address)) {
    const [head = [], tail = []] = address.split('::').map((half) => half.split(':').filter((group) => group !== ''))
    const groups = [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail]
    return groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n)
  }
  return address.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n)
}
