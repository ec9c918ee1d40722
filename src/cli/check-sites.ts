import { siteLacks } from '../operations/site-lacks.ts'
import type { Parsed } from '../stack/parse.ts'
import type { Problem } from '../stack/problem.ts'
import type { Stack } from '../stack/stack.ts'
import type { Sites } from '../state/sites.ts'

/**
 * What the sites of a site file lack for a stack, at the places of the stack file that name it. As a deploy takes it: what the
 * standby lacks is a warning; what the others lack is an error where the stack could be deployed at none of them.
 */
export function sitesProblems(stack: Stack, { sites }: Sites, locate: Parsed['locate']): readonly Problem[] {
  const standby = stack.protect?.standby
  const lacking = sites.map((site) => ({ site, lacks: siteLacks(stack, site) }))
  const nowhere = lacking.every(({ site, lacks }) => site.name === standby || lacks.length > 0)
  const found = lacking.flatMap(({ site, lacks }) =>
    lacks.map(({ what, hint, at }): Problem => {
      const level = nowhere && site.name !== standby ? 'error' : 'warning'
      return { level, at: locate(at ?? []), what, hint }
    }),
  )
  if (standby === undefined || sites.some(({ name }) => name === standby)) return found
  const what = `the standby "${standby}" is not in the site file`
  const hint = `sites: ${sites.map(({ name }) => name).join(', ')}`
  return [...found, { level: 'error', at: locate(['protect', 'standby']), what, hint }]
}
