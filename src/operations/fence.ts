import type { Step } from '../plan/plan.ts'
import { ids, step } from '../plan/step.ts'
import type { Claimed } from '../state/objects.ts'
import { outsideLegs, withdrawals } from './ingress.ts'
import { stackArea } from './naming.ts'
import type { SiteView, Situation } from './situation.ts'

/**
 * Takes the stack away from a site that answers: its legs to the outside are cut before anything else, so that whatever
 * still runs is seen by nobody; its claim, where it says active, says stale; its machines are stopped, which the launch does not wait for.
 */
export function fence(
  situation: Situation,
  view: SiteView,
  claimed: Claimed | undefined,
): { readonly steps: readonly Step[]; readonly before: readonly string[] } {
  const site = view.site.name
  const area = stackArea(situation.stack.name)
  const there = view.answer?.observed.areas.find((each) => each.area.kind === 'stack')?.instances ?? []
  const names = new Set(there.filter((each) => each.power !== 'stopped').map((each) => each.object.name))
  const routes = withdrawals(situation, view, area, names, { phase: 'fence', after: [], undo: true })
  const cuts = [...new Set(outsideLegs(view).map((each) => each.appliance))]
    .filter((name) => names.has(name))
    .map((name) =>
      step(
        'fence',
        site,
        `cut ${name} at ${site}`,
        { do: 'cut-legs', instance: { area, name }, cut: true },
        'nobody outside sees it any more',
        {
          after: [ids(routes)],
          undo: [{ do: 'cut-legs', instance: { area, name }, cut: false }],
        },
      ),
    )
  const claims = claimed === undefined ? [] : [staleClaim(situation, site, claimed, ids(cuts))]
  const stops = there
    .filter((each) => each.power !== 'stopped')
    .map((each) =>
      step(
        'stop',
        site,
        `stop ${each.object.name} at ${site}`,
        { do: 'power', instance: { area, name: each.object.name }, verb: 'stop', within_s: 20 },
        'the stack is active elsewhere',
        {
          after: ['claim'],
          optional: true,
        },
      ),
    )
  return { steps: [...routes, ...cuts, ...claims, ...stops], before: [...ids(cuts), ...ids(claims)] }
}

function staleClaim(situation: Situation, site: string, claimed: Claimed, after: readonly string[]): Step {
  const stale = {
    ...claimed.claim,
    role: 'stale' as const,
    decided: { by: situation.by, at: situation.now.toISOString(), why: 'fenced for a failover' },
  }
  return step(
    'fence',
    site,
    `claim of ${site}`,
    { do: 'claim', expect: claimed.version, next: stale },
    'it may not launch under its old epoch',
    {
      after,
      undo: [{ do: 'restore-claim', written: stale, before: claimed.claim }],
    },
  )
}
