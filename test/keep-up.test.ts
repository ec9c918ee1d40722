import { expect, test } from 'vitest'
import { type Kept, keepUp } from '../src/cli/keep-up.ts'
import { agesOf, backOff, nextStart } from '../src/operations/pace.ts'
import { type Rig, stackFile } from './every-step/rig.ts'
import { after } from './every-step/scenes.ts'

const deployed = () => after({ verb: 'deploy', file: stackFile, site: 'east', remove: [] })

/** Runs the loop until so much virtual time is over. */
async function kept(on: Rig, target_ms: number, for_ms: number, at: (elapsed_ms: number) => void = () => {}) {
  const stop = new AbortController()
  const told: Kept[] = []
  const began = on.world.clock.elapsed_ms()
  const ended = await keepUp(on.controller(), 'shop', target_ms, stop.signal, (each) => {
    told.push(each)
    const elapsed = on.world.clock.elapsed_ms() - began
    at(elapsed)
    if (elapsed >= for_ms) stop.abort()
  })
  return { ended, told, points: told.flatMap((each) => (each.type === 'point' ? [each] : [])) }
}

test('no point grows older than the target, and no more cycles than that takes', async () => {
  const on = await deployed()
  const { ended, points } = await kept(on, 5000, 120_000)
  expect(ended).toMatchObject({ failures: 0, missed: 0 })
  expect(Math.max(...points.map((each) => each.age_ms ?? 0))).toBeLessThanOrEqual(5000)
  expect(ended.points).toBeGreaterThanOrEqual(24)
  expect(ended.points).toBeLessThan(50)
})

test('what the loop says of an age is what the claim of the standby shows', async () => {
  const on = await deployed()
  const { points } = await kept(on, 5000, 30_000)
  const held = on.world.site('west').claims.get('shop')?.claim.points ?? []
  const cycles = held
    .map((each) => ({ taken_ms: Date.parse(each.taken_at), complete_ms: Date.parse(each.complete_at) }))
    .reverse()
  const ages = agesOf(cycles)
  expect(ages.length).toBeGreaterThan(0)
  const told = points.slice(-ages.length).map((each) => each.age_ms ?? 0)
  for (const [index, age] of ages.entries()) expect(Math.abs(age - (told[index] ?? 0))).toBeLessThan(100)
})

test('a target that cannot be met is missed and said to be, and cycles follow each other at once', async () => {
  const on = await deployed()
  const { ended, points } = await kept(on, 50, 20_000)
  expect(ended.missed).toBe(ended.points - 1)
  expect(points.at(-1)?.missed).toBe(true)
})

test('a standby that is silent is tried again, ever later, and the loop goes on when it is back', async () => {
  const on = await deployed()
  const { ended, told } = await kept(on, 5000, 120_000, (elapsed) => {
    if (elapsed > 20_000 && elapsed < 60_000) on.world.isolate('west')
    if (elapsed >= 60_000) on.world.rejoin('west')
  })
  const failures = told.flatMap((each) => (each.type === 'failed' ? [each] : []))
  expect(failures.length).toBeGreaterThan(3)
  expect(failures.slice(0, 4).map((each) => each.again_in_ms)).toEqual([1000, 2000, 4000, 5000])
  expect(failures[0]?.what).toContain('west')
  const back = told.slice(told.lastIndexOf(failures.at(-1) as Kept) + 1)
  expect(back.length).toBeGreaterThan(3)
  expect(back.every((each) => each.type === 'point')).toBe(true)
  // The time without a standby is a miss: once, in the age of the point before it.
  expect(ended.missed).toBe(1)
})

test('the journals of good cycles do not pile up, those of failed ones stay', async () => {
  const on = await deployed()
  const { ended } = await kept(on, 1000, 90_000, (elapsed) => {
    if (elapsed > 40_000) on.world.site('west').leaveFree(1_000)
    if (elapsed > 50_000) on.world.site('west').leaveFree(1_000_000_000)
  })
  const outcomes = [...on.journals.values()].map((events) => events.find((each) => each.type === 'ended')?.outcome)
  expect(ended.points).toBeGreaterThan(40)
  expect(outcomes.filter((each) => each === 'done')).toHaveLength(20)
  expect(outcomes.filter((each) => each === 'undone').length).toBeGreaterThan(0)
})

test('the next cycle begins early enough for the longest of the recent ones', () => {
  const cycle = (began_ms: number, took_ms: number) => ({
    began_ms,
    taken_ms: began_ms + 100,
    complete_ms: began_ms + took_ms,
    incremental: true,
  })
  expect(nextStart(5000, [])).toBe(0)
  const recent = [cycle(0, 1000), cycle(4000, 600)]
  expect(nextStart(5000, recent)).toBe(4100 + 5000 - 1500 - 200)
  const whole = { ...cycle(0, 9000), incremental: false }
  expect(nextStart(5000, [whole])).toBe(0)
  expect(nextStart(5000, [whole, ...recent.slice(1)])).toBe(4100 + 5000 - 900 - 200)
  expect([1, 2, 3, 4, 9].map((failures) => backOff(failures, 5000))).toEqual([1000, 2000, 4000, 5000, 5000])
  expect(backOff(20, 600_000)).toBe(60_000)
})
