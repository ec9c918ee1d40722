import type { IngressSight } from '../api/ingress.ts'
import type { Picture, PictureNode } from '../api/picture.ts'
import { ingressWords } from '../compile/announced.ts'
import type { CompiledInstance, Leg } from '../compile/compiled.ts'
import { activeView, type Situation } from '../operations/situation.ts'
import type { Power } from '../state/objects.ts'
import { edgesOf } from './picture-flows.ts'

/** A stack as it is drawn, with the health that was seen at its active site. */
export function pictureOf(situation: Situation, asked: readonly IngressSight[] = []): Picture {
  const { stack } = situation
  const view = activeView(situation) ?? situation.sites[0]
  const seen = activeView(situation)?.answer
  const powers = new Map<string, Power>()
  for (const area of seen?.observed.areas ?? [])
    if (area.area.kind === 'stack') for (const each of area.instances) powers.set(each.object.name, each.power)
  const instances = view?.compiled.instances ?? []
  const nodes: PictureNode[] = [
    { ...plain('clients', 'clients', 'clients'), notes: ['whoever comes from the outside network'] },
    ...outer(instances).map((name) => ({
      ...plain(`network:${name}`, 'network', name),
      notes: [name === 'outside' ? 'where clients come from' : 'where the central services of the site are'],
    })),
    ...stack.ingress.map((entry) => ({
      ...plain(`ingress:${entry.name}`, 'ingress', entry.name),
      ...ingressHealth(entry.name, asked),
      notes: [`to ${entry.to} by ${ingressWords(entry)}`, ...askedOf(entry.name, asked).map(askedWords)],
    })),
    ...(view?.compiled.segments ?? []).map((segment) => ({
      ...plain(`segment:${segment.name}`, 'segment', segment.name),
      addresses: [segment.prefix, ...(segment.ipv6 === undefined ? [] : [segment.ipv6.prefix])],
      notes: [`DHCP and DNS by ${segment.anchor} at ${segment.anchor_address}`],
    })),
    ...instances.map((each) =>
      instanceNode(each, seen === undefined ? undefined : (powers.get(each.name) ?? 'absent')),
    ),
    ...stack.services.map((service) => ({
      ...plain(`central:${service.name}`, 'service', service.name),
      addresses: [view?.site.services[service.name] ?? 'no address at this site'],
      health: view?.site.services[service.name] === undefined ? ('warning' as const) : ('unknown' as const),
      notes: [
        `${service.protocol}/${service.port}`,
        `in a drill: ${typeof service.drill === 'string' ? service.drill : `stub ${service.drill.stub}`}`,
      ],
    })),
  ]
  const known = new Set(nodes.map((node) => node.id))
  const edges = view === undefined ? [] : edgesOf(stack, view.compiled)
  return {
    stack: stack.name,
    site: activeView(situation)?.site.name,
    at: situation.now.toISOString(),
    nodes,
    edges: edges.filter((edge) => known.has(edge.from) && known.has(edge.to)),
  }
}

/** Networks of the site that something of the stack has a leg in. */
function outer(instances: readonly CompiledInstance[]): readonly ('outside' | 'services')[] {
  const all = instances.flatMap((each) => each.legs.map((leg) => leg.to))
  return (['outside', 'services'] as const).filter((name) => all.includes(name))
}

function plain(id: string, kind: PictureNode['kind'], name: string): PictureNode {
  return { id, kind, name, addresses: [], health: 'unknown', notes: [] }
}

const askedOf = (name: string, asked: readonly IngressSight[]) =>
  asked.filter(({ check }) => URL.parse(/\S+:\/\/\S+/.exec(check)?.[0] ?? '')?.hostname === name)

/** As its clients have it: one that gets no good answer is enough. */
function ingressHealth(name: string, asked: readonly IngressSight[]): Pick<PictureNode, 'health'> {
  const states = askedOf(name, asked).map((each) => each.state)
  if (states.includes('silent')) return { health: 'bad' }
  return { health: states.length > 0 && !states.includes('unknown') ? 'good' : 'unknown' }
}

function askedWords({ check, place, state, took_ms, why }: IngressSight): string {
  const seen = state === 'answers' ? `good answer in ${Math.round(took_ms ?? 0)} ms` : (why ?? 'no answer')
  return `${check} at ${place}: ${seen}`
}

function instanceNode(instance: CompiledInstance, power: PictureNode['power']): PictureNode {
  const machine = instance.kind === 'machine'
  return {
    id: instance.name,
    kind: machine ? 'machine' : instance.role,
    name: instance.name,
    addresses: instance.legs.map(addressOf),
    group: machine ? instance.group : undefined,
    stateful: machine ? instance.stateful : undefined,
    power,
    health: power === undefined ? 'unknown' : power === 'running' ? 'good' : 'bad',
    notes: machine
      ? [`image ${instance.image}`, ...(instance.ready === undefined ? [] : [`ready: ${readyWords(instance.ready)}`])]
      : [],
  }
}

function readyWords(ready: NonNullable<Extract<CompiledInstance, { kind: 'machine' }>['ready']>): string {
  return ready.by === 'exec' ? ready.command : ready.url
}

function addressOf(leg: Leg): string {
  if (leg.to !== 'segment') return `by DHCP in ${leg.to} (${leg.mac})`
  return `${[leg.address, ...leg.also, ...(leg.address6 === undefined ? [] : [leg.address6])].join(', ')} in ${leg.segment}`
}
