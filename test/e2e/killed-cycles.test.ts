// On the lab: 112 s
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Customers, eventually, lifeboat, sleep, stackFile, startCustomers, verb } from '../../lab/demo/story.ts'
import { claimOf, everyInstance } from './roles.ts'
import { emptyStage, live, startLifeboat, statusAtClient } from './stage.ts'
import { killed, places, settled } from './unharmed.ts'

/** Cycles and drills lose their controller ten times each, while customers order. (For deploy and failover: journal.test.ts.) */
let customers: Customers

beforeAll(async () => {
  const { ca } = await emptyStage()
  await verb('deploy', stackFile, '--site', 'east')
  customers = await startCustomers(10, ca)
  await eventually('the first accepted order', async () =>
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

test('replicate, killed inside the pause: told, and resumed by whoever comes next', async () => {
  for (const next of [
    ['guard', 'shop'],
    ['replicate', 'shop'],
  ]) {
    await leftPaused()
    expect((await lifeboat(['status', 'shop'])).stdout).toMatch(/warning: paused at east: db\d/)
    expect(await lifeboat(next)).toMatchObject({ exit: 0 })
    expect(await paused()).toEqual([])
    const resumed_at = Date.now()
    await eventually('good answers again', async () => (await statusAtClient('/api/healthz')) === '200')
    await eventually('orders go on', async () =>
      (await customers.attempts()).some((each) => each.sent_at > resumed_at && each.acked_at !== null),
    )
  }
  await settled('east', 'west')
})

test('drill: no bubble is left', async () => {
  const { kills, report } = await killed(['drill', 'shop'], [3])
  expect(kills).toBeGreaterThan(places / 2)
  expect(report.drill?.verdict).toBe('passed')
  await settled('east', 'west')
})

/** Kills a cycle while it has machines paused; one that was too quick is tried again. */
async function leftPaused(): Promise<void> {
  for (let tries = 0; tries < 10; tries++) {
    const cycle = startLifeboat(['replicate', 'shop'])
    while ((await paused()).length === 0 && !cycle.ended());
    await cycle.kill()
    // What Incus was asked for before the end still happens.
    await sleep(1000)
    if ((await paused()).length > 0) return
  }
  throw new Error('no cycle was killed inside its pause')
}

async function paused(): Promise<readonly string[]> {
  const found = (await everyInstance('east')).filter((each) => each.status === 'Frozen')
  return found.map((each) => each.name)
}
