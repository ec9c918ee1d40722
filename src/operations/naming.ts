import type { Area } from '../state/objects.ts'

export const stackArea = (stack: string): Area => ({ kind: 'stack', stack })
export const replicaArea = (stack: string): Area => ({ kind: 'replica', stack })
export const keepArea = (stack: string): Area => ({ kind: 'keep', stack })

export const watchArea = (stack: string): Area => ({ kind: 'watch', stack })
export const isWatch = (area: Area): boolean => area.kind === 'watch'

/** `p20261122-181207-123`: sorts by time, and is a valid part of an instance name. */
export function pointName(at: Date): string {
  const [day, time] = at.toISOString().split('T') as [string, string]
  return `p${day.replaceAll('-', '')}-${time.slice(0, 8).replaceAll(':', '')}-${time.slice(9, 12)}`
}

/** The instant in the name of a point: when its cycle was planned, shortly before it was taken. */
export function pointTime(name: string): string {
  const [, year, month, day, hour, minute, second, ms] =
    /^p(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)-(\d{3})$/.exec(name) ?? []
  return `${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`
}

/** The clone of one machine of a point. */
export const keptName = (machine: string, point: string): string => `${machine}-${point}`

/** What is prepared at the standby is named by its content, so that a new version is built beside the one that works. */
export const preparedName = (instance: string, digest: string): string => `${instance}-${digest.slice(0, 8)}`

/** A changed appliance is built under the one name, and what it takes the place of is kept under the other until all is seen. */
export const nextName = (appliance: string): string => `${appliance}-next`
export const beforeName = (appliance: string): string => `${appliance}-before`

/**
 * What a site held when it lost its role, set aside under the epoch that it had. A `spare` is the copy that an orderly move
 * leaves behind, which the next complete point makes superfluous; a `rescue` has writes that no point has.
 */
export const asideName = (machine: string, kind: 'rescue' | 'spare', epoch: number): string =>
  `${machine}-${kind}-${epoch}`

export const isSpare = (name: string): boolean => /-spare-\d+$/.test(name)

/** The point that a clone in the keep is of. */
export const pointIn = (clone: string): string | undefined => /-(p\d{8}-\d{6}-\d{3})$/.exec(clone)?.[1]

/** A bubble in which a copy that was set aside is looked at; it is no drill. */
export const rescueArea = (stack: string, epoch: number): Area => ({ kind: 'bubble', stack, drill: `rescue-${epoch}` })

export const isRescue = (area: Area): boolean => area.kind === 'bubble' && area.drill.startsWith('rescue-')
