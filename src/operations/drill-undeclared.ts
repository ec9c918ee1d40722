import type { Compiled, CompiledInstance } from '../compile/compiled.ts'
import { looksLike6 } from '../lib/ip6.ts'
import type { PacketProbe } from '../plan/plan.ts'
import {
  after,
  firstMachine,
  gatewayOf,
  instanceOf,
  type Known,
  legIn,
  segmentLeg,
  segmentOf,
  serviceAddress,
} from './drill-places.ts'

/** What nobody declared, a sample in every direction. The targets listen, so that an answer would be heard. */
export function undeclared(known: Known): readonly PacketProbe[] {
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
  // A packet has one family: those at IPv6 addresses are tried over that.
  const doors = border.services?.doors.filter((door) => looksLike6(door.address) === looksLike6(border.outside.address))
  for (const door of doors ?? []) {
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
  const routed = [...new Set(compiled.flows.flatMap(({ address }) => address ?? []))]
  const open = (instance: string | undefined, port: number, address?: string) =>
    compiled.flows.some(
      (flow) =>
        flow.address === address &&
        (instance === undefined || flow.by === instance) &&
        flow.protocol === 'tcp' &&
        !compiled.segments.some((segment) => segment.prefix === flow.from) &&
        (flow.at === undefined
          ? flow.ports === undefined || (flow.ports.first <= port && port <= flow.ports.last)
          : flow.at === port),
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
    ...routed.flatMap((address) =>
      ports
        .filter((port) => !open(undefined, port, address))
        .map((port) => blocked(border.name, address, port, `outside -> ${address}`, undefined)),
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
