import { expect, test } from 'vitest'
import { plan, run } from '../../src/lifeboat.ts'
import { stackFile } from './rig.ts'
import { after } from './scenes.ts'

test('a home that comes back and still says that it is active is reprotected first', async () => {
  const rig = await after(
    { verb: 'deploy', file: stackFile, site: 'east', remove: [] },
    { verb: 'replicate', stack: 'shop' },
  )
  rig.world.powerCut('east')
  const failover = { verb: 'failover', stack: 'shop', to: undefined, point: undefined, down: ['east'] } as const
  const lost = await plan(rig.controller(), failover, rig.world.clock.now())
  if ('refused' in lost) throw new Error(lost.refused.map((each) => each.what).join('; '))
  expect((await run(rig.controller(), lost.plan, () => {})).outcome).toBe('done')
  rig.world.powerOn('east')

  const home = await plan(rig.controller(), { verb: 'failback', stack: 'shop' }, rig.world.clock.now())
  expect(home).toMatchObject({ plan: { verb: 'reprotect' } })
})
