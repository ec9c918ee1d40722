import { commandLine, isAlive, type Process, type ProcessId, processesBeside } from './processes.ts'
import { readState } from './state.ts'
import { type LinkEnd, type NodeName, nodeNames, type SiteName, topology } from './topology.ts'

export type NodeStatus = {
  readonly node: NodeName
  readonly kind: 'host' | 'router' | 'site'
  readonly running: boolean
  readonly addresses: readonly string[]
  readonly daemons: readonly string[]
}

export type LabStatus = {
  readonly up: boolean
  readonly wan: { readonly cut: boolean; readonly rate: string }
  readonly killed: readonly SiteName[]
  readonly nodes: readonly NodeStatus[]
}

/** What runs now, read from the machine. */
export async function status(): Promise<LabStatus> {
  const state = await readState()
  const addresses = addressesByNode()
  const nodes = nodeNames.map((node): NodeStatus => {
    const init = state?.nodes[node]
    const running = init !== undefined && isAlive(init)
    const kind = topology.nodes[node].kind
    const daemons = running ? processesBeside(init).filter((process) => isDaemon(process, init)) : []
    return {
      node,
      kind,
      running,
      addresses: addresses[node] ?? [],
      daemons: [...new Set(daemons.map(({ comm }) => comm))].toSorted(),
    }
  })
  return {
    up: nodes.every(({ running }) => running),
    wan: state?.wan ?? { cut: false, rate: topology.wan_rate },
    killed: state?.killed ?? [],
    nodes,
  }
}

export function addressesByNode(): Readonly<Record<string, readonly string[]>> {
  const ends: readonly { readonly node: string; readonly address?: string }[] = [
    ...topology.bridges,
    ...topology.links.flatMap((link): readonly LinkEnd[] => link.ends),
  ]
  return Object.fromEntries(
    nodeNames.map((node) => [
      node,
      ends.flatMap((end) => (end.node === node && end.address !== undefined ? [end.address] : [])),
    ]),
  )
}

/** Not the waiting of the first process itself, and not the monitors of containers, which look like the daemon. */
function isDaemon({ pid, parent, comm }: Process, init: ProcessId): boolean {
  return parent === init.pid && comm !== 'sleep' && !(commandLine(pid)[0] ?? '').startsWith('[lxc monitor]')
}
