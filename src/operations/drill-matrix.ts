import type { Border } from '../compile/border.ts'
import type { Compiled, CompiledInstance, Flow, Leg } from '../compile/compiled.ts'
import type { PacketProbe } from '../plan/plan.ts'

/**
 * The reachability matrix as packets to send: every declared flow, from whatever instance stands for its source, and of
 * what is not declared a sample in every direction. The targets of the sample listen, so that an answer would be heard;
 * a machine without a route there is given one, since whoever broke into it would do the same.
 */
export function matrixOf(compiled: Compiled, border: Border): Matrix {
  const known = { compiled, border }
  const declared = compiled.flows.map((flow) => probesOf(known, flow))
  const probes = [...declared.flatMap((each) => each.probes), ...undeclared(known)]
  return { probes: unique(probes), untested: [...new Set(declared.flatMap((each) => each.untested))] }
}

export type Matrix = {
  readonly probes: readonly PacketProbe[]
  /** Flows that nobody in the bubble can try, with the reason. */
  readonly untested: readonly string[]
}

type Known = { readonly compiled: Compiled; readonly border: Border }
type Tried = { readonly probes: readonly PacketProbe[]; readonly untested: readonly string[] }

function probesOf(known: Known, flow: Flow): Tried {
  const words = flowWords(flow)
  const none = (why: string): Tried => ({ probes: [], untested: [`${words}: ${why}`] })
  if (flow.from === flow.by && flow.protocol === 'udp' && flow.ports?.first === 67) {
    const leg = instanceOf(known, flow.from)?.legs.find((each) => each.to !== 'segment')
    const lease = leaseOf(known, flow.from)
    if (leg === undefined || lease === undefined) return none('the appliance has no outer leg')
    return { probes: [{ from: flow.from, kind: 'address', address: lease, expect: 'open', words }], untested: [] }
  }
  const sources = sourcesOf(known, flow)
  if (sources.length === 0) return none(`nothing in ${flow.from} to send it from`)
  const probes = sources.flatMap((from) => probeOf(known, flow, from, words) ?? [])
  return probes.length === 0 ? none('the bubble has no target for it') : { probes, untested: [] }
}

function sourcesOf(known: Known, flow: Flow): readonly string[] {
  const { compiled, border } = known
  if (flow.from === 'anyone') return [border.name]
  if (instanceOf(known, flow.from) !== undefined) return [flow.from]
  const segment = compiled.segments.find((each) => each.prefix === flow.from)
  if (segment === undefined) return []
  return compiled.instances
    .filter((each) => each.kind === 'machine' && legIn(each, segment.name) !== undefined)
    .map((each) => each.name)
}

function probeOf(known: Known, flow: Flow, from: string, words: string): PacketProbe | undefined {
  const port = flow.ports?.first
  if (flow.protocol === 'udp' && port === 67) {
    const own = instanceOf(known, from)?.legs.find((leg) => leg.to === 'segment')
    return own?.to === 'segment' ? { from, kind: 'address', address: own.address, expect: 'open', words } : undefined
  }
  const target = targetOf(known, flow, from)
  if (target === undefined) return undefined
  const { address, expect } = target
  if (flow.protocol === 'icmp') return { from, kind: 'ping', address, expect, words }
  if (port === undefined) return undefined
  if (flow.protocol === 'udp') return port === 53 ? { from, kind: 'dns', address, port, expect, words } : undefined
  return { from, kind: 'tcp', address, port, expect, words }
}

/** Where the flow ends, and what is heard from there if it passes: not every machine listens on every port that is open. */
function targetOf(
  known: Known,
  flow: Flow,
  from: string,
): { readonly address: string; readonly expect: PacketProbe['expect'] } | undefined {
  const { border } = known
  const central = after(flow.to, 'central:')
  if (central !== undefined) {
    const address = centralAddress(known, flow.by, central, from)
    const how = border.services?.doors.find((door) => door.name === central)?.how
    return address === undefined || how === undefined
      ? undefined
      : { address, expect: how === 'deny' ? 'refused' : 'open' }
  }
  const outsider = from === border.name
  const through = instanceOf(known, flow.by)
  if (outsider && through?.kind === 'appliance' && through.role === 'firewall') {
    const address = leaseOf(known, flow.by)
    return address === undefined ? undefined : { address, expect: after(flow.to, 'service:') ? 'open' : 'answered' }
  }
  const service = after(flow.to, 'service:')
  if (service !== undefined) {
    const address = serviceAddress(known, service, flow)
    return address === undefined ? undefined : { address, expect: 'open' }
  }
  const instance = instanceOf(known, flow.to)
  if (instance !== undefined) {
    const address = addressFor(known, instance, from)
    return address === undefined ? undefined : { address, expect: 'answered' }
  }
  // Outwards: the border refuses what it does not serve, and that is heard only by whoever was let through.
  if (flow.to === 'anyone') return { address: border.outside.address, expect: 'answered' }
  const segment = known.compiled.segments.find((each) => each.prefix === flow.to)
  if (segment === undefined) return { address: flow.to.split('/')[0] ?? flow.to, expect: 'answered' }
  const there = known.compiled.instances.find((each) => each.kind === 'machine' && legIn(each, segment.name))
  const address = there === undefined ? undefined : legIn(there, segment.name)?.address
  return address === undefined ? undefined : { address, expect: 'answered' }
}

/** In the segment that the flow is for: the load balancer has a leg in several. */
function serviceAddress(known: Known, service: string, flow: Flow): string | undefined {
  const own = known.compiled.flows.find((each) => each.to === `service:${service}` && each.by !== flow.by) ?? flow
  const balancer = instanceOf(known, isBalancer(known, flow.by) ? flow.by : own.by)
  const listening = isBalancer(known, flow.by) ? flow.from : own.from
  const segment = known.compiled.segments.find((each) => each.prefix === listening)
  return balancer === undefined || segment === undefined ? undefined : legIn(balancer, segment.name)?.address
}

const isBalancer = (known: Known, name: string): boolean => {
  const found = instanceOf(known, name)
  return found?.kind === 'appliance' && found.role === 'load-balancer'
}

function undeclared(known: Known): readonly PacketProbe[] {
  const { compiled, border } = known
  const machines = compiled.segments.flatMap((segment) => firstMachine(compiled, segment.name) ?? [])
  return [
    ...machines.flatMap((from) => [...acrossSegments(known, from), ...outwards(known, from)]),
    ...compiled.instances.flatMap((from) => (from.kind === 'appliance' ? fromAppliance(known, from) : [])),
    ...fromOutside(known, machines),
  ].filter((probe) => probe.address !== '' && !(probe.from === border.name && probe.address === border.outside.address))
}

/** A machine tries machines of other segments directly, and services that are offered to other segments. */
function acrossSegments(known: Known, from: CompiledInstance): readonly PacketProbe[] {
  const { compiled } = known
  const home = segmentOf(from)
  const via = gatewayOf(known, home)
  const targets = compiled.segments
    .filter((segment) => segment.name !== home)
    .flatMap((segment) => [
      ...compiled.instances
        .filter((each) => each.kind === 'machine' && legIn(each, segment.name) !== undefined)
        .slice(0, 2)
        .flatMap((each) =>
          listening(each).map((port) => ({ name: each.name, address: legIn(each, segment.name)!.address, port })),
        ),
      ...compiled.flows.flatMap((flow) => {
        const service = after(flow.to, 'service:')
        if (service === undefined || flow.from !== segment.prefix || flow.ports === undefined) return []
        const address = serviceAddress(known, service, flow)
        return address === undefined ? [] : [{ name: flow.to, address, port: flow.ports.first }]
      }),
    ])
  return targets
    .filter((target) => !isDeclared(known, from, target.name, target.port))
    .map((target) => blocked(from.name, target.address, target.port, `${from.name} -> ${target.name}`, via))
}

/** A machine tries the world outside, and central services other than by the way that is made for them. */
function outwards(known: Known, from: CompiledInstance): readonly PacketProbe[] {
  const { compiled, border } = known
  const home = segmentOf(from)
  const via = gatewayOf(known, home)
  const probes: PacketProbe[] = []
  if (!compiled.flows.some((flow) => flow.to === 'anyone' && covers(known, flow.from, from)))
    probes.push(blocked(from.name, border.outside.address, 443, `${from.name} -> the outside`, via))
  const nat = compiled.instances.find(
    (each) => each.kind === 'appliance' && each.role === 'nat' && home !== undefined && legIn(each, home) !== undefined,
  )
  const leg = nat === undefined || home === undefined ? undefined : legIn(nat, home)
  for (const door of border.services?.doors ?? []) {
    probes.push(
      blocked(
        from.name,
        door.address,
        door.port,
        `${from.name} -> ${door.name} at its own address`,
        leg?.address ?? via,
      ),
    )
  }
  for (const address of leg?.also ?? [])
    probes.push(blocked(from.name, address, 9, `${from.name} -> an undeclared port of a central service`, undefined))
  return probes
}

function fromAppliance(known: Known, from: CompiledInstance): readonly PacketProbe[] {
  const { compiled, border } = known
  const strangers = compiled.instances
    .filter((each) => each.kind === 'machine')
    .filter((each) => listening(each).some((port) => !isDeclared(known, from, each.name, port)))
  const target = strangers.find((each) => listening(each).length > 0)
  const port = target === undefined ? undefined : listening(target)[0]
  return [
    ...(compiled.flows.some((flow) => flow.from === from.name && flow.to === 'anyone' && flow.protocol === 'tcp')
      ? []
      : [blocked(from.name, border.outside.address, 443, `${from.name} -> the outside`, undefined)]),
    ...(target === undefined || port === undefined
      ? []
      : [blocked(from.name, segmentLeg(target)?.address ?? '', port, `${from.name} -> ${target.name}`, undefined)]),
  ]
}

/** A client tries ports that are closed, and the inside by its own addresses. */
function fromOutside(known: Known, machines: readonly CompiledInstance[]): readonly PacketProbe[] {
  const { compiled, border } = known
  const doors = [...border.outside.leases, ...(border.services?.leases ?? [])]
  const ports = [...new Set([22, ...compiled.instances.flatMap(listening), ...servicePorts(compiled)])].slice(0, 8)
  const open = (instance: string, port: number) =>
    compiled.flows.some(
      (flow) =>
        flow.by === instance &&
        flow.protocol === 'tcp' &&
        !compiled.segments.some((segment) => segment.prefix === flow.from) &&
        (flow.ports === undefined || (flow.ports.first <= port && port <= flow.ports.last)),
    )
  return [
    ...doors.flatMap((lease) =>
      ports
        .filter((port) => !border.outside.leases.includes(lease) || !open(lease.instance, port))
        .map((port) =>
          blocked(
            border.name,
            lease.address,
            port,
            `${border.outside.leases.includes(lease) ? 'outside' : 'services network'} -> ${lease.instance}`,
            undefined,
          ),
        ),
    ),
    ...machines.flatMap((machine) =>
      listening(machine).map((port) =>
        blocked(
          border.name,
          segmentLeg(machine)?.address ?? '',
          port,
          `outside -> ${machine.name} at its inside address`,
          undefined,
        ),
      ),
    ),
  ]
}

function blocked(from: string, address: string, port: number, words: string, via: string | undefined): PacketProbe {
  return {
    from,
    kind: 'tcp',
    address,
    port,
    expect: 'blocked',
    words: `${words} tcp/${port}`,
    ...(via === undefined ? {} : { via }),
  }
}

function isDeclared(known: Known, from: CompiledInstance, to: string, port: number): boolean {
  return known.compiled.flows.some(
    (flow) =>
      flow.protocol === 'tcp' &&
      (flow.to === to || flow.to === 'anyone' || coversName(known, flow.to, to)) &&
      covers(known, flow.from, from) &&
      (flow.ports === undefined || (flow.ports.first <= port && port <= flow.ports.last)),
  )
}

function covers(known: Known, source: string, instance: CompiledInstance): boolean {
  if (source === 'anyone' || source === instance.name) return true
  const segment = known.compiled.segments.find((each) => each.prefix === source)
  // A prefix that is no segment may hold anything: then nothing is said to be undeclared.
  return segment === undefined
    ? source.includes('/')
    : instance.kind === 'machine' && legIn(instance, segment.name) !== undefined
}

function coversName(known: Known, target: string, name: string): boolean {
  const instance = instanceOf(known, name)
  return instance !== undefined && target.includes('/') && covers(known, target, instance)
}

/** Ports on which the machine is known to listen: where it is asked whether it is ready, and where a pool has it. */
function listening(instance: CompiledInstance): readonly number[] {
  if (instance.kind !== 'machine' || instance.ready === undefined || instance.ready.by === 'exec') return []
  const port = /:(\d+)(\/|$)/.exec(instance.ready.url.replace(/^\w+:\/\//, ''))?.[1]
  return port === undefined ? [] : [Number(port)]
}

const servicePorts = ({ flows }: Compiled): readonly number[] =>
  flows.flatMap((flow) => (flow.to.startsWith('service:') && flow.ports !== undefined ? [flow.ports.first] : []))

/** The inside address of a central service, as the machines of the segment are told it. */
function centralAddress(known: Known, by: string, service: string, from: string): string | undefined {
  const nat = instanceOf(known, by)
  const machine = instanceOf(known, from)
  const home = machine === undefined ? undefined : segmentOf(machine)
  const leg = nat === undefined || home === undefined ? undefined : legIn(nat, home)
  const reached = known.compiled.flows
    .filter(
      (flow) => flow.by === by && flow.from === known.compiled.segments.find((each) => each.name === home)?.prefix,
    )
    .flatMap((flow) => after(flow.to, 'central:') ?? [])
    .sort()
  return leg?.also[reached.indexOf(service)]
}

function addressFor(known: Known, target: CompiledInstance, from: string): string | undefined {
  const source = instanceOf(known, from)
  const shared = target.legs.find(
    (leg) => leg.to === 'segment' && source?.legs.some((each) => each.to === 'segment' && each.segment === leg.segment),
  )
  return (shared?.to === 'segment' ? shared : segmentLeg(target))?.address
}

const instanceOf = ({ compiled }: Known, name: string): CompiledInstance | undefined =>
  compiled.instances.find((each) => each.name === name)

const leaseOf = ({ border }: Known, name: string): string | undefined =>
  [...border.outside.leases, ...(border.services?.leases ?? [])].find((lease) => lease.instance === name)?.address

type SegmentLeg = Extract<Leg, { to: 'segment' }>

const legIn = (instance: CompiledInstance, segment: string): SegmentLeg | undefined =>
  instance.legs.find((leg): leg is SegmentLeg => leg.to === 'segment' && leg.segment === segment)

const segmentLeg = (instance: CompiledInstance): SegmentLeg | undefined =>
  instance.legs.find((leg): leg is SegmentLeg => leg.to === 'segment')

const segmentOf = (instance: CompiledInstance): string | undefined => segmentLeg(instance)?.segment

function gatewayOf({ compiled }: Known, segment: string | undefined): string | undefined {
  const found = compiled.segments.find((each) => each.name === segment)
  return found?.gateway ?? found?.anchor_address
}

const firstMachine = ({ instances }: Compiled, segment: string): CompiledInstance | undefined =>
  instances.find((each) => each.kind === 'machine' && legIn(each, segment) !== undefined)

const after = (text: string, start: string): string | undefined =>
  text.startsWith(start) ? text.slice(start.length) : undefined

function flowWords({ from, to, protocol, ports, by }: Flow): string {
  const range = ports === undefined ? '' : `/${ports.first}${ports.last === ports.first ? '' : `-${ports.last}`}`
  return `${from} -> ${to} ${protocol}${range} by ${by}`
}

function unique(probes: readonly PacketProbe[]): readonly PacketProbe[] {
  const key = (probe: PacketProbe) =>
    [probe.from, probe.kind, probe.address, probe.port, probe.expect === 'blocked'].join(' ')
  const passing = new Set(
    probes.filter((probe) => probe.expect !== 'blocked').map((probe) => key({ ...probe, expect: 'blocked' })),
  )
  const seen = new Set<string>()
  return probes.filter((probe) => {
    const own = key(probe)
    const first = !seen.has(own) && !(probe.expect === 'blocked' && passing.has(own))
    seen.add(own)
    return first
  })
}
