import type { Border } from '../compile/border.ts'
import type { Compiled, CompiledInstance, Flow, Leg } from '../compile/compiled.ts'

/** A compiled stack and what stands around it in a drill. */
export type Known = { readonly compiled: Compiled; readonly border: Border }

/** In the segment that the flow is for: the load balancer has a leg in several. */
export function serviceAddress(known: Known, service: string, flow: Flow): string | undefined {
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

export function addressFor(known: Known, target: CompiledInstance, from: string): string | undefined {
  const source = instanceOf(known, from)
  const shared = target.legs.find(
    (leg) => leg.to === 'segment' && source?.legs.some((each) => each.to === 'segment' && each.segment === leg.segment),
  )
  return (shared?.to === 'segment' ? shared : segmentLeg(target))?.address
}

export const instanceOf = ({ compiled }: Known, name: string): CompiledInstance | undefined =>
  compiled.instances.find((each) => each.name === name)

export const leaseOf = ({ border }: Known, name: string): string | undefined =>
  [...border.outside.leases, ...(border.services?.leases ?? [])].find((lease) => lease.instance === name)?.address

type SegmentLeg = Extract<Leg, { to: 'segment' }>

export const legIn = (instance: CompiledInstance, segment: string): SegmentLeg | undefined =>
  instance.legs.find((leg): leg is SegmentLeg => leg.to === 'segment' && leg.segment === segment)

export const segmentLeg = (instance: CompiledInstance): SegmentLeg | undefined =>
  instance.legs.find((leg): leg is SegmentLeg => leg.to === 'segment')

export const segmentOf = (instance: CompiledInstance): string | undefined => segmentLeg(instance)?.segment

export function gatewayOf({ compiled }: Known, segment: string | undefined): string | undefined {
  const found = compiled.segments.find((each) => each.name === segment)
  return found?.gateway ?? found?.anchor_address
}

export const firstMachine = ({ instances }: Compiled, segment: string): CompiledInstance | undefined =>
  instances.find((each) => each.kind === 'machine' && legIn(each, segment) !== undefined)

export const after = (text: string, start: string): string | undefined =>
  text.startsWith(start) ? text.slice(start.length) : undefined
