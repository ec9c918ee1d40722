import { expect, test } from 'vitest'
import { type Lifeboat, plan, type Request } from '../src/lifeboat.ts'
import type { DnsSight } from '../src/operations/situation.ts'
import { type Rig, stackFile } from './every-step/rig.ts'
import { after } from './every-step/scenes.ts'

/** What an operation finds before it changes anything. */
const deploy: Request = { verb: 'deploy', file: stackFile, site: 'east', remove: [] }
const replicate: Request = { verb: 'replicate', stack: 'shop' }
const move: Request = { verb: 'move', stack: 'shop', to: 'west' }
const failover: Request = { verb: 'failover', stack: 'shop', to: undefined, point: undefined, down: ['east'] }

test.each([
  ['refused', 'ns refuses the update (REFUSED)'],
  ['bad-key', 'ns has another secret (BADSIG)'],
  ['silent', 'ns did not take the update within 3 s: no answer'],
] as const)('a DNS server that says "%s" stops a move, and is a warning of deploy and failover', async (says, what) => {
  const on = await after(deploy, replicate)
  const told = `DNS at west, ${says.replace('-', ' ')}: ${what}`
  const moved = await planned(on, move, { says, what })
  expect('refused' in moved && moved.refused.map((each) => each.what)).toEqual([told])
  for (const request of [failover, deploy]) {
    const other = await planned(on, request, { says, what })
    if ('refused' in other) throw new Error(JSON.stringify(other.refused))
    const site = request === deploy ? 'east' : 'west'
    expect(other.plan.findings).toContainEqual(
      expect.objectContaining({ level: 'warning', what: told.replace('west', site) }),
    )
  }
  const calls = new Set(on.world.calls.slice(-12).map((each) => each.call))
  expect(calls).toEqual(new Set(['observe', 'survey']))
})

test('a DNS server that would take the update is no finding', async () => {
  const on = await after(deploy, replicate)
  for (const request of [move, failover, deploy]) {
    const one = await planned(on, request, { says: 'good', what: '' })
    if ('refused' in one) throw new Error(JSON.stringify(one.refused))
    expect(one.plan.findings.filter((each) => each.what.includes('DNS'))).toEqual([])
  }
})

function planned(on: Rig, request: Request, sight: Omit<DnsSight, 'name'>) {
  const controller = on.controller()
  const asked: Lifeboat = {
    ...controller,
    outside: { ...controller.outside, mayUpdate: async (_site, name) => ({ name, ...sight }) },
  }
  return plan(asked, request, on.world.clock.now())
}
