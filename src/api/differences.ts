import { z } from 'zod'
import { StackName } from './words.ts'

export const DifferencesQuery = z.object({
  file: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('A stack file below the stacks folder of the controller; else the one that was deployed.'),
})

/** The stack as its file says against what is at the sites that answer. */
export const Differences = z.object({
  stack: StackName,
  differences: z.array(
    z.object({
      site: z.string(),
      object: z.string().describe('`fw`, `network web`, `stack file`.'),
      place: z.string().describe('A path, `rules in the kernel`, `config limits.memory`.'),
      what: z.string(),
      by: z
        .enum(['file', 'hand', 'standby'])
        .describe('`file`: the file changed since; `hand`: the site was changed; `standby`: it lags behind.'),
      lines: z.array(z.string()).describe('As diff(1) writes them: `+` is what was found at the site.'),
    }),
  ),
  unseen: z.array(z.string()).describe('What could not be looked at, and why: of this nothing is known.'),
})
