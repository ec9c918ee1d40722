// On the lab: 110 s
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LabController, prepareControllers } from '../../lab/controllers.ts'
import {
  type Customers,
  eventually,
  lifeboat,
  ordersHeld,
  stackFile,
  startCustomers,
  verb,
} from '../../lab/demo/story.ts'
import type { SiteName } from '../../lab/topology.ts'
import { begin, cyclesBy, gone, reportOf, signalAt } from './controllers.ts'
import { claimOf } from './roles.ts'
import { emptyStage } from './stage.ts'
import { settled } from './unharmed.ts'

/** A controller at each site; both are killed in turn at work, while customers order. */
let customers: Customers
let controllers: Readonly<Record<SiteName, LabController>>
const pids: Record<SiteName, number | undefined> = { east: undefined, west: undefined }

beforeAll(async () => {
  const { ca } = await emptyStage()
  await verb('deploy', stackFile, '--site', 'east')
  customers = await startCustomers(10, ca)
  controllers = await prepareControllers({ 'takeover-after': '5s' })
  pids.east = await controllers.east.start()
  pids.west = await controllers.west.start()
})

afterAll(async () => {
  for (const pid of Object.values(pids)) if (pid !== undefined) process.kill(pid, 'SIGKILL')
  await customers?.stop()
  await lifeboat(['destroy', 'shop', '--consent', 'shop'])
})

/** Every order that a customer was told is accepted has to be in the database of the site that is active. */
async function nothingLost(at: SiteName): Promise<void> {
  const told = (await customers.attempts()).filter((each) => each.acked_at !== null)
  const held = await ordersHeld(at)
  expect(told.length).toBeGreaterThan(0)
  expect(told.filter((each) => !held.has(each.ref))).toEqual([])
}

/** An operation whose controller gets a signal when a share of its steps is done, and is started again as by a service manager. */
async function outlived(
  at: SiteName,
  request: object,
  share: number,
  signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL',
): Promise<string> {
  const controller = controllers[at]
  const operation = await begin(controller, request)
  const pid = pids[at] ?? 0
  const { done, steps } = await signalAt(controller, pid, operation, share, signal)
  pids[at] = undefined
  // In good order it has 10 s for what runs.
  await gone(pid, signal === 'SIGTERM' ? 30_000 : 10_000)
  pids[at] = await controller.start()
  console.log(`${operation}: ${signal} after ${done} of ${steps} steps`)
  await eventually(`${operation} ends`, async () => {
    const { outcome } = await reportOf(controller, operation)
    return outcome !== 'running' && outcome !== 'interrupted'
  })
  const report = await reportOf(controller, operation)
  expect(report, JSON.stringify(report)).toMatchObject({ outcome: 'done', by: 'ada (token lab)' })
  return operation
}

test('two controllers that share nothing find each other by their certificates, and the one at the standby replicates', async () => {
  for (const [here, there] of [
    ['east', 'west'],
    ['west', 'east'],
  ] as const)
    await eventually(`${here} sees the controller of ${there}`, async () => {
      const { body } = await controllers[here].ask('GET', '/sites')
      const sites = body as readonly { readonly site: string; readonly controller: { readonly state: string } }[]
      return sites.find((each) => each.site === there)?.controller.state === 'answers'
    })
  await eventually('cycles of west', async () => (await cyclesBy(controllers.west)) > 1)
})

test('the controller of west is killed in a move to west, and goes on by itself: no order is lost', async () => {
  await outlived('west', { verb: 'move', stack: 'shop', to: 'west', confirm: 'shop' }, 0.5)
  await settled('west', 'east')
  await nothingLost('west')
})

test('then that of east, the new standby, in a drill: it passes, and nothing of it is left', async () => {
  const drill = await outlived('east', { verb: 'drill', stack: 'shop' }, 0.3)
  expect(await reportOf(controllers.east, drill)).toMatchObject({ drill: { verdict: 'passed' } })
  await settled('west', 'east')
})

test('one that is ended in good order in a drill goes on with it too', async () => {
  const drill = await outlived('east', { verb: 'drill', stack: 'shop' }, 0.1, 'SIGTERM')
  expect(await reportOf(controllers.east, drill)).toMatchObject({ drill: { verdict: 'passed' } })
  await settled('west', 'east')
})

test('a controller that is gone for good is stood in for by the other one, and the points go on', async () => {
  process.kill(pids.east ?? 0, 'SIGKILL')
  pids.east = undefined
  const [done, newest] = [await cyclesBy(controllers.west), (await claimOf('east'))?.points[0]?.name ?? '']
  await eventually('cycles of west', async () => (await cyclesBy(controllers.west)) > done + 1)
  expect((await claimOf('east'))?.points[0]?.name.localeCompare(newest)).toBe(1)
  const { body } = await controllers.west.ask('GET', '/schedules')
  expect(body).toContainEqual(expect.objectContaining({ task: 'replicate', here: true, failures: 0 }))
})
