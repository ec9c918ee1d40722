import type { Flow } from '../compile/compiled.ts'
import { isIn } from '../lib/networks.ts'
import { type Known, legIn } from './drill-places.ts'

/** A packet inside the appliance: from outside, as it is after the translation. */
export type Inner = { readonly source: string; readonly target: string; readonly port: number | undefined }

/**
 * Why a packet of a declared flow is stopped all the same: the first rule that matches it denies. Flows are in the order
 * of the rules, and a flow knows what the rules before it deny; so the first flow that the packet is of decides.
 */
export function denied(known: Known, flow: Flow, inner: Inner): string | undefined {
  const first = known.compiled.flows.find(
    (each) =>
      each.by === flow.by &&
      each.protocol === flow.protocol &&
      carries(each.ports, inner.port) &&
      isEnd(known, each.from, inner.source) &&
      isEnd(known, each.to, inner.target),
  )
  return first?.except?.find(
    ({ from, to, ports }) =>
      carries(ports, inner.port) &&
      from.some((end) => isEnd(known, end, inner.source)) &&
      to.some((end) => isEnd(known, end, inner.target)),
  )?.why
}

function carries(ports: Flow['ports'], port: number | undefined): boolean {
  return ports === undefined || port === undefined || (ports.first <= port && port <= ports.last)
}

function isEnd({ compiled }: Known, end: string, value: string): boolean {
  if (end === 'anyone') return true
  if (end.includes('/')) return isIn(value, end)
  const named = end.startsWith('service:')
    ? compiled.flows
        .filter((flow) => flow.to === end)
        .flatMap((flow) => {
          const segment = compiled.segments.find((each) => each.prefix === flow.from)
          const balancer = compiled.instances.find((each) => each.name === flow.by)
          return segment === undefined || balancer === undefined ? [] : [legIn(balancer, segment.name)?.address]
        })
    : compiled.instances
        .filter(({ name }) => name === end)
        .flatMap(({ legs }) => legs.map((leg) => (leg.to === 'segment' ? leg.address : undefined)))
  return named.includes(value)
}
