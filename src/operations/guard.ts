import { type Finding, type Planned, refuse, type Step } from '../plan/plan.ts'
import { ids, step } from '../plan/step.ts'
import type { Claim } from '../state/objects.ts'
import { outsideLegs, withdrawals } from './ingress.ts'
import { withoutMissing } from './launch.ts'
import { stackArea } from './naming.ts'
import { resumePaused } from './paused.ts'
import { epochOf, type SiteView, type Situation, unseen } from './situation.ts'
import { rawFindings } from './survey.ts'

/**
 * Compares the claims of all sites that answer; the lower epoch loses. It takes a stack away from where it must not run,
 * lets go on what was left paused where it must, and never starts anything.
 */
export function planGuard(situation: Situation): Planned {
  const claimed = situation.sites.filter((view) => view.answer?.observed.claim !== undefined)
  const epoch = Math.max(0, ...claimed.map(epochOf))
  const actives = claimed.filter((view) => epochOf(view) === epoch && roleOf(view) === 'active')
  const [one, other] = actives
  if (one !== undefined && other !== undefined) {
    return refuse(
      `ALARM: ${one.site.name} and ${other.site.name} are both active for ${situation.stack.name} under epoch ${epoch}`,
      'look at both, decide which one has the word, and cut the other off from its clients by hand',
      'person',
    )
  }
  const losing = claimed.filter((view) => view !== one)
  const steps = withoutMissing([
    ...losing.flatMap((view) => quell(situation, view, epoch).steps),
    ...(one === undefined ? [] : resumePaused(one, situation.stack.name)),
  ])
  return {
    plan: {
      verb: 'guard',
      stack: situation.stack.name,
      made_at: situation.now.toISOString(),
      summary: summaryOf(situation, one, epoch, steps),
      steps,
      touches: [],
      not_tested: [],
      point: undefined,
      undoable: false,
      findings: findingsOf(situation, one, losing, epoch),
    },
  }
}

/**
 * Ends what a site that is not active runs: first the legs to the outside are cut, so that nobody sees it any more, then its
 * claim says stale, then it is stopped in order. What it holds stays as it is.
 */
export function quell(situation: Situation, view: SiteView, epoch: number): { readonly steps: readonly Step[] } {
  const site = view.site.name
  const area = stackArea(situation.stack.name)
  const claim = view.answer?.observed.claim?.claim
  const running = (view.answer?.observed.areas.find((each) => each.area.kind === 'stack')?.instances ?? []).filter(
    (each) => each.power === 'running' || each.power === 'paused',
  )
  const names = new Set(running.map((each) => each.object.name))
  const routes = withdrawals(situation, view, area, names, { phase: 'fence', after: [], undo: false })
  const cuts = [...new Set(outsideLegs(view).map((each) => each.appliance))]
    .filter((name) => names.has(name))
    .map((name) =>
      step(
        'fence',
        site,
        `cut ${name} at ${site}`,
        { do: 'cut-legs', instance: { area, name }, cut: true },
        `epoch ${epoch} is elsewhere: nobody may see it any more`,
        { after: [ids(routes)] },
      ),
    )
  const stale =
    claim === undefined || claim.role !== 'active'
      ? []
      : [
          step(
            'fence',
            site,
            `${site} stale`,
            {
              do: 'role',
              stack: claim.stack,
              from: { role: 'active', epoch: claim.epoch },
              to: staleRole(situation, claim, `epoch ${epoch} is elsewhere`),
            },
            'it may not launch under its old epoch',
            { after: ids(cuts) },
          ),
        ]
  const stops = running.map((each) =>
    step(
      'stop',
      site,
      `stop ${each.object.name} at ${site}`,
      { do: 'power', instance: { area, name: each.object.name }, verb: 'stop', within_s: 20 },
      'the stack is active elsewhere',
      { after: [ids(cuts), ids(stale)] },
    ),
  )
  return { steps: [...routes, ...cuts, ...stale, ...stops] }
}

function staleRole(situation: Situation, claim: Claim, why: string) {
  return {
    role: 'stale' as const,
    epoch: claim.epoch,
    decided: { by: situation.by, at: situation.now.toISOString(), why },
  }
}

const roleOf = (view: SiteView): Claim['role'] | undefined => view.answer?.observed.claim?.claim.role

function summaryOf(situation: Situation, active: SiteView | undefined, epoch: number, steps: readonly Step[]): string {
  const { name } = situation.stack
  const where =
    active === undefined
      ? `${name} is active nowhere that answers`
      : `${name} is active at ${active.site.name}, epoch ${epoch}`
  return steps.length === 0 ? `${where}; nothing of it runs where it must not` : `${where}: ${ids(steps).join(', ')}`
}

function findingsOf(
  situation: Situation,
  active: SiteView | undefined,
  losing: readonly SiteView[],
  epoch: number,
): readonly Finding[] {
  const { name } = situation.stack
  const note = (what: string, hint?: string): Finding => ({ level: 'note', what, hint, needs: undefined })
  const silent = situation.sites
    .filter((view) => view.answer === undefined)
    .map((view) => note(`${unseen(view)}; nothing is known of it`))
  const lost = losing
    .filter((view) => roleOf(view) === 'stale' || (roleOf(view) === 'active' && epochOf(view) < epoch))
    .map((view) =>
      epochOf(view) === epoch
        ? note(
            `${view.site.name} was handing ${name} over, and nobody has taken it`,
            `lifeboat move ${name} again, or lifeboat deploy it at ${view.site.name} again`,
          )
        : note(
            `${view.site.name} holds a copy of epoch ${epochOf(view)}, maybe with writes that are nowhere else`,
            `lifeboat reprotect ${name} sets it aside; lifeboat failback ${name} also moves back`,
          ),
    )
  const stopped = (active?.answer?.observed.areas.find((each) => each.area.kind === 'stack')?.instances ?? []).filter(
    (each) => each.power === 'stopped',
  )
  const down =
    active === undefined || stopped.length === 0
      ? []
      : [
          note(
            `stopped at ${active.site.name}: ${stopped.map((each) => each.object.name).join(', ')}`,
            'the guard starts nothing: that is for a person to decide',
          ),
        ]
  return [...silent, ...lost, ...down, ...rawFindings(situation)]
}
