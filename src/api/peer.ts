import { z } from 'zod'
import { SiteName, Time } from './words.ts'

export const Sight = z.object({ site: SiteName, answers: z.boolean(), silence: z.string().optional() })

/** What one controller tells the other. */
export const PeerView = z.object({
  site: SiteName,
  at: Time,
  sees: z.array(Sight).describe('Whether the sites answer it.'),
})
