import type { Watcher } from '../execute/execute.ts'
import { formatDuration } from '../lib/duration.ts'
import type { Plan } from '../plan/plan.ts'

/** Steps as they happen: a line for each that ended, and on a terminal a last line with those that run. */
export function progress(plan: Plan, quiet: boolean): { readonly watch: Watcher; end(): void } {
  if (quiet) return { watch: () => {}, end: () => {} }
  const terminal = process.stdout.isTTY === true
  const decided = Date.parse(plan.made_at)
  const started = new Map<string, number>()
  const notes = new Map<string, string>()
  const clear = () => {
    if (terminal) process.stdout.write('\r\x1b[2K')
  }
  const running = () => {
    if (!terminal || started.size === 0) return
    const text = `  ... ${[...started.keys()].map((id) => (notes.has(id) ? `${id} (${notes.get(id)})` : id)).join(', ')}`
    process.stdout.write(text.slice(0, (process.stdout.columns ?? 80) - 1))
  }
  const line = (at: string, mark: string, id: string, text: string) => {
    clear()
    const from = started.get(id)
    const took = from === undefined ? '' : formatDuration(Date.parse(at) - from)
    console.log(
      `  ${formatDuration(Date.parse(at) - decided).padStart(8)}  ${mark} ${id.padEnd(32)} ${took.padStart(8)}${text === '' ? '' : `  ${text}`}`,
    )
    started.delete(id)
    running()
  }
  return {
    watch(event) {
      switch (event.type) {
        case 'step-started':
          started.set(event.step, Date.parse(event.at))
          clear()
          running()
          break
        case 'progress':
          notes.set(event.step, event.text)
          clear()
          running()
          break
        case 'step-done':
          line(event.at, 'done  ', event.step, typeof event.found.address === 'string' ? event.found.address : '')
          break
        case 'step-failed':
          line(event.at, 'FAILED', event.step, event.failure.what)
          break
        case 'unwinding':
          clear()
          console.log(`  taking everything back: ${event.because}`)
          break
        case 'undone':
          line(event.at, 'undone', event.step, '')
          break
        case 'undo-failed':
          line(event.at, 'LEFT  ', event.step, `${event.left}: ${event.failure.what}`)
          break
        case 'planned':
        case 'resumed':
        case 'loss':
        case 'loss-unknown':
        case 'ended':
          break
      }
    },
    end: clear,
  }
}
