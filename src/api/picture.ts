import { z } from 'zod'

/** A stack as it is drawn. Positions are the drawer's matter; ids are unique in a picture. */
export const PictureNode = z.object({
  id: z.string(),
  kind: z.enum(['clients', 'ingress', 'firewall', 'load-balancer', 'nat', 'machine', 'segment', 'service']),
  name: z.string(),
  addresses: z.array(z.string()).describe('`10.10.2.11 in web`; an outside leg says `by DHCP`.'),
  group: z.string().optional().describe('Machines of one kind.'),
  stateful: z.boolean().optional(),
  power: z.enum(['running', 'stopped', 'paused', 'broken', 'absent']).optional(),
  health: z.enum(['good', 'warning', 'bad', 'unknown']),
  notes: z.array(z.string()).describe('For the hover: image, readiness, what a drill does with a service.'),
})
export type PictureNode = z.infer<typeof PictureNode>

export const PictureEdge = z.object({
  id: z.string(),
  from: z.string(),
  to: z.string(),
  kind: z.enum(['leg', 'flow']).describe('`leg`: a connection to a segment; `flow`: something that is let pass.'),
  words: z.string().describe('The rule: `tcp/443 by fw: allow tcp/443 from anyone to public`.'),
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
