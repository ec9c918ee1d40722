import { type Finding, type Planned, refuse } from '../plan/plan.ts'
import type { Claim, Drilling, ObservedArea } from '../state/objects.ts'
import { isRescue } from './naming.ts'
import type { SiteView, Situation } from './situation.ts'

/** The bubbles of drills at a site; one in which a copy is looked at is no drill. */
export function bubblesAt(view: SiteView): readonly ObservedArea[] {
  return (view.answer?.observed.areas ?? []).filter(({ area }) => area.kind === 'bubble' && !isRescue(area))
}

/**
 * Whether somebody drills here who must not be disturbed. On the machine where it ran a process that is gone is seen to be;
 * of any other nobody can know, and a person has to say it.
 */
export function occupied(
  situation: Situation,
  view: SiteView,
  claim: Claim,
  gone: string | undefined,
): Extract<Planned, { refused: unknown }> | undefined {
  const { drilling } = claim
  if (drilling === undefined) return undefined
  const { name } = situation.stack
  const told = `drill ${drilling.drill} of ${name} at ${view.site.name} ${runnerWords(drilling)}`
  switch (situation.lives(drilling.owner)) {
    case 'gone':
      return undefined
    case 'alive':
      return refuse(`${told}; that process is there`, 'wait for it, or interrupt it: it removes its bubble') as Refused
    case 'unknown':
      return gone === drilling.drill
        ? undefined
        : (refuse(
            `${told}; whether that process is still there cannot be seen from here`,
            `make sure that it is gone, and say so: lifeboat drill ${name} --remove --gone ${drilling.drill}`,
            'person',
          ) as Refused)
  }
}

type Refused = Extract<Planned, { refused: unknown }>

/** `was begun by root@ops at 2026-... (process 4711 on ops)`. */
export function runnerWords({ by, since, owner }: Drilling): string {
  return `was begun by ${by} at ${since} (process ${owner.pid} on ${owner.host})`
}

/** Bubbles that a reader of any report should know of: kept, running, or left by somebody who died. */
export function bubbleFindings(situation: Situation): readonly Finding[] {
  return situation.sites.flatMap((view) =>
    bubbleStates(situation, view).map(
      ({ drill, state, words }): Finding => ({
        level: state === 'left' ? 'warning' : 'note',
        what: `drill ${drill} at ${view.site.name}: ${words}`,
        hint: state === 'left' ? `lifeboat drill ${situation.stack.name} --remove` : undefined,
        needs: undefined,
      }),
    ),
  )
}

export type BubbleState = {
  readonly drill: string
  readonly state: 'kept' | 'running' | 'left'
  readonly words: string
}

export function bubbleStates(situation: Situation, view: SiteView): readonly BubbleState[] {
  const claim = view.answer?.observed.claim?.claim
  const known = bubblesAt(view).flatMap(({ area }) => (area.kind === 'bubble' ? [area.drill] : []))
  const begun = claim?.drilling === undefined || known.includes(claim.drilling.drill) ? [] : [claim.drilling.drill]
  return [...known, ...begun].map((drill): BubbleState => {
    if (claim?.drilling?.drill === drill) {
      const words = runnerWords(claim.drilling)
      switch (situation.lives(claim.drilling.owner)) {
        case 'alive':
          return { drill, state: 'running', words }
        case 'unknown':
          return { drill, state: 'running', words: `${words}; not seen from here whether it still runs` }
        case 'gone':
          return { drill, state: 'left', words: `${words}, which is gone: its bubble is left` }
      }
    }
    if (claim?.proof?.kept === true && claim.proof.drill === drill)
      return { drill, state: 'kept', words: `kept since ${claim.proof.ended_at}` }
    return { drill, state: 'left', words: 'its bubble is left by whoever began it' }
  })
}
