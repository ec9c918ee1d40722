import type { Border } from '../compile/border.ts'
import { counterLabel } from '../compile/border-rules.ts'
import type { Compiled, Flow } from '../compile/compiled.ts'
import { looksLike6 } from '../lib/ip6.ts'
import type { PacketProbe, Witness } from '../plan/plan.ts'
import { denied } from './drill-denied.ts'
import {
  addressFor,
  after,
  instanceOf,
  type Known,
  leaseOf,
  legIn,
  segmentLeg,
  segmentOf,
  serviceAddress,
} from './drill-places.ts'
import { undeclared } from './drill-undeclared.ts'

/**
 * The reachability matrix as packets to send: every declared flow, from whatever instance stands for its source, and of
 * what is not declared a sample in every direction. The targets of the sample listen, so that an answer would be heard;
 * a machine without a route there is given one, since whoever broke into it would do the same.
 */
export function matrixOf(compiled: Compiled, border: Border): Matrix {
  const known = { compiled, border }
  const declared = compiled.flows.map((flow) => probesOf(known, flow))
  const probes = [...declared.flatMap((each) => each.probes), ...undeclared(known)]
  return { probes: unique(probes), untested: byReason(declared.flatMap((each) => each.untested)) }
}

export type Matrix = {
  readonly probes: readonly PacketProbe[]
  /** Flows that nobody in the bubble can try, a line for each reason. */
  readonly untested: readonly string[]
}

type Tried = { readonly probes: readonly PacketProbe[]; readonly untested: readonly Untested[] }
type Untested = { readonly flow: string; readonly why: string }

function probesOf(known: Known, flow: Flow): Tried {
  const words = flowWords(flow)
  const none = (why: string): Tried => ({ probes: [], untested: [{ flow: words, why }] })
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
  if (flow.protocol === 'udp' && (port === 67 || port === 547)) {
    const own = instanceOf(known, from)?.legs.find((leg) => leg.to === 'segment')
    return own?.to === 'segment' ? { from, kind: 'address', address: own.address, expect: 'open', words } : undefined
  }
  const target = targetOf(known, flow, from)
  if (target === undefined) return undefined
  const { address } = target
  const stopped = stoppedBy(known, flow, from, address)
  if (stopped !== undefined) {
    const door = port === undefined || flow.protocol !== 'tcp' ? undefined : doorOf(known, flow, from, port)
    const told = `${from} -> ${flow.to} tcp/${door}: ${stopped}`
    return door === undefined ? undefined : { from, kind: 'tcp', address, port: door, expect: 'blocked', words: told }
  }
  const { expect } = target
  if (flow.icmp !== undefined) return undefined
  if (flow.protocol === 'icmp') return { from, kind: 'ping', address, expect, words }
  if (port === undefined) return undefined
  if (flow.protocol === 'udp') {
    const witness = witnessOf(known, flow)
    const probe = { from, address, port, expect, words, ...(witness === undefined ? {} : { witness }) }
    return port === 53 ? { ...probe, kind: 'dns' } : witness === undefined ? undefined : { ...probe, kind: 'udp' }
  }
  return { from, kind: 'tcp', address, port: doorOf(known, flow, from, port), expect, words }
}

/** A client outside may find it at another port. */
function doorOf({ border }: Known, flow: Flow, from: string, port: number): number {
  return from === border.name ? (flow.at ?? port) : port
}

/** A rule before the one of the flow may deny it to this sender. */
function stoppedBy(known: Known, flow: Flow, from: string, address: string): string | undefined {
  const sender = instanceOf(known, from)
  const source = sender === undefined ? known.border.outside.address : segmentLeg(sender)?.address
  if (source === undefined) return undefined
  const service = after(flow.to, 'service:')
  const machine = instanceOf(known, flow.to)
  const inner =
    sender !== undefined
      ? address
      : service !== undefined
        ? serviceAddress(known, service, flow)
        : machine === undefined
          ? address
          : addressFor(known, machine, from)
  return inner === undefined ? undefined : denied(known, flow, { source, target: inner, port: flow.ports?.first })
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
    const door = border.services?.doors.find(({ name }) => name === central)
    if (address === undefined || door === undefined) return undefined
    // Where a proxy takes the connection, it takes it before it has one to the service.
    return { address, expect: door.how === 'deny' && !looksLike6(door.address) ? 'refused' : 'open' }
  }
  const outsider = from === border.name
  const through = instanceOf(known, flow.by)
  if (outsider && through?.kind === 'appliance' && through.role === 'firewall') {
    const address = flow.address ?? leaseOf(known, flow.by)
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

/** A datagram to a central service has to pass the border, or to reach the stub that stands there. */
function witnessOf({ border }: Known, flow: Flow): Witness | undefined {
  const central = after(flow.to, 'central:')
  const door = border.services?.doors.find((each) => each.name === central)
  switch (door?.how) {
    case undefined:
      return undefined
    case 'allow':
      return { instance: border.name, counter: `left_${counterLabel(door)}` }
    case 'deny':
      return { instance: border.name, counter: `denied_${counterLabel(door)}` }
    case 'stub': {
      const stub = border.services?.stubs.find((each) => each.address === door.address)
      return stub === undefined ? undefined : { instance: stub.instance, counter: 'datagrams' }
    }
  }
}

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

function flowWords({ from, to, protocol, ports, by }: Flow): string {
  const range = ports === undefined ? '' : `/${ports.first}${ports.last === ports.first ? '' : `-${ports.last}`}`
  return `${from} -> ${to} ${protocol}${range} by ${by}`
}

function byReason(untested: readonly Untested[]): readonly string[] {
  const reasons = [...new Set(untested.map(({ why }) => why))]
  return reasons.map((reason) => {
    const flows = new Set(untested.filter(({ why }) => why === reason).map(({ flow }) => flow))
    return `no evidence, ${reason}: ${[...flows].join(', ')}`
  })
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
