/** Time as an argument: what waits takes a clock, so that tests with long waits take no real time. */
export interface Clock {
  now(): Date
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted before. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => new Date(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const stop = () => {
        clearTimeout(timer)
        reject(signal?.reason)
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', stop)
        resolve()
      }, ms)
      signal?.addEventListener('abort', stop, { once: true })
    }),
}

export interface VirtualClock extends Clock {
  /** Milliseconds since the start. */
  elapsed_ms(): number
  /** Lets `ms` pass by hand, waking sleepers in order; works with and without auto-advance. */
  advance(ms: number): Promise<void>
  /** Stops auto-advance until the returned function is called: for real work (files, processes) in between. */
  hold(): () => void
  /** How many are asleep. */
  sleepers(): number
}

/**
 * A clock that stands still while anybody works and jumps to the next wake-up once everybody sleeps. Sleepers wake one
 * at a time, by time and then by order of falling asleep: equal programs see equal interleavings. Real work (files,
 * sockets) is not seen as work: hold the clock around it where that matters.
 */
export function virtualClock(
  start: Date = new Date('2026-01-01T00:00:00Z'),
  options: { readonly auto?: boolean } = {},
): VirtualClock {
  const auto = options.auto ?? true
  const start_ms = start.getTime()
  const sleepers: Sleeper[] = []
  let now_ms = start_ms
  let sequence = 0
  let holds = 0
  let armed = false

  function arm(): void {
    if (!auto || armed || holds > 0 || sleepers.length === 0) return
    armed = true
    settle(() => {
      armed = false
      if (holds > 0) return
      wakeNext()
      arm()
    })
  }

  /** Turns of the event loop until nobody falls asleep or wakes any more. */
  function settle(then: () => void): void {
    let quiet = 0
    let seen = sequence
    const turn = () => {
      quiet = seen === sequence ? quiet + 1 : 0
      seen = sequence
      if (quiet < 3) setImmediate(turn)
      else then()
    }
    setImmediate(turn)
  }

  function wakeNext(): void {
    const next = sleepers.shift()
    if (next === undefined) return
    now_ms = Math.max(now_ms, next.at_ms)
    next.wake()
  }

  function fallAsleep(sleeper: Sleeper): void {
    const index = sleepers.findIndex((other) => other.at_ms > sleeper.at_ms)
    sleepers.splice(index < 0 ? sleepers.length : index, 0, sleeper)
  }

  return {
    now: () => new Date(now_ms),
    elapsed_ms: () => now_ms - start_ms,
    sleepers: () => sleepers.length,
    sleep(ms, signal) {
      sequence += 1
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const stop = () => {
          sleepers.splice(sleepers.indexOf(sleeper), 1)
          reject(signal?.reason)
        }
        const wake = () => {
          signal?.removeEventListener('abort', stop)
          resolve()
        }
        const sleeper: Sleeper = { at_ms: now_ms + Math.max(0, ms), wake }
        signal?.addEventListener('abort', stop, { once: true })
        fallAsleep(sleeper)
        arm()
      })
    },
    async advance(ms) {
      const until_ms = now_ms + ms
      holds += 1
      for (;;) {
        await new Promise<void>((resolve) => settle(resolve))
        const next = sleepers[0]
        if (next === undefined || next.at_ms > until_ms) break
        wakeNext()
      }
      now_ms = Math.max(now_ms, until_ms)
      holds -= 1
      arm()
    },
    hold() {
      holds += 1
      let released = false
      return () => {
        if (released) return
        released = true
        holds -= 1
        arm()
      }
    },
  }
}

type Sleeper = { readonly at_ms: number; readonly wake: () => void }
