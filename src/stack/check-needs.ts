import { clip } from './problems-of-schema.ts'
import { own, type Report, type View } from './view.ts'

/** No machine waits for itself, however far around. Each cycle is told once, with its path. */
export function checkNeeds(view: View, report: Report): void {
  const state = new Map<string, 'open' | 'done'>()
  for (const start of Object.keys(view.file.machines)) {
    if (state.has(start)) continue
    // A walk by hand: a chain of needs may be longer than the call stack.
    const path: { name: string; next: number }[] = [{ name: start, next: 0 }]
    state.set(start, 'open')
    while (path.length > 0) {
      const here = path.at(-1)!
      const index = here.next++
      const need = own(view.file.machines, here.name)?.needs[index]
      if (need === undefined) {
        state.set(here.name, 'done')
        path.pop()
      } else if (state.get(need) === 'open') {
        const names = path.map(({ name }) => name)
        const cycle = [...names.slice(names.indexOf(need)), need]
        report(
          'error',
          ['machines', here.name, 'needs', index],
          `a cycle in needs: ${words(cycle)}`,
          'none of them could be started first',
        )
      } else if (!state.has(need) && own(view.file.machines, need) !== undefined) {
        state.set(need, 'open')
        path.push({ name: need, next: 0 })
      }
    }
  }
}

function words(cycle: readonly string[]): string {
  const shown = cycle.length <= 12 ? cycle : [...cycle.slice(0, 6), `(${cycle.length - 11} more)`, ...cycle.slice(-5)]
  return shown.map(clip).join(' -> ')
}
