import { expect, test } from 'vitest'
import { plan, type Request, resume, run } from '../../src/lifeboat.ts'
import { type Rig, stackFile } from './rig.ts'
import { after } from './scenes.ts'

const deploy: Request = { verb: 'deploy', file: stackFile, site: 'east', remove: [] }
const destroy: Request = { verb: 'destroy', stack: 'shop', consent: 'shop', site: undefined }

test('destroy waits for a replica that a broken transfer keeps busy', async () => {
  const on = await after(deploy, { verb: 'replicate', stack: 'shop' })
  busyFor(on, 60)
  expect((await destroyed(on)).outcome).toBe('done')
  expect(await on.state()).toBe('')
})

test('what stays busy is told by name and place, and the rest goes with a resume', async () => {
  const on = await after(deploy, { verb: 'replicate', stack: 'shop' })
  busyFor(on, 10_000)
  const ran = await destroyed(on)
  expect(ran.outcome).toBe('stuck')
  expect(ran.report.failures).toContainEqual(
    expect.objectContaining({
      what: expect.stringMatching(/^db1 \(replica\) at west is still busy after 240 s/),
      detail: expect.stringContaining('incus operation list'),
    }),
  )
  on.world.faults.clear()
  expect((await resume(on.controller(), ran.operation, () => {})).outcome).toBe('done')
  expect(await on.state()).toBe('')
})

function busyFor(on: Rig, calls: number): void {
  const point = { site: 'west', call: 'removeInstance', object: 'replica:shop/db1' } as const
  on.world.faults.at(point, 'fail-before', { code: 'busy', times: calls })
}

async function destroyed(on: Rig) {
  const controller = on.controller()
  const planned = await plan(controller, destroy, on.world.clock.now())
  if ('refused' in planned) throw new Error(planned.refused[0]?.what)
  return run(controller, planned.plan, () => {})
}
