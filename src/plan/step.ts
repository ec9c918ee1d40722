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
