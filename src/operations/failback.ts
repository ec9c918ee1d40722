import { type Planned, refuse } from '../plan/plan.ts'
import { leftovers } from './leftovers.ts'
import { planMove, replicated } from './move.ts'
import { planReplicate } from './replicate.ts'
import { lostSite, planReprotect } from './reprotect.ts'
import { activeView, epochOf, type Situation } from './situation.ts'

/**
 * The next operation on the way home: the site that was lost becomes the standby again, is brought up to date while the
 * stack runs where it is, and then takes over without loss. Each is an operation of its own, planned from what is seen then.
 */
export function planFailback(situation: Situation): Planned {
  const { name, protect } = situation.stack
  const home = situation.sites.find((view) => view.site.name !== protect?.standby)
  if (protect === undefined || home === undefined)
    return refuse(`${name} has no standby in its stack file, so no site is its home`, 'say where: lifeboat move')
  const claim = home.answer?.observed.claim?.claim
  // A home that comes back may still say that it is active, under an epoch that is over.
  if (claim?.role === 'active' && activeView(situation) === home)
    return claim.launched === undefined
      ? refuse(`${name} is at ${home.site.name} already, where it was deployed`)
      : planMove(situation, { to: home.site.name }, 'failback')
  // Given up by the site that is active no more, and not yet taken: the move goes on.
  const away = situation.sites.find((view) => view.site.name === protect.standby)
  const giving = away?.answer?.observed.claim?.claim
  if (claim?.role === 'standby' && giving?.role === 'stale' && giving.epoch === claim.epoch)
    return planMove(situation, { to: home.site.name }, 'failback')
  const found = lostSite(situation)
  if ('refused' in found) return found
  if (found.view !== home)
    return refuse(
      `${name} is active at ${found.active.site.name}, and its home ${home.site.name} is not beside it`,
      `lifeboat status ${name} shows what each site is`,
    )
  const follows = claim?.role === 'standby' && claim.epoch === epochOf(found.active)
  if (!follows || leftovers(situation, home).lived.length > 0) return planReprotect(situation)
  const following = claim.definition?.digest === situation.definition.digest
  if (!following || !replicated(situation, home)) return planReplicate(situation)
  return planMove(situation, { to: home.site.name }, 'failback')
}
