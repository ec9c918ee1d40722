import type { Answer } from '../api/client.ts'

export type Picture = Answer<'picture'>
export type Node = Picture['nodes'][number]
export type Edge = Picture['edges'][number]

/** Networks from top to bottom: where clients are, segments in the order in which traffic reaches them, central services. */
export function rowsOf(picture: Picture): readonly Node[] {
  const at = (id: string) => picture.nodes.filter((node) => node.id === id)
  const segments = picture.nodes.filter((node) => node.kind === 'segment')
  const depths = depthsOf(picture)
  const depth = (node: Node) => depths.get(node.id) ?? Number.POSITIVE_INFINITY
  const sorted = [...segments].sort((a, b) => compare(depth(a), depth(b)) || a.name.localeCompare(b.name))
  return [...at('network:outside'), ...sorted, ...at('network:services')]
}

const compare = (a: number, b: number): number => (a === b ? 0 : a < b ? -1 : 1)

/** Steps from the clients to each network, by what may pass; where nothing may, by the appliances in between. */
function depthsOf(picture: Picture): ReadonlyMap<string, number> {
  const ways = new Map<string, Set<string>>()
  const way = (from: string, to: string) => {
    if (from !== to) ways.set(from, (ways.get(from) ?? new Set()).add(to))
  }
  const networksOf = (id: string) =>
    picture.edges.filter((edge) => edge.kind === 'leg' && edge.from === id).map((edge) => edge.to)
  const flows = picture.edges.filter((edge) => edge.kind === 'flow' && edge.upkeep !== true)
  const appliance = (id: string) =>
    picture.nodes.some((node) => node.id === id && ['firewall', 'load-balancer', 'nat'].includes(node.kind))
  for (const flow of flows) {
    const sources = placesOf(flow.from)
    // A service of a balancer is where its clients are, and leads to where its machines are.
    const behind =
      flow.service === undefined
        ? []
        : flows.filter((each) => each.service === flow.service && each.from === flow.to).map((each) => each.to)
    const listens = flows
      .filter((each) => each.service === flow.service && each.to === flow.to && each.from.startsWith('segment:'))
      .map((each) => each.from)
    for (const source of sources) {
      for (const target of appliance(flow.to) ? listens : placesOf(flow.to)) way(source, target)
      for (const target of behind)
        for (const place of placesOf(target)) if (source.startsWith('segment:')) way(source, place)
    }
  }
  const depths = walk(ways, 'network:outside')
  // What no flow leads to is next to what it shares an appliance with.
  for (const node of picture.nodes.filter(({ id }) => appliance(id))) {
    const nets = networksOf(node.id)
    const nearest = Math.min(...nets.map((each) => depths.get(each) ?? Number.POSITIVE_INFINITY))
    for (const net of nets) if (!depths.has(net) && Number.isFinite(nearest)) depths.set(net, nearest + 0.5)
  }
  return depths

  function placesOf(end: string): readonly string[] {
    if (end === 'clients') return ['network:outside']
    if (/^(segment|network):/.test(end)) return [end]
    return appliance(end) ? [] : networksOf(end)
  }
}

function walk(ways: ReadonlyMap<string, ReadonlySet<string>>, from: string): Map<string, number> {
  const found = new Map([[from, 0]])
  const next = [from]
  for (const id of next)
    for (const to of ways.get(id) ?? [])
      if (!found.has(to)) {
        found.set(to, found.get(id)! + 1)
        next.push(to)
      }
  return found
}
