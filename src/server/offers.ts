import type { StackDetail } from '../api/stacks.ts'
import { type Role, reaches, roleOfVerb, type Verb, verbs } from '../api/words.ts'
import type { Seen } from './seen.ts'

/** What somebody may ask for now. A yes is no promise: planning looks closer. */
export function offersOf(seen: Seen, role: Role, running: Verb | undefined): readonly StackDetail['verbs'][number][] {
  return verbs.map((verb) => {
    const needed = roleOfVerb[verb]
    const why_not = reaches(role, needed)
      ? reasonAgainst(seen, verb, running)
      : `needs the role ${needed}; yours is ${role}`
    return { verb, role: needed, allowed: why_not === undefined, why_not }
  })
}

function reasonAgainst(seen: Seen, verb: Verb, running: Verb | undefined): string | undefined {
  // A cycle is waited for.
  if (running !== undefined && running !== 'replicate' && verb !== 'guard' && verb !== 'failover')
    return `${running} is running`
  const roles = seen.status.sites.map((site) => site.role)
  const silent = seen.status.sites.filter((site) => !site.answers).map((site) => site.site)
  switch (verb) {
    case 'replicate':
    case 'move':
      if (seen.active === undefined) return 'no site that answers is active'
      if (!seen.protected) return 'the stack file names no standby'
      if (silent.length > 0) return `${silent.join(', ')} does not answer`
      return verb === 'move' && seen.newest_point_at === undefined ? 'there is no complete point yet' : undefined
    case 'drill':
      if (seen.standby === undefined) return 'no site that answers is standby'
      return seen.newest_point_at === undefined ? 'there is no complete point yet' : undefined
    case 'failover':
      if (seen.standby === undefined) return 'no site that answers is standby'
      return seen.newest_point_at === undefined ? 'there is no complete point yet' : undefined
    case 'failback':
      if (seen.active === undefined) return 'no site that answers is active'
      return silent.length > 0 ? `${silent.join(', ')} does not answer` : undefined
    case 'reprotect':
      return roles.includes('stale') || roles.filter((role) => role === 'active').length > 1
        ? undefined
        : 'no site has lost its role'
    case 'rescue':
      return seen.status.sites.some((site) => site.rescues.length > 0) ? undefined : 'nothing was set aside'
    case 'deploy':
    case 'guard':
    case 'destroy':
      return undefined
  }
}
