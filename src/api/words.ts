import { z } from 'zod'

/** What many messages are made of. Times are ISO 8601 in UTC; durations and sizes carry their unit in the name. */
export const StackName = z
  .string()
  .max(63)
  .regex(/^[a-z]([a-z0-9-]*[a-z0-9])?$/, 'a stack name is a DNS label')
  .describe('Name of a stack.')
export const SiteName = z
  .string()
  .max(32)
  .regex(/^[a-z]([a-z0-9-]*[a-z0-9])?$/, 'a site name is a DNS label')
  .describe('Name of a site.')
export const PointName = z
  .string()
  .max(40)
  .regex(/^p\d{8}-\d{6}-\d{3}$/, 'a point is called p20261122-181207-123')
  .describe('Name of a recovery point.')
export const OperationId = z
  .string()
  .max(120)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'an operation is called 20261122T202132-failover-shop-b599')
  .describe('Id of an operation; ids begin with their time.')
export const Time = z.string().max(40).describe('ISO 8601, UTC.')

/** In the order of what they may do; each may do what those before it may. */
export const roles = ['viewer', 'operator', 'commander', 'admin'] as const
export const Role = z
  .enum(roles)
  .describe(
    'viewer looks; operator also drills and replicates; commander also moves stacks; admin also removes and grants.',
  )
export type Role = z.infer<typeof Role>

/** Whether a role may do what another one is enough for. */
export function reaches(role: Role, needed: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(needed)
}

export const verbs = [
  'deploy',
  'replicate',
  'drill',
  'move',
  'failover',
  'failback',
  'guard',
  'reprotect',
  'rescue',
  'destroy',
] as const
export const Verb = z.enum(verbs)
export type Verb = z.infer<typeof Verb>

/** The least role that may ask for a verb. */
export const roleOfVerb: Readonly<Record<Verb, Role>> = {
  deploy: 'commander',
  replicate: 'operator',
  drill: 'operator',
  move: 'commander',
  failover: 'commander',
  failback: 'commander',
  guard: 'commander',
  reprotect: 'commander',
  rescue: 'commander',
  destroy: 'admin',
}

/** Verbs that end something for clients or for data; they are asked for with the stack's name once more. */
export const destructive: readonly Verb[] = ['failover', 'move', 'failback', 'destroy']

export const Finding = z.object({
  level: z.enum(['error', 'warning', 'note']),
  what: z.string(),
  hint: z.string().optional(),
  needs: z.enum(['person', 'change']).optional().describe("`person`: only a person's word can lift it."),
})
export type Finding = z.infer<typeof Finding>
