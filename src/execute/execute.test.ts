import { expect, test } from 'vitest'
import { fakeWorld } from '../engine/fake/world.ts'
import type { Plan, Step } from '../plan/plan.ts'
import { step } from '../plan/step.ts'
import { abort, execute, type Journal, pastNoReturn } from './execute.ts'
import { fold, type JournalEvent } from './journal.ts'
import type { World } from './world.ts'

const area = { kind: 'stack', stack: 'shop' } as const
const network = (segment: string) => ({ type: 'network', area, segment }) as const
const opened = step('build', 'east', 'area', { do: 'area', area }, 'home', { undo: [{ do: 'remove-area', area }] })
const net = (segment: string, extra: { point_of_no_return?: boolean; optional?: boolean } = {}) =>
  step('build', 'east', segment, { do: 'network', network: network(segment) }, 'segment', {
    after: ['area'],
    undo: [{ do: 'remove-network', network: network(segment) }],
    ...extra,
  })
const last = (extra: { optional?: boolean } = {}) =>
  step('verify', 'east', 'last', { do: 'cut-legs', instance: { area, name: 'nobody' }, cut: true }, 'fails', {
    after: ['web'],
    ...extra,
  })

test('every step is started before and ended after its work, in the order of the plan', async () => {
  const { journal, outcome } = await walk([opened, net('web'), net('app')])
  expect(outcome).toBe('done')
  const told = journal.map((event) => ('step' in event ? `${event.type} ${event.step}` : event.type))
  expect(told.slice(0, 2)).toEqual(['step-started area', 'step-done area'])
  expect(told.slice(2, 4)).toEqual(['step-started web', 'step-started app'])
  expect(told.at(-1)).toBe('ended')
})

test('a failure before the point of no return is taken back, last first', async () => {
  const { journal, outcome, seen } = await walk([opened, net('web'), last()])
  expect(outcome).toBe('undone')
  expect(await seen()).toEqual([])
  const undone = journal.flatMap((event) => (event.type === 'undone' ? [event.step] : []))
  expect(undone).toEqual(['web', 'area'])
  expect(journal.find((event) => event.type === 'unwinding')).toMatchObject({
    because: expect.stringContaining('last: '),
  })
})

test('after the point of no return nothing is taken back, and abort is refused', async () => {
  const steps = [opened, net('web', { point_of_no_return: true }), last()]
  const { events, plan, world, journal, outcome, seen } = await walk(steps)
  expect(outcome).toBe('stuck')
  expect(await seen()).toEqual(['web'])
  expect(pastNoReturn(plan, fold(journal))).toBe(true)
  await expect(abort(plan, world, events, 'me')).rejects.toThrow('only resume is left')
})

test('an optional step may fail, and what waits for it goes on', async () => {
  const { outcome, seen } = await walk([
    opened,
    net('web'),
    last({ optional: true }),
    { ...net('app'), after: ['last'] },
  ])
  expect(outcome).toBe('done')
  expect(await seen()).toEqual(['app', 'web'])
})

test('what could not be taken back is told by name and place', async () => {
  const { journal, outcome } = await walk([opened, net('web'), last()], (fake) =>
    fake.faults.at({ call: 'removeNetwork' }, 'fail-before'),
  )
  expect(outcome).toBe('stuck')
  expect(fold(journal).left).toEqual(['remove network web at east', 'remove area stack at east'])
})

test('called again on the journal of an operation that died, it does only what is left', async () => {
  const { events, plan, world, journal } = await walk([opened, net('web'), net('app')])
  const cut = journal.findIndex((event) => event.type === 'step-done' && event.step === 'web')
  events.all.splice(cut)
  expect(await execute(plan, world, events)).toBe('done')
  const again = events.all.slice(cut).flatMap((event) => (event.type === 'step-started' ? [event.step] : []))
  expect(again).toContain('web')
  expect(again).not.toContain('area')
})

async function walk(steps: readonly Step[], prepare: (world: ReturnType<typeof fakeWorld>) => void = () => {}) {
  const fake = fakeWorld()
  prepare(fake)
  const engine = fake.engine('east')
  const never = async () => {
    throw new Error('nothing outside is asked for here')
  }
  const world: World = {
    clock: fake.clock,
    engine: () => engine,
    outside: {
      setAddress: never,
      removeAddress: never,
      dropAddress: never,
      mayUpdate: never,
      resolves: never,
      routeServers: async () => [],
      routes: async () => [],
      goodAnswer: never,
      glance: never,
    },
    secrets: never,
  }
  const plan: Plan = {
    verb: 'deploy',
    stack: 'shop',
    made_at: fake.clock.now().toISOString(),
    summary: 'a plan',
    steps,
    touches: [],
    not_tested: [],
    point: undefined,
    undoable: true,
    findings: [],
  }
  const all: JournalEvent[] = []
  const events: Journal & { readonly all: JournalEvent[] } = {
    all,
    append: (event) => void all.push(event),
    events: () => all,
  }
  const outcome = await execute(plan, world, events)
  const seen = async () =>
    (await engine.observe('shop')).areas.flatMap((each) => each.networks.map(({ segment }) => segment)).sort()
  return { events, plan, world, journal: [...all], outcome, seen }
}
