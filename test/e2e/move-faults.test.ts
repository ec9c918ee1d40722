// On the lab: 88 s
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type Customers,
  eventually,
  lifeboat,
  ordersHeld,
  stackFile,
  startCustomers,
  verb,
} from '../../lab/demo/story.ts'
import { cutWan, healWan, killDaemon, labPaths, returnDaemon, slowWan } from '../../lab/lab.ts'
import type { Ran } from '../../lab/run.ts'
import { type SiteName, siteNames, topology } from '../../lab/topology.ts'
import type { JournalEvent } from '../../src/execute/journal.ts'
import type { Report } from '../../src/report/report.ts'
import { claimOf, running } from './roles.ts'
import { addressByName, emptyStage, instances, removeShop, sentOverWan, statusAtClient } from './stage.ts'

/** A move loses its link, or the site that it goes to, before and after its point of no return. */
let customers: Customers

beforeAll(async () => {
  const { ca } = await emptyStage()
  await verb('deploy', stackFile, '--site', 'east')
  customers = await startCustomers(10, ca)
  await orderIsAccepted('the first')
  await verb('replicate', 'shop')
})

afterAll(async () => {
  await customers?.stop()
  await healWan()
  await slowWan(topology.wan_rate)
  await returnDaemon('west')
  await removeShop()
})

test('the WAN is cut in the middle of the last copy: the stack serves where it was, and nothing is lost', async () => {
  const earlier = moves()
  const moving = lifeboat(['move', 'shop', '--to', 'west', '--json'])
  await journaled(earlier, 'step-started', 'claim of east')
  await slowWan('500kbit')
  await journaled(earlier, 'step-started', 'receive db1, last-copy')
  const before = await sentOverWan()
  await eventually('a part of it on the WAN', async () => (await sentOverWan()) - before > 30e3)
  await cutWan()
  const ran = await moving
  expect(ran).toMatchObject({ exit: 2 })
  const report = JSON.parse(ran.stdout) as Report
  expect(report).toMatchObject({ outcome: 'undone', left: [] })
  expect(report.failures).toContainEqual(
    expect.objectContaining({ what: expect.stringContaining('is the link between the sites up?') }),
  )
  await onlyAt('east', 1)
  await orderIsAccepted('one after the move was taken back')
  await nothingLost('east')
  await healWan()
  await slowWan(topology.wan_rate)
  await cycleCompletes()
})

test('the WAN and the daemon of the new site are lost after the claim: stuck, never two active, and any controller ends it', async () => {
  const earlier = moves()
  const moving = lifeboat(['move', 'shop', '--to', 'west', '--json'])
  await journaled(earlier, 'step-started', 'start lb')
  await Promise.all([cutWan(), killDaemon('west')])
  const ran = await moving
  expect(ran).toMatchObject({ exit: 3 })
  const { operation, outcome } = JSON.parse(ran.stdout) as Report
  expect(outcome).toBe('stuck')
  expect((await claimOf('east'))?.role).toBe('stale')
  expect(await running('east')).toEqual([])
  expect(await lifeboat(['resume', operation, '--json'])).toMatchObject({ exit: 3 })
  expect(await lifeboat(['move', 'shop', '--to', 'east'])).toMatchObject({ exit: 1 })
  expect(await running('east')).toEqual([])

  await returnDaemon('west')
  // A controller that knows nothing of what was done, in the middle of a launch that somebody else began.
  const report = await verb('--sites', anotherController(), 'move', 'shop', '--to', 'west')
  expect(report.outcome).toBe('done')
  // Nothing gets across to the site that was left: told, and no reason to call the move off.
  expect(report.failures).toContainEqual(expect.objectContaining({ step: 'receive db1, back', optional: true }))
  await onlyAt('west', 2)
  await orderIsAccepted('one at west')
  await nothingLost('west')
  await healWan()
  await cycleCompletes()
  await onlyAt('west', 2)
})

/** Incus, dig and a client agree on who serves. */
async function onlyAt(site: SiteName, epoch: number): Promise<void> {
  const other = siteNames.find((each) => each !== site) ?? site
  expect(await claimOf(site)).toMatchObject({ role: 'active', epoch })
  expect((await claimOf(other))?.role).not.toBe('active')
  expect(await running(site)).toHaveLength(9)
  expect((await instances(other)).filter((each) => each.status !== 'Stopped')).toEqual([])
  expect(await addressByName('192.0.2.54')).toMatch(
    site === 'east' ? /^198\.51\.100\.[5-9]\d$/ : /^198\.51\.100\.1[5-9]\d$/,
  )
  await eventually('the client is answered', async () => (await statusAtClient('/api/healthz')) === '200')
}

async function orderIsAccepted(which: string): Promise<void> {
  const from = Date.now()
  await eventually(`${which} accepted order`, async () => (await accepted()).some((each) => each.sent_at > from))
}

async function nothingLost(site: SiteName): Promise<void> {
  const before = await accepted()
  const held = await ordersHeld(site)
  expect(before.length).toBeGreaterThan(20)
  expect(before.filter((each) => !held.has(each.ref))).toEqual([])
}

async function accepted() {
  return (await customers.attempts()).filter((each) => each.acked_at !== null)
}

/** The receiving end of a broken transfer holds the replica until it notices; cycles are tried as a timer would. */
async function cycleCompletes(): Promise<void> {
  let ran: Ran | undefined
  await eventually('a complete cycle', async () => {
    ran = await lifeboat(['replicate', 'shop', '--json'])
    return ran.exit === 0
  })
}

/** Waits for an event of a move that was not among the `earlier` ones. */
async function journaled(earlier: readonly string[], type: JournalEvent['type'], step: string): Promise<void> {
  await eventually(`${type} ${step}`, async () => {
    const begun = moves().find((each) => !earlier.includes(each))
    if (begun === undefined) return false
    const lines = readFileSync(join(operations, begun, 'journal.jsonl'), 'utf8')
      .split('\n')
      .slice(0, -1)
    return lines.some((line) => {
      const event = JSON.parse(line) as JournalEvent
      return event.type === type && 'step' in event && event.step === step
    })
  })
}

const operations = join(labPaths.run, 'state/operations')

/** The moves that have a journal by now. */
function moves(): readonly string[] {
  return readdirSync(operations).filter(
    (each) => each.includes('-move-') && existsSync(join(operations, each, 'journal.jsonl')),
  )
}

function anotherController(): string {
  const file = join(labPaths.run, 'another-controller.yaml')
  const text = readFileSync(labPaths.sites, 'utf8')
  writeFileSync(file, text.replace(/^state: .*$/m, 'state: another-controller'), { mode: 0o600 })
  return file
}
