// On the lab: 90 s
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { eventually, lifeboat, ordersHeld, stackFile, startCustomers, verb } from '../../lab/demo/story.ts'
import { killSite, labPaths, up } from '../../lab/lab.ts'
import type { Report } from '../../src/report/report.ts'
import type { Claim } from '../../src/state/objects.ts'
import { claimsAt, emptyStage, instances, marked, removeShop, startLifeboat, statusAtClient } from './stage.ts'

/** The program is killed at work; what it wrote down is enough to go on, or to take everything back. */
let ca: string

beforeAll(async () => {
  ca = (await emptyStage()).ca
})
beforeEach(async () => {
  await up()
  await removeShop()
})
afterAll(async () => {
  await up()
  await removeShop()
})

test('killed in the middle of a deploy, it is resumed to the end', async () => {
  const operation = await killedWhen(['deploy', stackFile, '--site', 'east'], someMachinesRun)
  expect(await statusAtClient('/api/healthz')).toBe('000')
  expect((await report(operation)).outcome).toBe('running')

  const resumed = await verb('resume', operation)
  expect(resumed.outcome).toBe('done')
  expect(await statusAtClient('/api/healthz')).toBe('200')
  expect((await instances('east')).filter((each) => each.status === 'Running')).toHaveLength(9)
  expect(await lifeboat(['resume', operation])).toMatchObject({ exit: 1, stderr: expect.stringContaining('has ended') })
})

test('killed in the middle of a deploy, it is aborted and leaves nothing', async () => {
  const operation = await killedWhen(['deploy', stackFile, '--site', 'east'], someMachinesRun)
  expect((await marked('east')).length).toBeGreaterThan(5)

  const aborted = await lifeboat(['abort', operation])
  expect(aborted.exit).toBe(0)
  expect(await marked('east')).toEqual([])
  expect(await marked('west')).toEqual([])
})

test('killed in the middle of a failover, after its claim: it cannot be aborted, and is resumed to the end', async () => {
  await verb('deploy', stackFile, '--site', 'east')
  const customers = await startCustomers(10, ca)
  await eventually('accepted orders', async () => {
    const accepted = (await customers.attempts()).filter((each) => each.acked_at !== null)
    return accepted.length > 10
  })
  const attempts = await customers.stop()
  await verb('replicate', 'shop')
  await killSite('east')
  const operation = await killedWhen(['failover', 'shop', '--site-is-down', 'east'], async () =>
    (await claims()).some((claim) => claim.role === 'active' && claim.epoch === 2),
  )
  expect(await statusAtClient('/api/healthz')).toBe('000')

  expect(await lifeboat(['abort', operation])).toMatchObject({
    exit: 3,
    stderr: expect.stringContaining(`lifeboat resume ${operation}`),
  })
  const resumed = await verb('resume', operation)
  expect(resumed.outcome).toBe('done')
  expect(await statusAtClient('/api/healthz')).toBe('200')
  expect((await claims()).map(({ role, epoch }) => ({ role, epoch }))).toEqual([{ role: 'active', epoch: 2 }])
  const held = await ordersHeld('west')
  expect(attempts.filter((each) => each.acked_at !== null && !held.has(each.ref))).toEqual([])
})

/** Starts a command and ends it by SIGKILL, with all that it started, as soon as the world has come so far. */
async function killedWhen(argv: readonly string[], soFar: () => Promise<boolean>): Promise<string> {
  const before = operations()
  const running = startLifeboat(argv)
  await running.until(`${argv[0]} has come so far`, soFar)
  expect(await running.kill(), `${argv[0]} had not ended before`).toEqual([null, 'SIGKILL'])
  const made = operations().filter((operation) => !before.includes(operation))
  expect(made).toHaveLength(1)
  return made[0]!
}

async function someMachinesRun(): Promise<boolean> {
  const found = await instances('east').catch(() => [])
  return found.some((each) => each.status === 'Running')
}

async function claims(): Promise<readonly Claim[]> {
  const profiles = JSON.parse(await claimsAt('west')) as readonly {
    readonly config: Readonly<Record<string, string>>
  }[]
  return profiles.flatMap(({ config }) => {
    const text = config['user.lifeboat.claim']
    return text === undefined ? [] : [JSON.parse(text) as Claim]
  })
}

async function report(operation: string): Promise<Report> {
  return JSON.parse((await lifeboat(['report', operation, '--json'])).stdout) as Report
}

function operations(): readonly string[] {
  return readdirSync(join(labPaths.run, 'state/operations'))
}
