import { z } from 'zod'
import { TouchPoint } from './operations.ts'
import { StackName } from './words.ts'

const few = z.coerce.number().int().min(1).max(64)

/** How the physical gear of both sites is taken to be; what is left out is as usual. */
export const AssumptionsQuery = z.object({
  access_pairs: few.optional().describe('Pairs of access switches at each site.'),
  core_pairs: z.coerce.number().int().min(0).max(64).optional(),
  switches_per_pair: z.coerce.number().int().min(1).max(2).optional().describe('1: a pair is configured as one.'),
  firewalls: few.optional().describe('Configured each for itself.'),
  load_balancers: few.optional(),
  vlans_ready: z.stringbool().optional().describe('The VLANs are at the new site already.'),
  clean_up: z.stringbool().optional().describe('VLANs are also taken away at the old site.'),
})

/** What a move touches outside a stack: by Lifeboat, and with VLANs and contexts on physical gear. */
export const Touchpoints = z.object({
  stack: StackName,
  lifeboat: z.array(TouchPoint),
  physical: z.object({
    assumptions: z.object({
      access_pairs: z.int(),
      core_pairs: z.int(),
      switches_per_pair: z.int(),
      firewalls: z.int(),
      load_balancers: z.int(),
      vlans_ready: z.boolean(),
      clean_up: z.boolean(),
    }),
    touches: z.array(
      z.object({
        at: z.enum(['new site', 'old site']),
        device: z.string(),
        of: z.string().describe('Part of the stack: `segment web`, `firewall fw`.'),
        what: z.string(),
      }),
    ),
    devices: z.int().describe('At both sites; a cluster that keeps itself equal is one.'),
  }),
})
