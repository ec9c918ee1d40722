import { z } from 'zod'
import { Time } from './words.ts'

/** A check of the stack file as it was last asked at a client's place. */
export const IngressSight = z.object({
  check: z.string().describe('As the stack file has it.'),
  place: z.string().describe('Of the site file: where the client sits.'),
  family: z
    .union([z.literal(4), z.literal(6)])
    .optional()
    .describe('Absent: as the client chooses.'),
  state: z
    .enum(['answers', 'silent', 'unknown'])
    .describe('`unknown`: not asked yet, or nothing can be seen from that place; then `why` says it.'),
  at: Time.optional().describe('When it was asked last.'),
  since: Time.optional().describe('Since when every answer was like the last one, as far as this controller saw.'),
  address: z.string().optional().describe('What answered.'),
  took_ms: z.number().optional(),
  why: z.string().optional().describe('What the client got instead.'),
  week: z
    .array(z.object({ from: Time, tries: z.int(), good: z.int(), slowest_ms: z.number() }))
    .describe('By half hour, oldest first; half hours without a try are left out.'),
})
export type IngressSight = z.infer<typeof IngressSight>

/** The central services of a stack at its standby, as the watch there saw them last. */
export const ServiceSight = z.object({
  site: z.string(),
  at: Time,
  silent: z.array(z.string()).describe('Those that take no connection.'),
  words: z.string(),
})
export type ServiceSight = z.infer<typeof ServiceSight>

/** How a stack is seen from the outside, and what it would meet at its standby. */
export const OutsideSight = z.object({
  asks: z.array(IngressSight).describe('Empty where the stack file has no checks, or the site file no client places.'),
  services: ServiceSight.optional().describe('Absent where no watch runs at the standby.'),
})
export type OutsideSight = z.infer<typeof OutsideSight>
