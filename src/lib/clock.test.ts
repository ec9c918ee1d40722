import { expect, test } from 'vitest'
import { systemClock, virtualClock } from './clock.ts'

test('virtual time jumps when everybody sleeps, and wakes in order of time', async () => {
  const clock = virtualClock(new Date('2026-01-01T00:00:00Z'))
  const woken: string[] = []
  const sleeper = async (name: string, ...waits_ms: number[]) => {
    for (const ms of waits_ms) {
      await clock.sleep(ms)
      woken.push(`${name} ${clock.elapsed_ms()}`)
    }
  }
  await Promise.all([sleeper('a', 3_600_000, 1), sleeper('b', 10, 10), sleeper('c', 10)])
  expect(woken).toEqual(['b 10', 'c 10', 'b 20', 'a 3600000', 'a 3600001'])
  expect(clock.now().toISOString()).toBe('2026-01-01T01:00:00.001Z')
})

test('an aborted sleep rejects with its reason and holds nobody up', async () => {
  for (const clock of [virtualClock(), systemClock]) {
    const over = new AbortController()
    const sleep = clock.sleep(3_600_000, over.signal)
    over.abort(new Error('enough'))
    await expect(sleep).rejects.toThrow('enough')
    await expect(clock.sleep(1, over.signal)).rejects.toThrow('enough')
  }
})

test('a held clock stands still until it is released', async () => {
  const clock = virtualClock()
  const release = clock.hold()
  let awake = false
  const sleep = clock.sleep(1_000).then(() => {
    awake = true
  })
  await systemClock.sleep(20)
  expect(awake).toBe(false)
  release()
  await sleep
  expect(clock.elapsed_ms()).toBe(1_000)
})

test('without auto-advance only advance() moves it, waking also those who fall asleep again', async () => {
  const clock = virtualClock(new Date(0), { auto: false })
  let rounds = 0
  const loop = (async () => {
    for (; rounds < 5; rounds++) await clock.sleep(100)
  })()
  await clock.advance(350)
  expect(rounds).toBe(3)
  expect(clock.elapsed_ms()).toBe(350)
  await clock.advance(1_000)
  await loop
  expect(rounds).toBe(5)
})
