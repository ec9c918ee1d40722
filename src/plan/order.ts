import type { Step } from './plan.ts'

/**
 * Steps by generation: everything in one generation can run at the same time, once the generations before are done.
 * A plan that names an unknown step, names one twice or waits for itself is a bug and throws.
 */
export function generations(steps: readonly Step[]): readonly (readonly Step[])[] {
  const byId = new Map<string, Step>()
  for (const each of steps) {
    if (byId.has(each.id)) throw new Error(`plan has two steps "${each.id}"`)
    byId.set(each.id, each)
  }
  for (const each of steps) {
    for (const name of each.after) {
      if (!byId.has(name)) throw new Error(`step "${each.id}" waits for "${name}", which is not in the plan`)
    }
  }
  const done = new Set<string>()
  const result: Step[][] = []
  let left = [...steps]
  while (left.length > 0) {
    const ready = left.filter((each) => each.after.every((name) => done.has(name)))
    if (ready.length === 0)
      throw new Error(`these steps wait for each other: ${left.map((each) => each.id).join(', ')}`)
    for (const each of ready) done.add(each.id)
    left = left.filter((each) => !done.has(each.id))
    result.push(ready)
  }
  return result
}

/** The steps in an order in which they may run one after the other. */
export function ordered(steps: readonly Step[]): readonly Step[] {
  return generations(steps).flat()
}
