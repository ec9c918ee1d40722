import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseAssumptions, usualAssumptions } from '../src/operations/assumptions.ts'
import { physicalCount, physicalMove } from '../src/operations/physical.ts'
import { touchpointsOf, touchpointsText } from '../src/report/touchpoints.ts'
import { parseStack } from '../src/stack/parse.ts'
import type { Stack } from '../src/stack/stack.ts'

const GOLDEN = join(import.meta.dirname, 'golden')
const cases = readdirSync(GOLDEN, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))

function stackOf(name: string): Stack {
  const file = join(GOLDEN, name, 'stack.yaml')
  const { stack } = parseStack(readFileSync(file, 'utf8'), file)
  if (stack === undefined) throw new Error(`golden case ${name} has problems`)
  return stack
}

describe.each(['shop', 'several-nats', 'single-segment'])('touch points of %s', (name) => {
  test('are as written down', async () => {
    const text = touchpointsText(touchpointsOf(stackOf(name), usualAssumptions))
    await expect(text).toMatchFileSnapshot(join(GOLDEN, name, 'touchpoints.txt'))
  })
})

test.each(cases)('%s: every segment and appliance is touched, and with Lifeboat nothing physical is', (name) => {
  const stack = stackOf(name)
  const { lifeboat, physical } = touchpointsOf(stack, usualAssumptions)
  const parts = new Set(physical.touches.filter((each) => each.at === 'new site').map((each) => each.of))
  expect(parts.size).toBe(
    stack.segments.length + stack.firewalls.length + stack.nats.length + stack.load_balancers.length,
  )
  expect(lifeboat).toHaveLength(stack.ingress.length + stack.firewalls.length + stack.nats.length)
  expect(physicalCount(stack, 'moves')).toEqual({ touches: physical.touches.length, devices: physical.devices })
  expect(physicalCount(stack, 'comes').touches).toBeLessThanOrEqual(physical.touches.length)
})

test('more gear never means fewer touches, and VLANs cost one touch for each segment and switch', () => {
  const stack = stackOf('shop')
  const pairs = fc.integer({ min: 1, max: 8 })
  fc.assert(
    fc.property(
      pairs,
      fc.integer({ min: 0, max: 8 }),
      fc.integer({ min: 1, max: 2 }),
      pairs,
      (access, core, each, fw) => {
        const assumptions = {
          ...usualAssumptions,
          access_pairs: access,
          core_pairs: core,
          switches_per_pair: each,
          firewalls: fw,
        }
        const { touches } = physicalMove(stack, assumptions)
        const vlans = touches.filter((one) => one.of.startsWith('segment'))
        expect(vlans).toHaveLength(stack.segments.length * (access + core) * each)
        const one = physicalMove(stack, { ...assumptions, firewalls: 1 }).touches
        const firewalls = (all: typeof touches) => all.filter((touch) => touch.device.startsWith('firewall')).length
        expect(firewalls(touches)).toBe(firewalls(one) * fw)
        expect(physicalMove(stack, { ...assumptions, clean_up: true }).touches).toHaveLength(
          touches.length + vlans.length,
        )
        expect(physicalMove(stack, { ...assumptions, vlans_ready: true }).touches).toHaveLength(
          touches.length - vlans.length,
        )
      },
    ),
  )
})

test('assumptions are read from a file; what is no assumption is told with its place', () => {
  expect(parseAssumptions('access-pairs: 3\nclean-up: true\n')).toEqual({
    assumptions: { ...usualAssumptions, access_pairs: 3, clean_up: true },
    problems: [],
  })
  expect(parseAssumptions('').assumptions).toEqual(usualAssumptions)
  const { assumptions, problems } = parseAssumptions('core-pairs: 1\n\nacces-pairs: 2\nfirewalls: none\n')
  expect(assumptions).toBeUndefined()
  expect(problems.map(({ line, column }) => [line, column])).toEqual(
    expect.arrayContaining([
      [3, 1],
      [4, 12],
    ]),
  )
  expect(problems.find((each) => each.line === 3)?.what).toBe('acces-pairs: there is no such key')
})
