import { pino } from 'pino'
import { expect, test } from 'vitest'
import { virtualClock } from '../lib/clock.ts'
import type { Inspected } from '../lifeboat.ts'
import type { ServedCertificate } from '../operations/certificates.ts'
import type { Difference } from '../operations/differences.ts'
import { openInspections } from './inspections.ts'

const rules: Difference = {
  site: 'east',
  object: 'fw',
  place: '/etc/nftables.conf',
  what: 'changed by hand',
  by: 'hand',
}
const paused: Difference = { site: 'east', object: 'db1', place: 'power', what: 'is paused, not running', by: 'hand' }
const lag: Difference = { site: 'west', object: 'fw', place: 'instance', what: 'is not there', by: 'standby' }
const shown = { site: 'east', appliance: 'lb', secret: 'shop-tls', until: new Date('2026-02-01') }
const hour_ms = 3_600_000

function inspector() {
  const clock = virtualClock(undefined, { auto: false })
  const found = {
    differences: [] as readonly Difference[],
    seen: ['east', 'west'],
    unseen: [] as readonly string[],
    certificates: [shown] as readonly ServedCertificate[],
  }
  const state = { busy: false, here: true, looks: 0, broken: false }
  const inspections = openInspections({
    clock,
    logger: pino({ level: 'silent' }),
    every_ms: hour_ms,
    here: () => state.here,
    busy: () => state.busy,
    ask: async (stack): Promise<Inspected> => {
      state.looks++
      if (state.broken) throw new Error('it broke')
      const { differences, unseen, seen } = found
      return { compared: { stack, differences, unseen }, certificates: found.certificates, seen }
    },
  })
  inspections.note('shop')
  const pass = async (ms: number) => {
    await clock.advance(ms)
    inspections.tick()
    await inspections.settled()
  }
  return { found, state, inspections, pass, hand: () => inspections.of('shop')?.hand }
}

test('what is found twice, ten seconds apart, was changed by hand; what a cycle pauses was not', async () => {
  const { found, hand, pass, state } = inspector()
  found.differences = [paused, lag]
  await pass(1000)
  found.differences = [rules, lag]
  await pass(10_000)
  // Neither of the two is sure yet, nor that there is none.
  expect(hand()).toBeUndefined()
  await pass(10_000)
  expect(hand()).toEqual([rules])
  // Found once, it is looked at every five minutes.
  await pass(4 * 60_000)
  expect(state.looks).toBe(3)
  found.differences = []
  await pass(60_000)
  expect(hand()).toEqual([])
  await pass(hour_ms - 1000)
  expect(state.looks).toBe(4)
})

test('while an operation is at work, or the other controller does it, nothing is looked at', async () => {
  const { found, hand, pass, state } = inspector()
  found.differences = [rules]
  state.busy = true
  for (let times = 0; times < 5; times++) await pass(10_000)
  expect(state.looks).toBe(0)
  state.busy = false
  await pass(10_000)
  await pass(10_000)
  expect(hand()).toEqual([rules])
  state.here = false
  await pass(5 * 60_000)
  expect(hand()).toBeUndefined()
})

test('of an appliance that cannot be looked into nothing new is known', async () => {
  const { found, hand, pass } = inspector()
  found.differences = [rules]
  await pass(1000)
  await pass(10_000)
  found.differences = []
  found.unseen = ['fw at east could not be looked into']
  await pass(5 * 60_000)
  expect(hand()).toEqual([rules])
  found.unseen = ['fw2 at east could not be looked into']
  await pass(5 * 60_000)
  expect(hand()).toEqual([])
})

test('of a site that is silent what was found before stays, also when its certificates end', async () => {
  const { found, hand, inspections, pass } = inspector()
  found.differences = [rules]
  await pass(1000)
  await pass(10_000)
  found.differences = []
  found.certificates = []
  found.seen = ['west']
  await pass(5 * 60_000)
  expect(hand()).toEqual([rules])
  expect(inspections.of('shop')?.certificates).toEqual([shown])
})

test('a look that fails is told, and is not the last one', async () => {
  const { inspections, pass, state } = inspector()
  state.broken = true
  await pass(1000)
  await pass(60_000)
  expect(inspections.failed('shop')).toEqual({ failures: 2, why: 'it broke' })
  state.broken = false
  await pass(60_000)
  expect(inspections.failed('shop')).toBeUndefined()
  expect(inspections.of('shop')?.hand).toEqual([])
})
