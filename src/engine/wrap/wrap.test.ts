import { expect, test } from 'vitest'
import type { InstanceObject } from '../../state/objects.ts'
import { engineConformance } from '../conformance.ts'
import type { Engine } from '../contract.ts'
import { EngineError } from '../error.ts'
import { Crash, faultSchedule } from '../fake/faults.ts'
import { fakeWorld } from '../fake/world.ts'
import { faults } from './faults.ts'
import { limit } from './limit.ts'
import { type RecordedCall, record } from './record.ts'
import { retry } from './retry.ts'

const area = { kind: 'stack', stack: 'shop' } as const
const db: InstanceObject = {
  type: 'instance',
  area,
  name: 'db1',
  role: 'machine',
  image: 'shop-db',
  nics: [],
  digest: 'sha256:db',
}

engineConformance('all wrappers around the fake', async () => {
  const world = fakeWorld({ images: ['small'] })
  const wrapped = (site: string): Engine => {
    const { clock } = world
    const faulty = faults(world.engine(site), { clock, schedule: faultSchedule() })
    return retry(
      limit(
        record(faulty, clock, () => undefined),
        2,
      ),
      { clock },
    )
  }
  return { east: wrapped('east'), west: wrapped('west'), image: 'small', cleanup: async () => {} }
})

test('retry tries again later, doubling its wait, and gives up with the last error', async () => {
  const world = fakeWorld()
  const east = retry(world.engine('east'), { clock: world.clock, tries: 3, wait_ms: 1_000 })
  world.faults.at({ call: 'ensureArea' }, 'fail-before', { code: 'busy', times: 2 })
  await east.ensureArea(area)
  const [first, second, third] = world.calls.map((call) => call.at_ms)
  expect([second! - first!, third! - second!]).toEqual([1_000, 2_000])
  world.faults.at({ call: 'ensureInstance' }, 'lose-answer', { times: 3 })
  await expect(east.ensureInstance(db)).rejects.toMatchObject({ code: 'unreachable' })
  expect(world.calls.filter((call) => call.call === 'ensureInstance')).toHaveLength(3)
})

test('retry leaves alone what no second try can mend, and what must not be done twice', async () => {
  const world = fakeWorld()
  const east = retry(world.engine('east'), { clock: world.clock })
  await east.ensureArea(area)
  await east.ensureInstance(db)
  await east.power(db, 'start', 5)
  world.faults.at({ call: 'setDigest' }, 'fail-before', { code: 'conflict' })
  await expect(east.setDigest(db, 'x')).rejects.toMatchObject({ code: 'conflict' })
  world.faults.at({ call: 'checkpoint' }, 'lose-answer')
  await expect(east.checkpoint([db], 'p1', 'each')).rejects.toMatchObject({ code: 'unreachable' })
  world.faults.at({ call: 'exec' }, 'lose-answer')
  await expect(east.exec(db, ['true'], 5)).rejects.toMatchObject({ code: 'unreachable' })
  for (const call of ['setDigest', 'checkpoint', 'exec'] as const)
    expect(world.calls.filter((each) => each.call === call)).toHaveLength(1)
})

test('limit lets so many through at once, in order, and a failure gives its place back', async () => {
  const world = fakeWorld()
  const direct = world.engine('east')
  await direct.ensureArea(area)
  let most = 0
  let now = 0
  const counted = record(direct, world.clock, () => {
    now -= 1
  })
  const counting: Engine = {
    ...counted,
    ensureInstance: (object) => {
      now += 1
      most = Math.max(most, now)
      return counted.ensureInstance(object)
    },
  }
  const east = limit(counting, 2)
  const wanted = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => ({
    ...db,
    name,
    image: name === 'b' ? 'none' : 'shop-db',
  }))
  const results = await Promise.allSettled(wanted.map((object) => east.ensureInstance(object)))
  expect(results.map((result) => result.status)).toEqual(
    wanted.map(({ name }) => (name === 'b' ? 'rejected' : 'fulfilled')),
  )
  expect(most).toBe(2)
  expect(world.calls.slice(1).map((call) => call.object)).toEqual(wanted.map(({ name }) => `stack:shop/${name}`))
})

test('record tells what was called, for how long and how it ended, and nothing that was inside', async () => {
  const world = fakeWorld()
  const told: RecordedCall[] = []
  const east = record(world.engine('east'), world.clock, (call) => told.push(call))
  await east.ensureArea(area)
  await east.ensureInstance(db)
  await east.put(db, [{ path: '/etc/lifeboat/secrets/tls.pem', content: 'hush', mode: 0o600 }])
  await east.exec({ area, name: 'ghost' }, ['/bin/login', 'hush'], 5).catch(() => undefined)
  expect(told.map(({ call, object, outcome }) => [call, object, outcome])).toEqual([
    ['ensureArea', 'stack:shop', 'ok'],
    ['ensureInstance', 'stack:shop/db1', 'ok'],
    ['put', 'stack:shop/db1 /etc/lifeboat/secrets/tls.pem', 'ok'],
    ['exec', 'stack:shop/ghost /bin/login', 'not-found'],
  ])
  expect(told.every((call) => call.took_ms > 0)).toBe(true)
  expect(JSON.stringify(told)).not.toContain('hush')
})

test('faults around an engine: error before, effect then lost answer, and a crash that ends the handle', async () => {
  const world = fakeWorld()
  const schedule = faultSchedule()
  const east = faults(world.engine('east'), { clock: world.clock, schedule })
  schedule.at({ call: 'ensureArea' }, 'fail-before', { code: 'busy' })
  await expect(east.ensureArea(area)).rejects.toBeInstanceOf(EngineError)
  expect(world.site('east').area(area)).toBeUndefined()
  schedule.at({ call: 'ensureArea' }, 'lose-answer')
  await expect(east.ensureArea(area)).rejects.toMatchObject({ code: 'unreachable' })
  expect(world.site('east').area(area)).toBeDefined()
  schedule.at({ call: 'stacks' }, 'crash')
  await expect(east.stacks()).rejects.toBeInstanceOf(Crash)
  await expect(east.survey()).rejects.toBeInstanceOf(Crash)
})
