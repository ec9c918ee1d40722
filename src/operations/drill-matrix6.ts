import type { Border } from '../compile/border.ts'
import type { Compiled, CompiledInstance, Leg } from '../compile/compiled.ts'
import { type Matrix, matrixOf } from './drill-matrix.ts'

/**
 * The reachability matrix over both families: over IPv6 the same questions are asked of the same instances, with their
 * other addresses. Undefined parts of the world (central services, segments without IPv6) are not there then.
 */
export function matrixOfBoth(compiled: Compiled, border: Border): Matrix {
  const over4 = matrixOf(compiled, border)
  const outside = border.outside.ipv6
  if (compiled.flows6.length === 0 || outside === undefined) return over4
  const over6 = matrixOf(inIpv6(compiled), {
    ...border,
    outside: { ...border.outside, address: outside.address, leases: outside.leases },
    services: border.services && { ...border.services, leases: [], stubs: [] },
  })
  return {
    probes: [...over4.probes, ...over6.probes.map((each) => ({ ...each, words: `${each.words} over IPv6` }))],
    untested: [...over4.untested, ...over6.untested.map((each) => `${each}, over IPv6`)],
  }
}

/** A compiled stack as it would be if there were nothing but its IPv6 addresses. */
function inIpv6(compiled: Compiled): Compiled {
  return {
    ...compiled,
    segments: compiled.segments.flatMap(({ ipv6, ...segment }) =>
      ipv6 === undefined ? [] : [{ ...segment, ...ipv6 }],
    ),
    instances: compiled.instances.map((instance): CompiledInstance => {
      const legs = instance.legs.flatMap(legIn6)
      return instance.kind === 'machine' ? { ...instance, legs } : { ...instance, legs }
    }),
    flows: compiled.flows6,
  }
}

function legIn6(leg: Leg): readonly Leg[] {
  if (leg.to !== 'segment') return leg.ipv6 === true ? [leg] : []
  return leg.address6 === undefined ? [] : [{ ...leg, address: leg.address6, also: [] }]
}
