import type { Compiled, CompiledAppliance } from '../src/compile/compiled.ts'
import type { BalancedService, End, Firewall, LoadBalancer, Nat, Rule, Stack } from '../src/stack/stack.ts'
import { CENTRAL_ADDRESSES } from './arbitrary-stack.ts'
import type { Host, Packet } from './nft-evaluator.ts'

/**
 * What should happen to a packet, from the stack's own words and the computed addresses. Written apart from the
 * compiler: packet by packet instead of rule by rule.
 */
export type Want =
  | { readonly verdict: 'dropped' }
  | { readonly verdict: 'received'; readonly dst: string }
  | {
      readonly verdict: 'forwarded'
      readonly dst: string
      readonly dport: number
      readonly oif: string
      readonly hidden: boolean
    }

export const OUTSIDE_ADDRESS = '198.51.100.7'
export const OUTSIDE_ADDRESS6 = '2001:db8:ffff::7'
const DROPPED = { verdict: 'dropped' } as const

export function judge(stack: Stack, compiled: Compiled, box: CompiledAppliance, packet: Packet): Want {
  const firewall = stack.firewalls.find(({ name }) => name === box.name)
  const balancer = stack.load_balancers.find(({ name }) => name === box.name)
  const nat = stack.nats.find(({ name }) => name === box.name)
  const own = judgeOwn(compiled, box, packet)
  if (own !== undefined) return own
  if (firewall !== undefined) return judgeFirewall(stack, compiled, firewall, packet)
  if (balancer !== undefined) return judgeBalancer(stack, compiled, balancer, packet)
  if (nat !== undefined) return judgeNat(stack, compiled, nat, packet)
  throw new Error(`${box.name} is nothing`)
}

/** DHCP, DNS and ping: to the leg's own address, from its own segment. */
function judgeOwn(compiled: Compiled, box: CompiledAppliance, packet: Packet): Want | undefined {
  const segment = compiled.segments.find(({ name }) => name === packet.iif)
  if (segment === undefined) return undefined
  const to_leg = packet.dst === legAddress(compiled, box.name, segment.name, is6(packet.dst))
  const anchored = segment.anchor === box.name
  const near = inSegment(packet.src, segment.prefix, segment.ipv6?.prefix)
  const dns = packet.dport === 53 && packet.protocol !== 'icmp'
  if (to_leg && near && (packet.protocol === 'icmp' || (anchored && dns)))
    return { verdict: 'received', dst: packet.dst }
  return undefined
}

function judgeFirewall(stack: Stack, compiled: Compiled, firewall: Firewall, packet: Packet): Want {
  const v6 = is6(packet.src)
  const speaks6 = stack.segments.some(({ name, prefix6 }) => firewall.inside.includes(name) && prefix6 !== undefined)
  if (v6 && !speaks6) return DROPPED
  const own = stack.segments.find(({ prefix, prefix6 }) => inSegment(packet.src, prefix, prefix6))
  const routed = stack.ingress.filter((entry) => entry.own.some(({ address }) => address === packet.dst))
  if (packet.iif === 'outside' && routed.length > 0)
    return own !== undefined || isRouted(stack, packet.src)
      ? DROPPED
      : judgeRouted(
          stack,
          compiled,
          firewall,
          packet,
          routed.map(({ to }) => to),
        )
  if (packet.iif === 'outside') {
    if (own !== undefined || isRouted(stack, packet.src)) return DROPPED
    if (packet.dst !== (v6 ? OUTSIDE_ADDRESS6 : OUTSIDE_ADDRESS)) return DROPPED
    // Over IPv6 nothing is translated: the proxy takes TCP, and all else ends here.
    const target = v6 && packet.protocol !== 'tcp' ? undefined : led(stack, compiled, firewall, packet)
    if (target !== undefined) {
      const inner = { ...packet, dst: target.dst, dport: target.dport }
      const decided = firstRule(stack, compiled, firewall, inner)
      if (decided?.verdict !== 'allow') return DROPPED
      return v6 ? { verdict: 'received', dst: packet.dst } : { verdict: 'forwarded', ...target, hidden: false }
    }
    return packet.protocol === 'icmp' ? { verdict: 'received', dst: packet.dst } : DROPPED
  }
  const to = stack.segments.find(({ prefix, prefix6 }) => inSegment(packet.dst, prefix, prefix6))
  if (v6 && to === undefined) return DROPPED
  const oif = to === undefined ? 'outside' : to.name
  if (own?.name !== packet.iif || oif === packet.iif) return DROPPED
  if (to !== undefined && !firewall.inside.includes(to.name)) return DROPPED
  const isOwn = stack.segments.some(({ name }) => legAddress(compiled, firewall.name, name, v6) === packet.dst)
  if (isOwn || packet.dst === OUTSIDE_ADDRESS || packet.dst === OUTSIDE_ADDRESS6) return DROPPED
  return firstRule(stack, compiled, firewall, packet)?.verdict === 'allow'
    ? { verdict: 'forwarded', dst: packet.dst, dport: packet.dport, oif, hidden: to === undefined }
    : DROPPED
}

/** What is for an IPv6 address of the stack's own is meant for the service there, as if it were sent to where that listens. */
function judgeRouted(
  stack: Stack,
  compiled: Compiled,
  firewall: Firewall,
  packet: Packet,
  names: readonly string[],
): Want {
  for (const rule of firewall.rules) {
    if (
      !carries(rule, packet) ||
      !rule.from.some((end) => isEnd(stack, compiled, firewall, end, packet.src, undefined))
    )
      continue
    for (const name of names) {
      const found = serviceNamed(stack, name)
      const segment = found?.service.listen.segment ?? ''
      if (found === undefined || !firewall.inside.includes(segment)) continue
      const inner = { ...packet, dst: legAddress(compiled, found.balancer.name, segment, true) }
      const reached = rule.to.some((end) =>
        rule.verdict === 'deny'
          ? isEnd(stack, compiled, firewall, end, inner.dst, inner)
          : end.kind === 'balanced' && end.service === name && isFor(found.service, packet),
      )
      if (!reached) continue
      if (rule.verdict === 'deny') return DROPPED
      return { verdict: 'forwarded', dst: packet.dst, dport: packet.dport, oif: segment, hidden: false }
    }
  }
  return DROPPED
}

function isRouted(stack: Stack, address: string): boolean {
  return stack.ingress.some(({ own }) => own.some((each) => each.address === address))
}

/** Where the outside address leads: what is denied leads nowhere by itself. */
function led(stack: Stack, compiled: Compiled, firewall: Firewall, packet: Packet) {
  for (const rule of firewall.rules) {
    const inner = { ...packet, dport: rule.at === packet.dport ? (rule.ports?.first ?? 0) : packet.dport }
    if (rule.verdict === 'deny' || (rule.at !== undefined && rule.at !== packet.dport) || !carries(rule, inner))
      continue
    if (!rule.from.some((end) => isEnd(stack, compiled, firewall, end, packet.src, undefined))) continue
    for (const end of rule.to) {
      const target = singleTarget(stack, compiled, firewall, end, inner)
      if (target !== undefined) return { ...target, dport: inner.dport }
    }
  }
  return undefined
}

/** Limits are far away: no packet here is beyond one. */
function firstRule(stack: Stack, compiled: Compiled, firewall: Firewall, packet: Packet): Rule | undefined {
  return firewall.rules.find(
    (rule) =>
      carries(rule, packet) &&
      rule.from.some((end) => isEnd(stack, compiled, firewall, end, packet.src, undefined)) &&
      rule.to.some((end) => isReached(stack, compiled, firewall, rule, end, packet)),
  )
}

/** From outside only what has one address is let through; anything may be denied. */
function isReached(
  stack: Stack,
  compiled: Compiled,
  firewall: Firewall,
  rule: Rule,
  end: End,
  packet: Packet,
): boolean {
  if (!isEnd(stack, compiled, firewall, end, packet.dst, packet)) return false
  if (rule.verdict === 'deny' || packet.iif !== 'outside') return true
  return singleTarget(stack, compiled, firewall, end, packet) !== undefined
}

function carries({ protocol, ports }: Rule, packet: Packet): boolean {
  if (protocol !== packet.protocol) return false
  return ports === undefined || (packet.dport >= ports.first && packet.dport <= ports.last)
}

function isEnd(
  stack: Stack,
  compiled: Compiled,
  firewall: Firewall,
  end: End,
  value: string,
  packet: Packet | undefined,
): boolean {
  switch (end.kind) {
    case 'anyone':
      return true
    case 'group':
      return end.prefixes.some((prefix) => inPrefix(value, prefix))
    case 'prefix':
      return inPrefix(value, end.prefix)
    case 'segment':
      return stack.segments.some(
        ({ name, prefix, prefix6 }) => name === end.segment && inSegment(value, prefix, prefix6),
      )
    case 'machine':
      return groupAddresses(stack, compiled, end.machine, is6(value)).some(({ address }) => address === value)
    case 'balanced': {
      const found = serviceNamed(stack, end.service)
      if (found === undefined || packet === undefined) return false
      return (
        firewall.inside.includes(found.service.listen.segment) &&
        legAddress(compiled, found.balancer.name, found.service.listen.segment, is6(value)) === value &&
        isFor(found.service, packet)
      )
    }
  }
}

function isFor(service: BalancedService, packet: Packet): boolean {
  return packet.protocol === 'icmp' || (packet.protocol === 'tcp' && packet.dport === service.listen.port)
}

function singleTarget(stack: Stack, compiled: Compiled, firewall: Firewall, end: End, packet: Packet) {
  if (end.kind === 'machine') {
    const all = groupAddresses(stack, compiled, end.machine, is6(packet.src))
    const only = all.length === 1 ? all[0] : undefined
    return only !== undefined && only.address !== 'none' && firewall.inside.includes(only.segment)
      ? { dst: only.address, oif: only.segment }
      : undefined
  }
  if (end.kind !== 'balanced') return undefined
  const found = serviceNamed(stack, end.service)
  if (found === undefined || !isFor(found.service, packet)) return undefined
  // It is found at its own address, and not at the firewall's.
  const elsewhere = is6(packet.src) && stack.ingress.some(({ to, own }) => to === end.service && own.length > 0)
  if (packet.iif === 'outside' && elsewhere) return undefined
  const { segment } = found.service.listen
  if (!firewall.inside.includes(segment)) return undefined
  const dst = legAddress(compiled, found.balancer.name, segment, is6(packet.src))
  return dst === 'none' ? undefined : { dst, oif: segment }
}

function judgeBalancer(stack: Stack, compiled: Compiled, balancer: LoadBalancer, packet: Packet): Want {
  const segment = stack.segments.find(({ name }) => name === packet.iif)
  const routed = stack.firewalls.some(({ inside }) => inside.includes(packet.iif))
  if (segment === undefined || (!routed && !inSegment(packet.src, segment.prefix, segment.prefix6))) return DROPPED
  const here = balancer.services.filter(({ listen }) => listen.segment === segment.name)
  const at = here.filter(({ name }) =>
    stack.ingress.some(({ to, own }) => to === name && own.some(({ address }) => address === packet.dst)),
  )
  const is_leg = packet.dst === legAddress(compiled, balancer.name, segment.name, is6(packet.src))
  if (!is_leg && at.length === 0) return DROPPED
  const listens = (is_leg ? here : at).some(({ listen }) => packet.protocol === 'tcp' && listen.port === packet.dport)
  return listens || packet.protocol === 'icmp' ? { verdict: 'received', dst: packet.dst } : DROPPED
}

function judgeNat(stack: Stack, compiled: Compiled, nat: Nat, packet: Packet): Want {
  const segment = stack.segments.find(({ name }) => name === packet.iif)
  if (segment === undefined || !inPrefix(packet.src, segment.prefix)) return DROPPED
  const away = nat.internet.some(({ protocol, port }) => protocol === packet.protocol && port === packet.dport)
  if (away && !packet.dst.startsWith('10.') && !compiled.instances.some((each) => isOwn(each, packet.dst)))
    return { verdict: 'forwarded', dst: packet.dst, dport: packet.dport, oif: 'outside', hidden: true }
  const leg = compiled.instances.find(({ name }) => name === nat.name)?.legs.find((one) => one.interface === packet.iif)
  const fixed = leg?.to === 'segment' ? leg.also : []
  const name = [...nat.reaches].sort()[fixed.indexOf(packet.dst)]
  const service = stack.services.find((candidate) => candidate.name === name)
  if (service === undefined || service.protocol !== packet.protocol || service.port !== packet.dport) return DROPPED
  const dst = CENTRAL_ADDRESSES[service.name as keyof typeof CENTRAL_ADDRESSES]
  return { verdict: 'forwarded', dst, dport: packet.dport, oif: 'services', hidden: true }
}

/** Every address inside is a private one; the stand-in for a lease is not. */
function isOwn({ legs }: Compiled['instances'][number], address: string): boolean {
  return address === OUTSIDE_ADDRESS || legs.some((leg) => leg.to === 'segment' && leg.address === address)
}

export function rulesetOf(box: CompiledAppliance): string {
  const file = box.files.find(({ path }) => path === '/etc/nftables.conf')
  if (file === undefined) throw new Error(`${box.name} has no ruleset`)
  return file.text
}

export function hostOf(compiled: Compiled, box: CompiledAppliance): Host {
  const local = box.legs.flatMap((leg) =>
    leg.to === 'segment'
      ? [leg.address, ...leg.also, ...(leg.address6 === undefined ? [] : [leg.address6])]
      : [OUTSIDE_ADDRESS, ...(leg.ipv6 === true ? [OUTSIDE_ADDRESS6] : [])],
  )
  const outer = box.legs.find((leg) => leg.to !== 'segment')?.interface ?? 'nowhere'
  const legs = box.legs.map((leg) => leg.interface)
  const near = compiled.segments.filter(({ name }) => legs.includes(name))
  const routed = compiled.instances.flatMap(({ legs: all }) =>
    all.flatMap((leg) =>
      leg.to === 'segment' && legs.includes(leg.interface)
        ? leg.also.filter(is6).map((address) => [address, leg.segment] as const)
        : [],
    ),
  )
  const inward = box.role === 'firewall' ? new Map(routed) : new Map<string, string>()
  return {
    local,
    route: (dst) =>
      inward.get(dst) ?? near.find(({ prefix, ipv6 }) => inSegment(dst, prefix, ipv6?.prefix))?.name ?? outer,
  }
}

/** Packets that have a chance: addresses, ports and legs that mean something, and their neighbours. */
export function arbitraryPackets(
  stack: Stack,
  compiled: Compiled,
  box: CompiledAppliance,
  seed: number,
  count: number,
): Packet[] {
  const pick = picker(seed)
  const inside = compiled.instances.flatMap(({ legs }) =>
    legs.flatMap((leg) =>
      leg.to === 'segment' ? [leg.address, ...leg.also, ...(leg.address6 === undefined ? [] : [leg.address6])] : [],
    ),
  )
  const own = stack.ingress.flatMap((entry) => entry.own.map(({ address }) => address))
  const fixed = box.legs.flatMap((leg) => (leg.to === 'segment' ? leg.also : []))
  const often = [...fixed, ...fixed, ...fixed, ...fixed, ...fixed]
  const addresses = [...inside, ...often, '203.0.113.9', '203.0.113.200', '10.1.32.14', '10.9.9.9', ...FAR6]
  const meant = meantBy(stack, box.name)
  return Array.from({ length: count }, (): Packet => {
    const iif = pick(box.legs).interface
    const segment = compiled.segments.find(({ name }) => name === iif)
    const near = addresses.filter(
      (address) => segment === undefined || inSegment(address, segment.prefix, segment.ipv6?.prefix),
    )
    const src = pick(pick([near, near, near, addresses]))
    const family = addresses.filter((address) => is6(address) === is6(src))
    const outer = is6(src) ? OUTSIDE_ADDRESS6 : OUTSIDE_ADDRESS
    const service = pick(meant)
    return {
      iif,
      src,
      dst: pick(iif === 'outside' ? [outer, outer, ...own.filter(() => is6(src)), pick(family)] : family),
      protocol: pick([service.protocol, service.protocol, service.protocol, 'tcp', 'udp', 'icmp'] as const),
      sport: 40000,
      dport: service.port,
    }
  })
}

/** Ports that the appliance could have opened, and those beside them. */
function meantBy(stack: Stack, name: string): { protocol: Packet['protocol']; port: number }[] {
  const rules = stack.firewalls.find((firewall) => firewall.name === name)?.rules ?? []
  const opened = rules.flatMap(({ protocol, ports, at }) => {
    const { first, last } = ports ?? { first: 0, last: 0 }
    return [first, first, last, last, first - 1, last + 1, at ?? first].map((port) => ({
      protocol,
      port: Math.max(port, 0),
    }))
  })
  const balanced = stack.load_balancers.flatMap(({ services }) => services)
  const listening = balanced.map(({ listen }) => ({ protocol: 'tcp' as const, port: listen.port }))
  const central = stack.services.map(({ protocol, port }) => ({ protocol, port }))
  const away = (stack.nats.find((nat) => nat.name === name)?.internet ?? []).map(({ protocol, port }) => ({
    protocol,
    port,
  }))
  const own = [53, 9000].map((port) => ({ protocol: 'tcp' as const, port }))
  return [...opened, ...opened, ...listening, ...central, ...away, ...away, ...own]
}

/** Picks that follow from the seed alone (mulberry32). */
function picker(seed: number): <T>(list: readonly T[]) => T {
  let state = seed
  return (list) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    const value = (mixed ^ (mixed >>> 14)) >>> 0
    return list[value % list.length] as (typeof list)[number]
  }
}

/** Clients far away, and addresses that nobody has; some of them in prefixes that rules name. */
const FAR6 = ['2001:db8:9::9', '2001:db8:9:8000::9', '2001:db8:77::1', 'fd00:9::9', 'fd00:1::14']

function groupAddresses(
  stack: Stack,
  compiled: Compiled,
  group: string,
  v6: boolean,
): { address: string; segment: string }[] {
  const { instances = [], segment = '' } = stack.machines.find(({ name }) => name === group) ?? {}
  return instances.map((instance) => ({ address: legAddress(compiled, instance, segment, v6), segment }))
}

function serviceNamed(stack: Stack, name: string): { balancer: LoadBalancer; service: BalancedService } | undefined {
  for (const balancer of stack.load_balancers) {
    const service = balancer.services.find((candidate) => candidate.name === name)
    if (service !== undefined) return { balancer, service }
  }
  return undefined
}

function legAddress(compiled: Compiled, instance: string, segment: string, v6: boolean): string {
  const legs = compiled.instances.find(({ name }) => name === instance)?.legs ?? []
  for (const leg of legs)
    if (leg.to === 'segment' && leg.segment === segment) return (v6 ? leg.address6 : leg.address) ?? 'none'
  return 'none'
}

function inSegment(address: string, prefix: string, prefix6: string | undefined): boolean {
  return is6(address) ? prefix6 !== undefined && inPrefix(address, prefix6) : inPrefix(address, prefix)
}

function is6(address: string): boolean {
  return address.includes(':')
}

function inPrefix(address: string, prefix: string): boolean {
  const [base = '', bits = '32'] = prefix.split('/')
  if (is6(address) !== is6(base)) return false
  return binary(address).slice(0, Number(bits)) === binary(base).slice(0, Number(bits))
}

const digits = new Map<string, string>()

function binary(address: string): string {
  const text = digits.get(address) ?? digitsOf(address)
  digits.set(address, text)
  return text
}

function digitsOf(address: string): string {
  if (is6(address)) {
    const [head = '', tail = ''] = address.split('::')
    const after = tail.split(':').filter(Boolean)
    const before = head.split(':').filter(Boolean)
    const groups = [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after]
    return groups.map((group) => Number.parseInt(group, 16).toString(2).padStart(16, '0')).join('')
  }
  return address
    .split('.')
    .map((part) => Number(part).toString(2).padStart(8, '0'))
    .join('')
}
