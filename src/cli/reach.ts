import type { Compiled, Flow } from '../compile/compiled.ts'
import type { Stack } from '../stack/stack.ts'

/** One line of who can reach whom, in words. */
export type Reach = {
  readonly from: string
  readonly to: string
  readonly at: string
  readonly by: string
  readonly why: string
  /** Absent: over IPv4 alone. */
  readonly ipv6?: 'too' | 'only'
}

/**
 * The flows that the application lives by: what an appliance does for its own sake (addresses, names, ping, looking
 * whether a machine is ready) is left out. Machines of a group are told together, segments by name.
 */
export function reachOf(stack: Stack, compiled: Compiled): readonly Reach[] {
  const over4 = reachBy(stack, compiled, 4)
  const over6 = reachBy(stack, compiled, 6)
  const key = ({ from, to, at, by, why }: Reach) => JSON.stringify([from, to, at, by, why])
  const [known4, known6] = [over4, over6].map((rows) => new Set(rows.map(key)))
  return [
    ...over4.map((row): Reach => (known6?.has(key(row)) ? { ...row, ipv6: 'too' } : row)),
    ...over6.filter((row) => !known4?.has(key(row))).map((row): Reach => ({ ...row, ipv6: 'only' })),
  ]
}

function reachBy(stack: Stack, compiled: Compiled, family: 4 | 6): readonly Reach[] {
  const anchors = new Set(compiled.segments.map(({ anchor }) => anchor))
  const ready = new Set(stack.machines.map(({ name }) => `is ${name} ready?`))
  const own = (flow: Flow) =>
    flow.to === flow.by ||
    (flow.from === flow.by && flow.to === 'anyone') ||
    (anchors.has(flow.by) && ready.has(flow.why))
  const segments = new Map(
    compiled.segments.map(({ prefix, ipv6, name }) => [family === 4 ? prefix : ipv6?.prefix, `segment ${name}`]),
  )
  const groups = new Map(
    stack.machines.flatMap(({ name, instances }) => instances.map((instance) => [instance, name] as const)),
  )

  const rows = new Map<string, { flow: Flow; from: Set<string>; to: Set<string> }>()
  for (const flow of (family === 4 ? compiled.flows : compiled.flows6).filter((each) => !own(each))) {
    const key = JSON.stringify([
      groups.get(flow.from) ?? flow.from,
      groups.get(flow.to) ?? flow.to,
      at(flow),
      flow.by,
      flow.why,
    ])
    const row = rows.get(key) ?? { flow, from: new Set(), to: new Set() }
    row.from.add(flow.from)
    row.to.add(flow.to)
    rows.set(key, row)
  }
  const sizes = new Map(stack.machines.map(({ name, instances }) => [name, instances.length]))
  const words = (names: ReadonlySet<string>): string => {
    const [first = ''] = names
    const group = groups.get(first)
    if (group !== undefined && names.size > 1)
      return names.size === sizes.get(group) ? `${group} (all ${names.size})` : [...names].join(', ')
    if (first.startsWith('service:')) return first.slice('service:'.length)
    if (first.startsWith('central:')) return `${first.slice('central:'.length)} (central)`
    return segments.get(first) ?? first
  }
  return [...rows.values()].map(({ flow, from, to }) => ({
    from: words(from),
    to: words(to),
    at: at(flow),
    by: flow.by,
    why: [flow.why, ...new Set((flow.except ?? []).map((each) => `but first: ${each.why}`))].join(', '),
  }))
}

function at({ protocol, ports, icmp, at: door }: Flow): string {
  if (icmp !== undefined) return `${protocol}/${icmp}`
  if (door !== undefined) return `${protocol}/${ports?.first}, from outside at ${door}`
  if (ports === undefined) return protocol
  return ports.first === ports.last ? `${protocol}/${ports.first}` : `${protocol}/${ports.first}-${ports.last}`
}
