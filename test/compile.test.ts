import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compile } from '../src/compile/compile.ts'
import type { Compiled } from '../src/compile/compiled.ts'
import { address, contains, prefix } from '../src/lib/ip.ts'
import { address6, contains6, prefix6 } from '../src/lib/ip6.ts'
import type { Stack } from '../src/stack/stack.ts'
import { arbitraryStack, CENTRAL_ADDRESSES } from './arbitrary-stack.ts'
import { arbitraryPackets, hostOf, judge, rulesetOf } from './expected-packets.ts'
import { type Outcome, readRuleset } from './nft-evaluator.ts'

const FACTS = { site: 'east', services: CENTRAL_ADDRESSES }

/** Stacks of every shape; each property is over all of them. */
describe('every stack', () => {
  test('has no address or MAC twice, and each address inside its segment', () => {
    fc.assert(
      fc.property(arbitraryStack, (stack) => {
        const compiled = compile(stack)
        const legs = compiled.instances.flatMap((instance) => instance.legs)
        const macs = legs.map(({ mac }) => mac)
        expect(new Set(macs).size).toBe(macs.length)
        expect(macs.every((mac) => /^02(:[0-9a-f]{2}){5}$/.test(mac))).toBe(true)
        const used = addressesOf(compiled)
        expect(new Set(used.map((entry) => entry.address)).size).toBe(used.length)
        for (const entry of used) {
          const whole = prefix(compiled.segments.find(({ name }) => name === entry.segment)?.prefix ?? '')
          const value = address(entry.address)
          expect(contains(whole, value) && value !== whole.network && contains(whole, value + 1)).toBe(true)
        }
        const ends = legs.flatMap((leg) => (leg.to === 'segment' ? [leg] : []))
        const used6 = ends.flatMap(({ address6 }) => address6 ?? [])
        expect(new Set(used6).size).toBe(used6.length)
        for (const leg of ends) {
          const own = stack.segments.find(({ name }) => name === leg.segment)?.prefix6
          expect(leg.address6 !== undefined).toBe(own !== undefined)
          if (own !== undefined) expect(contains6(prefix6(own), address6(leg.address6 ?? ''))).toBe(true)
        }
      }),
    )
  })

  test('is the same whatever the order of its segments, machines and appliances', () => {
    fc.assert(
      fc.property(arbitraryStack, (stack) => {
        expect(compile(reversed(stack))).toEqual(compile(stack))
        expect(JSON.stringify(compile(stack))).toBe(JSON.stringify(compile(structuredClone(stack))))
      }),
    )
  })

  test('has an anchor with the first address in each segment', () => {
    fc.assert(
      fc.property(arbitraryStack, (stack) => {
        for (const { prefix: text, anchor_address } of compile(stack).segments) {
          expect(address(anchor_address)).toBe(prefix(text).network + 1)
        }
      }),
    )
  })

  test('keeps its addresses when a group in a large segment grows from 1 to at most 10', () => {
    fc.assert(
      fc.property(arbitraryStack, fc.nat(), (stack, which) => {
        const wide = {
          ...stack,
          segments: stack.segments.map((segment) => ({ ...segment, prefix: widened(segment.prefix) })),
        }
        const index = which % wide.machines.length
        const grown = {
          ...wide,
          machines: wide.machines.map((group, at) =>
            at === index
              ? { ...group, instances: [...group.instances, `${group.name}${group.instances.length + 1}`] }
              : group,
          ),
        }
        const after = new Map(addressesOf(compile(grown)).map(({ name, address: value }) => [name, value]))
        for (const { name, address: value } of addressesOf(compile(wide))) expect(after.get(name)).toBe(value)
      }),
    )
  })
})

describe('the rendered rules, judged by an independent reading of both', () => {
  test('allow what the stack allows, to where it says, and drop everything else', () => {
    const seen = { received: 0, forwarded: 0, dropped: 0 }
    const seen6 = { received: 0, forwarded: 0, dropped: 0 }
    fc.assert(
      fc.property(arbitraryStack, fc.nat(), (stack, seed) => {
        const compiled = compile(stack, FACTS)
        for (const appliance of compiled.instances) {
          if (appliance.kind !== 'appliance') continue
          const decide = readRuleset(rulesetOf(appliance))
          const host = hostOf(compiled, appliance)
          const many = arbitraryPackets(stack, compiled, appliance, seed, 500)
          const allowed = many.filter((packet) => judge(stack, compiled, appliance, packet).verdict !== 'dropped')
          for (const packet of [...many.slice(0, 50), ...allowed.slice(0, 50)]) {
            const got = decide(packet, host)
            const want = judge(stack, compiled, appliance, packet)
            seen[got.verdict] += 1
            if (packet.src.includes(':')) seen6[got.verdict] += 1
            expect({ packet, by: appliance.name, ...bare(got) }).toEqual({ packet, by: appliance.name, ...want })
          }
        }
      }),
      { numRuns: 100 },
    )
    // Most packets are dropped; without those that are not, this would prove nothing.
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(500)
    expect(Math.min(...Object.values(seen6))).toBeGreaterThan(5)
  })
})

function bare(outcome: Outcome) {
  return outcome.verdict === 'dropped' ? { verdict: 'dropped' } : outcome
}

function addressesOf(compiled: Compiled): { name: string; segment: string; address: string }[] {
  return compiled.instances.flatMap(({ name, legs }) =>
    legs.flatMap((leg) =>
      leg.to === 'segment'
        ? [leg.address, ...leg.also.filter((each) => !each.includes(':'))].map((value, index) => ({
            name: `${name} ${leg.segment} ${index}`,
            segment: leg.segment,
            address: value,
          }))
        : [],
    ),
  )
}

function reversed(stack: Stack): Stack {
  return {
    ...stack,
    segments: stack.segments.toReversed(),
    machines: stack.machines.toReversed(),
    firewalls: stack.firewalls.map((firewall) => ({ ...firewall, inside: firewall.inside.toReversed() })).toReversed(),
    load_balancers: stack.load_balancers
      .map((balancer) => ({ ...balancer, services: balancer.services.toReversed() }))
      .toReversed(),
    nats: stack.nats
      .map((nat) => ({ ...nat, inside: nat.inside.toReversed(), reaches: nat.reaches.toReversed() }))
      .toReversed(),
    services: stack.services.toReversed(),
  }
}

function widened(text: string): string {
  return text.replace(/\/\d+$/, '/20')
}
