import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { arbitraryStack, CENTRAL_ADDRESSES } from '../../test/arbitrary-stack.ts'
import { compileBorder } from '../compile/border.ts'
import { compile } from '../compile/compile.ts'
import { parseStack } from '../stack/parse.ts'
import type { Stack } from '../stack/stack.ts'
import { matrixOf } from './drill-matrix.ts'

const addresses: Readonly<Record<string, string>> = { ...CENTRAL_ADDRESSES, billing: '10.200.0.4' }

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

function drilled(stack: Stack) {
  const compiled = compile(stack, { site: 'west', services: addresses })
  const border = compileBorder({
    compiled,
    services: stack.services.map((service) => ({ ...service, address: addresses[service.name] ?? '10.200.0.9' })),
    names: [],
  })
  return { compiled, border, matrix: matrixOf(compiled, border) }
}
