import type { Clock } from '../lib/clock.ts'

/** Between two looks, whatever is looked at: many stacks are looked at less often, not faster. */
const apart_ms = 500
const at_once = 4

export type Rota<T> = {
  /** What is to be looked at from now on, by key; what is there already keeps its turn. */
  set(key: string, item: T, after_ms?: number): void
  /** At the latest then. */
  soon(key: string, after_ms: number): void
  /** When its turn is. */
  next(key: string): number | undefined
  drop(key: string): void
  /** Begins the look whose turn it is, if any. */
  tick(): void
  /** When all that runs has ended. */
  settled(): Promise<void>
}

/** Looks at many things in turn, a few at once; `look` says after how long the same is looked at again. */
export function openRota<T>(clock: Clock, look: (item: T) => Promise<number>): Rota<T> {
  const turns = new Map<string, { item: T; due_ms: number }>()
  const running = new Map<string, Promise<void>>()
  let began_ms = 0

  async function begin(key: string, turn: { item: T; due_ms: number }): Promise<void> {
    const pause_ms = await look(turn.item)
    turn.due_ms = clock.now().getTime() + pause_ms
    running.delete(key)
  }

  return {
    soon(key, after_ms) {
      const known = turns.get(key)
      if (known !== undefined) known.due_ms = Math.min(known.due_ms, clock.now().getTime() + after_ms)
    },
    next: (key) => turns.get(key)?.due_ms,
    set(key, item, after_ms = 0) {
      const known = turns.get(key)
      if (known === undefined) turns.set(key, { item, due_ms: after_ms === 0 ? 0 : clock.now().getTime() + after_ms })
      else known.item = item
    },
    drop: (key) => void turns.delete(key),
    tick() {
      const now_ms = clock.now().getTime()
      if (running.size >= at_once || now_ms - began_ms < apart_ms) return
      let next: readonly [string, { item: T; due_ms: number }] | undefined
      for (const each of turns)
        if (!running.has(each[0]) && each[1].due_ms <= now_ms && each[1].due_ms < (next?.[1].due_ms ?? Infinity))
          next = each
      if (next === undefined) return
      began_ms = now_ms
      running.set(next[0], begin(...next))
    },
    async settled() {
      await Promise.all(running.values())
    },
  }
}
