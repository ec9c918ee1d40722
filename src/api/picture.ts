import { z } from 'zod'

/** A stack as it is drawn. Positions are the drawer's matter; ids are unique in a picture. */
export const PictureNode = z.object({
  id: z.string(),
  kind: z
    .enum(['clients', 'ingress', 'network', 'segment', 'firewall', 'load-balancer', 'nat', 'machine', 'service'])
    .describe('`network`: what the site gives, outside the stack; `segment`: what belongs to the stack.'),
  name: z.string(),
  addresses: z.array(z.string()).describe('`10.10.2.11 in web`; an outside leg says `by DHCP`.'),
  group: z.string().optional().describe('Machines of one kind.'),
  stateful: z.boolean().optional(),
  power: z.enum(['running', 'stopped', 'paused', 'broken', 'absent']).optional(),
  health: z.enum(['good', 'warning', 'bad', 'unknown']),
  notes: z.array(z.string()).describe('Image, readiness, what a drill does with a service.'),
})
export type PictureNode = z.infer<typeof PictureNode>

export const PictureEdge = z.object({
  id: z.string(),
  from: z.string(),
  to: z.string(),
  kind: z
    .enum(['leg', 'flow'])
    .describe('`leg`: a connection to a network or segment; `flow`: something that is let pass, in its direction.'),
  words: z.string().describe('The rule: `tcp/443 by fw: allow tcp/443 from anyone to public`.'),
  label: z.string().optional().describe('Of a flow: `tcp/443`.'),
  service: z.string().optional().describe('The service of a load balancer that it is to, or that it is behind.'),
  upkeep: z.boolean().optional().describe('Addresses, names, pings and readiness: what every stack has.'),
  counted: z
    .object({ appliance: z.string(), words: z.string() })
    .optional()
    .describe('What it is called among the counters.'),
})
export type PictureEdge = z.infer<typeof PictureEdge>

export const Picture = z.object({
  stack: z.string(),
  site: z.string().optional().describe('Where the health was seen: the active site.'),
  at: z.string(),
  nodes: z.array(PictureNode),
  edges: z.array(PictureEdge),
})
export type Picture = z.infer<typeof Picture>
