import type { Action, Phase, Step } from './plan.ts'

type Extra = {
  readonly after?: readonly (string | readonly string[] | undefined)[]
  readonly undo?: readonly Action[]
  readonly point_of_no_return?: boolean
  readonly optional?: boolean
}

/** Writes a step in one line; `after` takes ids, lists of ids, or nothing. */
export function step(phase: Phase, site: string, id: string, action: Action, reason: string, extra: Extra = {}): Step {
  return {
    id,
    phase,
    site,
    action,
    after: (extra.after ?? []).flat().filter((name): name is string => name !== undefined),
    reason,
    undo: extra.undo ?? [],
    point_of_no_return: extra.point_of_no_return ?? false,
    optional: extra.optional ?? false,
  }
}

export const ids = (steps: readonly Step[]): readonly string[] => steps.map((each) => each.id)

/**
 * A part of a plan that was written for itself, as a part of a larger one: its steps get a word behind their ids and wait
 * for `after` where they waited for nothing of their own part.
 */
export function under(word: string, steps: readonly Step[], part: Part): readonly Step[] {
  const inside = new Set(ids(steps))
  const name = (id: string) => (inside.has(id) ? `${id}, ${word}` : id)
  return steps.map((each) => {
    const own = each.after.filter((id) => inside.has(id)).map(name)
    return {
      ...each,
      id: name(each.id),
      phase: part.phase,
      action: renamed(each.action, name),
      after: [...own, ...each.after.filter((id) => !inside.has(id)), ...(own.length === 0 ? part.after : [])],
      point_of_no_return: false,
      optional: part.optional ?? each.optional,
    }
  })
}

type Part = { readonly phase: Phase; readonly after: readonly string[]; readonly optional?: boolean }

function renamed(action: Action, name: (id: string) => string): Action {
  switch (action.do) {
    case 'complete':
      return {
        ...action,
        checkpoint_step: name(action.checkpoint_step),
        receive_steps: action.receive_steps.map(name),
      }
    case 'dns':
    case 'dns-seen':
    case 'announced':
      return { ...action, lease_step: name(action.lease_step) }
    default:
      return action
  }
}
