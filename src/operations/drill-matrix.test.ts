import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { arbitraryStack, CENTRAL_ADDRESSES } from '../../test/arbitrary-stack.ts'
import { hostOf, OUTSIDE_ADDRESS, rulesetOf } from '../../test/expected-packets.ts'
import { readRuleset } from '../../test/nft-evaluator.ts'
import { compileBorder } from '../compile/border.ts'
import { compile } from '../compile/compile.ts'
import { parseStack } from '../stack/parse.ts'
import type { Stack } from '../stack/stack.ts'
import { matrixOf } from './drill-matrix.ts'
import { matrixOfBoth } from './drill-matrix6.ts'

const addresses: Readonly<Record<string, string>> = { ...CENTRAL_ADDRESSES, billing: '10.200.0.4' }

test('a stack with IPv6 is tried over both families, in every direction', () => {
  const text = readFileSync(join(import.meta.dirname, '../../test/golden/dual-stack/stack.yaml'), 'utf8')
  const { stack } = parseStack(text, 'stack.yaml')
  const compiled = compile(stack!, { site: 'west', services: addresses })
  const names = [{ name: 'shop.example.com', appliance: 'fw', own: [], ipv6: true as const }]
  const { probes } = matrixOfBoth(compiled, compileBorder({ compiled, services: [], names, announced: [] }))
  const over6 = probes.filter(({ address }) => address.includes(':'))
  expect(over6.every(({ words }) => words.endsWith(' over IPv6'))).toBe(true)
  const open = over6.filter(({ expect: wanted }) => wanted !== 'blocked').map(({ words }) => words)
  for (const words of [
    'anyone -> service:public tcp/443 by fw over IPv6',
    'fd00:10:2::/64 -> service:internal tcp/8080 by lb over IPv6',
    'fd00:10:2::/64 -> lb udp/547 by lb over IPv6',
    'fd00:10:3::/64 -> lb udp/53 by lb over IPv6',
  ])
    expect(open).toContain(words)
  const blocked = over6.filter(({ expect: wanted }) => wanted === 'blocked').map(({ words }) => words)
  for (const words of [
    'web1 -> app1 tcp/8080 over IPv6',
    'web1 -> the outside tcp/443 over IPv6',
    'lb -> the outside tcp/443 over IPv6',
    'outside -> fw tcp/22 over IPv6',
    'outside -> web1 at its inside address tcp/80 over IPv6',
  ])
    expect(blocked).toContain(words)
})

test('every flow of the reference stack is tried, or nobody is there to try it', () => {
  const { stack } = parseStack(
    readFileSync(join(import.meta.dirname, '../../test/golden/shop/stack.yaml'), 'utf8'),
    'stack.yaml',
  )
  const { compiled, matrix } = drilled(stack!)
  const told = [...matrix.probes.map((probe) => probe.words), ...matrix.untested].join('\n')
  for (const { from, to, protocol } of compiled.flows) expect(told).toContain(`${from} -> ${to} ${protocol}`)
  expect(matrix.untested).toEqual([expect.stringContaining('nothing in 10.10.1.0/24 to send it from')])
  const blocked = matrix.probes.filter((probe) => probe.expect === 'blocked').map((probe) => probe.words)
  for (const words of [
    'web1 -> db1 tcp/5432',
    'db1 -> app1 tcp/8080',
    'app1 -> the outside tcp/443',
    'app1 -> ldap at its own address tcp/389',
    'web1 -> ldap at its own address tcp/389',
    'lb -> the outside tcp/443',
    'nat -> db1 tcp/5432',
    'outside -> fw tcp/22',
    'outside -> web1 at its inside address tcp/80',
    'services network -> nat tcp/8080',
  ])
    expect(blocked).toContain(words)
})

test('of any stack: senders are there, and nothing declared is expected to be stopped', () => {
  fc.assert(
    fc.property(arbitraryStack, (stack) => {
      const { compiled, border, matrix } = drilled(stack)
      const names = new Set([...compiled.instances.map((instance) => instance.name), border.name])
      expect(names.size).toBe(compiled.instances.length + 1)
      const key = (probe: (typeof matrix.probes)[number]) => `${probe.from} ${probe.address} ${probe.port}`
      const passing = new Set(matrix.probes.filter((probe) => probe.expect !== 'blocked').map(key))
      for (const probe of matrix.probes) {
        expect(names).toContain(probe.from)
        expect(probe.address).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
        if (probe.expect === 'blocked') expect(passing).not.toContain(key(probe))
      }
    }),
    { numRuns: 200 },
  )
})

test('what a rule denies is tried and expected to be stopped; a client outside uses the port that it has there', () => {
  const { stack } = parseStack(DENYING, 'stack.yaml')
  const { border, matrix } = drilled(stack!)
  const outside = matrix.probes.flatMap(({ from, port, expect: wanted, words }) =>
    from === border.name && (port === 443 || port === 2222) ? [{ port, wanted, words }] : [],
  )
  expect(outside).toEqual([
    { port: 443, wanted: 'blocked', words: 'border -> service:public tcp/443: deny tcp/443 from testers to public' },
    { port: 2222, wanted: 'answered', words: 'anyone -> ops tcp/22 by fw' },
  ])
})

test('of any stack: what clients outside are expected to reach, and not to reach, is what the rules say', () => {
  const seen = { open: 0, stopped: 0 }
  fc.assert(
    fc.property(arbitraryStack, (stack) => {
      const { compiled, border, matrix } = drilled(stack)
      for (const box of compiled.instances) {
        const lease = border.outside.leases.find(({ instance }) => instance === box.name)?.address
        if (box.kind !== 'appliance' || box.role !== 'firewall') continue
        const decide = readRuleset(rulesetOf(box))
        for (const probe of matrix.probes) {
          if (probe.from !== border.name || probe.address !== lease || probe.kind !== 'tcp') continue
          const src = border.outside.address
          const packet = { iif: 'outside', src, dst: OUTSIDE_ADDRESS, protocol: 'tcp' as const, sport: 40000 }
          const { verdict } = decide({ ...packet, dport: probe.port ?? 0 }, hostOf(compiled, box))
          expect({ probe, passes: verdict === 'forwarded' }).toEqual({ probe, passes: probe.expect !== 'blocked' })
          seen[verdict === 'forwarded' ? 'open' : 'stopped'] += 1
        }
      }
    }),
    { numRuns: 400 },
  )
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(0)
})

const DENYING = `
lifeboat: 1
stack: desk
groups: { testers: [198.18.0.0/24] }
segments: { front: 10.0.1.0/24, web: 10.0.2.0/24 }
machines:
  web: { image: x, segment: web, ready: tcp :80 }
  ops: { image: x, segment: front, ready: tcp :22 }
appliances:
  fw:
    firewall:
      inside: [front]
      rules:
        - { deny: tcp/443, from: testers, to: public }
        - { allow: tcp/443, from: anyone, to: public }
        - { allow: tcp/22, at: 2222, from: anyone, to: ops }
  lb:
    load-balancer:
      services:
        public: { listen: front:443, pool: web:80 }
`

function drilled(stack: Stack) {
  const compiled = compile(stack, { site: 'west', services: addresses })
  const border = compileBorder({
    compiled,
    services: stack.services.map((service) => ({ ...service, address: addresses[service.name] ?? '10.200.0.9' })),
    names: [],
    announced: [],
  })
  return { compiled, border, matrix: matrixOf(compiled, border) }
}
