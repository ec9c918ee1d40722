import { expect, test } from 'vitest'
import { plan, type Ran, type Request, run, status } from '../src/lifeboat.ts'
import { reportText } from '../src/report/text.ts'
import { goodBubble } from './every-step/drill-guests.ts'
import { type Rig, rig, stackFile } from './every-step/rig.ts'

/** What a person has to know and to say before a kept drill becomes the stack. That it does so whatever breaks is in every-step. */
const drill = { verb: 'drill', stack: 'shop', point: undefined, keep: true, remove: false } as const satisfies Request
const promote = { ...drill, keep: false, promote: true, down: ['east'] } as const satisfies Request
const replicate: Request = { verb: 'replicate', stack: 'shop' }

test('the data of the bubble is what clients get, and the loss counts from the point of the drill', async () => {
  const on = await kept()
  on.world.site('west').write(bubbleRef(on, 'db1'), '/var/lib/ledger', 'mended in the bubble')
  const taken = await pointTaken(on)
  on.world.powerCut('east')
  const ran = await does(on, promote)
  expect(ran.outcome).toBe('done')
  expect(ran.report.verb).toBe('failover')
  const live = { area: { kind: 'stack', stack: 'shop' }, name: 'db1' } as const
  expect(on.world.site('west').read(live, '/var/lib/ledger')).toBe('mended in the bubble')
  expect(ran.report.numbers.point?.taken_at).toBe(taken)
  expect(ran.report.numbers.point_age_ms).toBe(Date.parse(ran.report.decided_at) - Date.parse(taken))
  expect(ran.report.numbers.rto_ms).toBeGreaterThan(0)
  expect(reportText(ran.report)).toMatch(
    /written in drill \w{6} since .* becomes live data; only db1 db2 is taken over/,
  )
  expect((await on.state()).split('\n').filter((line) => line.includes('bubble'))).toEqual([])
})

test('silence is not taken for death, and nothing is changed', async () => {
  const on = await kept()
  on.world.powerCut('east')
  const before = await on.state()
  await expect(does(on, { ...promote, down: [] })).rejects.toThrow('that does not mean it is down')
  expect(await on.state()).toBe(before)
})

test('an active site that answers is fenced first', async () => {
  const on = await kept()
  const ran = await does(on, { ...promote, down: [] })
  expect(ran.outcome).toBe('done')
  expect(await on.state()).toContain('east claim stale epoch 1')
})

test('a newer point is passed over only by the name of the older one', async () => {
  const on = await kept()
  const taken = await pointTaken(on)
  await on.world.clock.sleep(60_000)
  await does(on, replicate)
  on.world.powerCut('east')
  const refused = await plan(on.controller(), promote, on.world.clock.now())
  if (!('refused' in refused)) throw new Error('it was planned')
  expect(refused.refused[0]).toMatchObject({
    what: expect.stringMatching(
      /newer than that of drill \w{6}: to promote the drill loses what was accepted in the last/,
    ),
    hint: expect.stringMatching(/--point p\d{8}/),
    needs: 'person',
  })
  const point = /--point (\S+)/.exec(refused.refused[0]?.hint ?? '')?.[1]
  await expect(does(on, { ...promote, point: 'p20000101-000000-000' })).rejects.toThrow('was launched from')
  const ran = await does(on, { ...promote, point })
  expect(ran.outcome).toBe('done')
  expect(ran.report.numbers.point?.taken_at).toBe(taken)
  expect(ran.report.findings.map((each) => each.what).join()).toContain('held a newer point')
})

test('only a drill that was kept can be promoted', async () => {
  const on = await kept()
  await does(on, { ...drill, keep: false, remove: true })
  await expect(does(on, promote)).rejects.toThrow('no drill of shop is kept at west')
})

test('once promoted it is active, and a second promotion brings up nothing', async () => {
  const on = await kept()
  on.world.powerCut('east')
  await does(on, promote)
  const state = await on.state()
  expect((await does(on, promote)).outcome).toBe('done')
  expect(await on.state()).toBe(state)
  const found = await status(on.controller(), 'shop', on.world.clock.now())
  expect(found).toMatchObject({ sites: [{}, { site: 'west', role: 'active', epoch: 2, drills: [] }] })
})

async function kept(): Promise<Rig> {
  const on = rig()
  await does(on, { verb: 'deploy', file: stackFile, site: 'east', remove: [] })
  await does(on, replicate)
  on.world.site('west').onExec(goodBubble)
  await does(on, drill)
  return on
}

async function does(on: Rig, request: Request): Promise<Ran> {
  const controller = on.controller()
  const planned = await plan(controller, request, on.world.clock.now())
  if ('refused' in planned) throw new Error(planned.refused.map((each) => each.what).join('; '))
  return run(controller, planned.plan, () => {})
}

function bubbleRef(on: Rig, name: string) {
  const found = [...on.world.site('west').areas.values()].find(({ area }) => area.kind === 'bubble')
  if (found === undefined) throw new Error('there is no bubble')
  return { area: found.area, name }
}

async function pointTaken(on: Rig): Promise<string> {
  const claimed = await on.world.engine('west').readClaim('shop')
  return claimed?.claim.points[0]?.taken_at ?? ''
}
