import { z } from 'zod'
import { OperationId, SiteName, StackName, Time, Verb } from './words.ts'

export const Sight = z.object({ site: SiteName, answers: z.boolean(), silence: z.string().optional() })

export const Doing = z.object({ stack: StackName, verb: Verb, operation: OperationId })

/** What one controller tells the other. */
export const PeerView = z.object({
  site: SiteName,
  at: Time,
  sees: z.array(Sight).describe('Whether the sites answer it.'),
  runs: z.array(Doing).default([]).describe('What it is at: the other one keeps its hands off it.'),
})
