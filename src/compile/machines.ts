import type { MachineGroup, Stack } from '../stack/stack.ts'
import { byName, groupOf } from './appliances.ts'
import type { CompiledMachine, ReadyProbe } from './compiled.ts'
import { addressIn, type Layout, machineLeg, segmentOf } from './layout.ts'

/** The one interface of a machine, as its image names it. */
const MACHINE_INTERFACE = 'eth0'

/** Machines in starting order: first those that need nothing, then those that need only these, and so on. */
export function machinesOf(layout: Layout): readonly CompiledMachine[] {
  const generations = generationsOf(layout.stack)
  const groups = byName(layout.stack.machines)
  groups.sort((a, b) => (generations.get(a.name) ?? 0) - (generations.get(b.name) ?? 0))
  return groups.flatMap((group) => group.instances.map((name) => machineOf(layout, group, name)))
}

function machineOf(layout: Layout, group: MachineGroup, name: string): CompiledMachine {
  return {
    kind: 'machine',
    name,
    group: group.name,
    image: group.image,
    stateful: group.stateful,
    legs: [machineLeg(layout, name, group.segment, MACHINE_INTERFACE)],
    needs: [...group.needs].sort().flatMap((needed) => groupOf(layout.stack, needed).instances),
    ready: readyOf(layout, group, name),
    ready_within_s: group.ready_within_s,
  }
}

function readyOf(layout: Layout, { ready, segment }: MachineGroup, name: string): ReadyProbe | undefined {
  if (ready === undefined) return undefined
  const from = segmentOf(layout, segment).anchor
  const address = addressIn(layout, name, segment)
  switch (ready.by) {
    case 'http':
      return { by: 'http', from, url: `http://${address}:${ready.port}${ready.path}` }
    case 'tcp':
      return { by: 'tcp', from, url: `tcp://${address}:${ready.port}` }
    case 'exec':
      return { by: 'exec', command: ready.command }
  }
}

/** Generation by group: 0 needs nothing, each other one more than the highest it needs. `needs` has no cycle. */
function generationsOf(stack: Stack): ReadonlyMap<string, number> {
  const known = new Map<string, number>()
  const visit = (name: string, path: readonly string[]): number => {
    const before = known.get(name)
    if (before !== undefined) return before
    if (path.includes(name)) throw new Error(`machines need each other in a circle: ${[...path, name].join(', ')}`)
    const needed = groupOf(stack, name).needs.map((other) => visit(other, [...path, name]) + 1)
    const generation = Math.max(0, ...needed)
    known.set(name, generation)
    return generation
  }
  for (const group of stack.machines) visit(group.name, [])
  return known
}
