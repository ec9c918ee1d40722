// On the lab: 100 s
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Customers, eventually, lifeboat, stackFile, startCustomers, verb } from '../../lab/demo/story.ts'
import { claimOf, everyInstance } from './roles.ts'
import { emptyStage, live } from './stage.ts'
import { killed, places, settled } from './unharmed.ts'

/** Cycles and drills lose their controller ten times each, while customers order. (For deploy and failover: journal.test.ts.) */
let customers: Customers

beforeAll(async () => {
  const { ca } = await emptyStage()
  await verb('deploy', stackFile, '--site', 'east')
  customers = await startCustomers(10, ca)
  await eventually('the first accepted order', 60_000, async () =>
    (await customers.attempts()).some((each) => each.acked_at !== null),
  )
})

afterAll(async () => {
  await customers?.stop()
  await lifeboat(['destroy', 'shop', '--consent', 'shop'])
})

test('replicate', async () => {
  const { kills } = await killed(['replicate', 'shop'], [2, 5, 8])
  expect(kills).toBeGreaterThan(places / 2)
  const [newest] = (await claimOf('west'))?.points ?? []
  expect(newest?.machines).toEqual(['db1', 'db2'])
  const kept = (await everyInstance('west')).filter((each) => each.project === `${live}-keep`)
  expect(kept.map((each) => each.name)).toEqual(
    expect.arrayContaining(['db1', 'db2'].map((db) => `${db}-${newest?.name}`)),
  )
  await settled('east', 'west')
})

test('drill: no bubble is left', async () => {
  const { kills, report } = await killed(['drill', 'shop'], [3])
  expect(kills).toBeGreaterThan(places / 2)
  expect(report.drill?.verdict).toBe('passed')
  await settled('east', 'west')
})
