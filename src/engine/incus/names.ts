import { sha256 } from '../../lib/digest.ts'
import type { Area, InstanceObject, InstanceRef, NetworkObject, Nic } from '../../state/objects.ts'
import { areaLabel } from '../describe.ts'
import { EngineError, type EngineErrorCode } from '../error.ts'
import { IncusFailure } from './errors.ts'

/**
 * How our objects are called in Incus, and the marks by which they are known again. Names alone prove nothing: stack
 * `shop-replica` and the replicas of stack `shop` want the same project; the marks tell whose it is.
 */
export function projectOf(area: Area): string {
  switch (area.kind) {
    case 'stack':
      return `lb-${area.stack}`
    case 'replica':
    case 'keep':
    case 'watch':
      return `lb-${area.stack}-${area.kind}`
    case 'bubble':
      return `lb-${area.stack}-drill-${area.drill}`
  }
}

/** Interface names have 15 characters at most (IFNAMSIZ): `lb` and 52 bits of a hash. */
export function bridgeOf(network: NetworkObject): string {
  return `lb${sha256(`${areaLabel(network.area)}/${network.segment}`).slice(0, 13)}`
}

export type Config = Readonly<Record<string, string>>

const STACK = 'user.lifeboat.stack'
const AREA = 'user.lifeboat.area'
const DRILL = 'user.lifeboat.drill'
const SEGMENT = 'user.lifeboat.segment'
const ROLE = 'user.lifeboat.role'
const IMAGE = 'user.lifeboat.image'
const NICS = 'user.lifeboat.nics'
export const DIGEST = 'user.lifeboat.digest'
export const CLAIM = 'user.lifeboat.claim'
/** On a replica: `volatile.uuid` of the instance whose snapshots it holds. */
export const ORIGIN = 'user.lifeboat.origin'
/** On a replica: the process that fetches into it, as JSON; what it says counts only while a transfer is under way. */
export const FETCHER = 'user.lifeboat.fetcher'
/** On a replica: set when its first transfer is complete. */
export const SEEDED = 'user.lifeboat.seeded'

export function areaMarks(area: Area): Config {
  return { [STACK]: area.stack, [AREA]: area.kind, ...(area.kind === 'bubble' ? { [DRILL]: area.drill } : {}) }
}

/** A project that only holds the claim carries this and is not an area yet. */
export function stackMark(stack: string): Config {
  return { [STACK]: stack }
}

export function withoutArea(config: Config): Record<string, string> {
  return Object.fromEntries(Object.entries(config).filter(([key]) => key !== AREA && key !== DRILL))
}

export function stackOf(config: Config): string | undefined {
  return config[STACK]
}

export function areaOf(config: Config): Area | undefined {
  const stack = config[STACK]
  const kind = config[AREA]
  if (stack === undefined) return undefined
  if (kind === 'stack' || kind === 'replica' || kind === 'keep' || kind === 'watch') return { kind, stack }
  const drill = config[DRILL]
  return kind === 'bubble' && drill !== undefined ? { kind, stack, drill } : undefined
}

export function isMarked(config: Config, area: Area): boolean {
  const marked = areaOf(config)
  return marked !== undefined && areaLabel(marked) === areaLabel(area)
}

export function networkMarks(network: NetworkObject): Config {
  return { ...areaMarks(network.area), [SEGMENT]: network.segment }
}

export function networkOf(config: Config): NetworkObject | undefined {
  const area = areaOf(config)
  const segment = config[SEGMENT]
  return area === undefined || segment === undefined ? undefined : { type: 'network', area, segment }
}

export function instanceMarks(object: InstanceObject): Config {
  return {
    ...areaMarks(object.area),
    [ROLE]: object.role,
    [IMAGE]: object.image,
    [NICS]: JSON.stringify(object.nics),
    [DIGEST]: object.digest,
  }
}

export function instanceOf(name: string, config: Config): InstanceObject | undefined {
  const area = areaOf(config)
  const role = config[ROLE]
  if (area === undefined || (role !== 'machine' && role !== 'appliance')) return undefined
  return {
    type: 'instance',
    area,
    name,
    role,
    image: config[IMAGE] ?? '',
    nics: JSON.parse(config[NICS] ?? '[]') as readonly Nic[],
    digest: config[DIGEST] ?? '',
  }
}

export function place(ref: InstanceRef): string {
  return `instance ${ref.name} in project ${projectOf(ref.area)}`
}

/** For an object that has a name of ours and not our mark. */
export function notOurs(what: string): IncusFailure {
  return new IncusFailure(
    409,
    `${what} exists and does not carry Lifeboat's mark for it: it is left alone; remove it or rename it`,
  )
}

export function refuse(site: string, code: EngineErrorCode, message: string) {
  return new EngineError(code, site, '', message)
}
