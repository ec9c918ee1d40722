import { useSyncExternalStore } from 'react'

let now = Date.now()
let timer: ReturnType<typeof setInterval> | undefined
const watchers = new Set<() => void>()

/** The time of day, once a second and the same for everybody on the page, so that ages agree with each other. */
export function useNow(): number {
  return useSyncExternalStore(watch, () => now)
}

function watch(tell: () => void): () => void {
  watchers.add(tell)
  timer ??= setInterval(() => {
    now = Date.now()
    for (const each of watchers) each()
  }, 1_000)
  return () => {
    watchers.delete(tell)
    if (watchers.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}
