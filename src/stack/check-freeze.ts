import type { Report, View } from './view.ts'

/** What is frozen must be thawed, and only what has a part in points is frozen at all. */
export function checkFreeze(view: View, report: Report): void {
  for (const [name, machine] of Object.entries(view.file.machines)) {
    const at = ['machines', name]
    const given = (['freeze', 'thaw', 'freeze_within'] as const).filter((key) => machine[key] !== undefined)
    const first = given[0]
    if (first === undefined) continue
    if (!machine.stateful) {
      const what = `"${first}" is for stateful machines, and "${name}" is none`
      report('error', [...at, first], what, 'add stateful: true, or remove it', 'key')
    } else if (machine.freeze === undefined) {
      report('error', [...at, first], `"${first}" without "freeze"`, 'say what is done right before the pause', 'key')
    } else if (machine.thaw === undefined) {
      report(
        'error',
        [...at, 'freeze'],
        '"freeze" without "thaw"',
        'say how the machine goes on after the pause',
        'key',
      )
    }
  }
}
