import type { PictureEdge } from '../api/picture.ts'
import { balancerOf, firewallOf } from '../compile/announced.ts'
import type { Compiled, Flow } from '../compile/compiled.ts'
import { commentOf } from '../compile/nftables.ts'
import type { Stack } from '../stack/stack.ts'

/** All arrows of a picture: legs to networks, names that lead to a firewall, and what may pass. */
export function edgesOf(stack: Stack, compiled: Compiled): readonly PictureEdge[] {
  return [...legs(compiled), ...names(stack), ...flows(stack, compiled)]
}

function legs({ instances, segments }: Compiled): readonly PictureEdge[] {
  const known = new Set(segments.map((segment) => segment.name))
  return instances.flatMap((each) =>
    each.legs.map((leg) =>
      leg.to === 'segment' && known.has(leg.segment)
        ? edge(each.name, `segment:${leg.segment}`, 'leg', `${leg.interface} ${leg.address}`)
        : edge(each.name, `network:${leg.to}`, 'leg', `${leg.interface} by DHCP`),
    ),
  )
}

function names(stack: Stack): readonly PictureEdge[] {
  return stack.ingress.flatMap(({ name, to }) => {
    const firewall = firewallOf(stack.firewalls, to)
    return [
      edge('clients', `ingress:${name}`, 'flow', `resolve ${name}`, { upkeep: true }),
      ...(firewall === undefined
        ? []
        : [edge(`ingress:${name}`, firewall.name, 'flow', `leads to ${to}`, { upkeep: true })]),
    ]
  })
}

/** From whom to whom, by the appliance that lets it pass; a balanced service is at its balancer. */
function flows(stack: Stack, compiled: Compiled): readonly PictureEdge[] {
  const found = new Map<string, PictureEdge>()
  const both = [
    ...compiled.flows.map((flow) => [flow, ''] as const),
    ...compiled.flows6.map((flow) => [flow, ' over IPv6'] as const),
  ]
  for (const [flow, family] of both) {
    const service = serviceOf(flow)
    const label = `${flow.protocol}${flow.ports === undefined ? '' : `/${portWords(flow.ports)}`}`
    const upkeep = upkeepWords.test(flow.why)
    const one = edge(
      endOf(stack, compiled, flow, flow.from),
      endOf(stack, compiled, flow, flow.to),
      'flow',
      `${label}${family} by ${flow.by}: ${flow.why}`,
      {
        label,
        ...(service === undefined ? {} : { service }),
        ...(upkeep ? { upkeep } : {}),
        counted: { appliance: flow.by, words: commentOf(counterWords(flow)) },
      },
    )
    if (one.from !== one.to) found.set(one.id, one)
  }
  return [...found.values()]
}

/** What each stack has, whatever it is for; the words are those of the compiler. */
const upkeepWords = /^((addresses|names) for .*|ping|is .* ready\?|own address by DHCP)$/

function endOf(stack: Stack, compiled: Compiled, flow: Flow, end: string): string {
  if (end === 'anyone') return flow.from === 'anyone' ? 'clients' : 'network:outside'
  if (end.startsWith('central:')) return end
  if (end.startsWith('service:')) return balancerOf(stack, end.slice('service:'.length))?.name ?? flow.by
  const segment = compiled.segments.find(({ prefix, ipv6 }) => prefix === end || ipv6?.prefix === end)
  if (segment !== undefined) return `segment:${segment.name}`
  return compiled.instances.some((each) => each.name === end) ? end : 'network:outside'
}

/** `web uses internal` and `internal is served by app` are two halves of the same. */
function serviceOf({ to, why }: Flow): string | undefined {
  if (to.startsWith('service:')) return to.slice('service:'.length)
  return /^(\S+) is served by /.exec(why)?.[1]
}

/** The rule of a balancer that lets clients of a service in is called as the service is. */
function counterWords({ to, why }: Flow): string {
  return /^\S+ uses \S+$/.test(why) && to.startsWith('service:') ? to.slice('service:'.length) : why
}

const portWords = ({ first, last }: { readonly first: number; readonly last: number }): string =>
  first === last ? String(first) : `${first}-${last}`

function edge(
  from: string,
  to: string,
  kind: PictureEdge['kind'],
  words: string,
  more: Partial<PictureEdge> = {},
): PictureEdge {
  return { id: `${kind} ${from} ${to} ${words}`, from, to, kind, words, ...more }
}
