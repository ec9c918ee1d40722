import { z } from 'zod'
import { SiteName, StackName, Time } from './words.ts'

/** What the appliances of a stack count, at the site that is active. */
export const Counters = z.object({
  stack: StackName,
  site: SiteName.optional().describe('Absent where no site that answers is active.'),
  at: Time,
  appliances: z.array(
    z.object({
      name: z.string(),
      silence: z.string().optional().describe('Why it does not tell.'),
      rules: z
        .array(
          z.object({
            chain: z.string(),
            words: z.string().describe('As the flows of the picture say it.'),
            verdict: z.enum(['accept', 'drop', 'translate']),
            packets: z.number(),
            bytes: z.number(),
          }),
        )
        .describe('The first packet of each connection is counted by its rule, all others as established.'),
      servers: z
        .array(
          z.object({
            service: z.string(),
            machine: z.string(),
            up: z.boolean(),
            state: z.string().describe('`UP`, `DOWN 1/2`, `no check`.'),
            since_s: z.number(),
            sessions: z.number().describe('Now.'),
            sessions_total: z.number(),
            from_clients_bytes: z.number(),
            to_clients_bytes: z.number(),
          }),
        )
        .describe('Machines behind the services of a load balancer, as its checks see them.'),
    }),
  ),
})
