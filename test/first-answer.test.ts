import { expect, test } from 'vitest'
import { plan, type Request, run } from '../src/lifeboat.ts'
import { type Rig, rig, stackFile } from './every-step/rig.ts'

/** When a client's answer counts: not while its resolver may still lead to what is thought to be down. */
const deploy: Request = { verb: 'deploy', file: stackFile, site: 'east', remove: [] }
const replicate: Request = { verb: 'replicate', stack: 'shop' }
const failover: Request = { verb: 'failover', stack: 'shop', to: undefined, point: undefined, down: ['east'] }

test('an answer at a place counts only after the resolver there was seen to lead to the new site', async () => {
  const on = await lost()
  const steps = (await planned(on, failover)).steps
  const asking = steps.filter(({ action }) => action.do === 'felt' || action.do === 'check')
  expect(asking.map(({ id }) => id)).toEqual(expect.arrayContaining(['check 1 at client', 'first answer 1 at client']))
  for (const each of asking)
    expect(each.after, each.id).toEqual(expect.arrayContaining([expect.stringMatching(/^resolver of client /)]))
})

test('the first answer does not wait for the machines, and success waits for all of them', async () => {
  const on = await lost()
  const steps = (await planned(on, failover)).steps
  const waits = (id: string) => steps.find((each) => each.id === id)?.after.filter((each) => each.startsWith('ready '))
  expect(waits('first answer 1 at client')).toEqual([])
  expect(waits('check 1 at client')).toEqual(expect.arrayContaining(['ready app', 'ready db', 'ready web']))
})

async function lost(): Promise<Rig> {
  const on = rig()
  for (const request of [deploy, replicate]) {
    const ran = await run(on.controller(), await planned(on, request), () => {})
    expect(ran.outcome).toBe('done')
  }
  on.world.isolate('east')
  return on
}

async function planned(on: Rig, request: Request) {
  const found = await plan(on.controller(), request, on.world.clock.now())
  if ('refused' in found) throw new Error(JSON.stringify(found.refused))
  return found.plan
}
