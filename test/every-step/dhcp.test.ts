import { join } from 'node:path'
import { expect, test } from 'vitest'
import { plan, type Request, resume, run } from '../../src/lifeboat.ts'
import { rig, stackFile } from './rig.ts'
import { after } from './scenes.ts'

const deploy: Request = { verb: 'deploy', file: stackFile, site: 'east', remove: [] }
const failover: Request = { verb: 'failover', stack: 'shop', to: undefined, point: undefined, down: ['east'] }

test('a leg without a lease is named; resumed, its client is made to ask at once, as it may sleep for a minute', async () => {
  const on = await after(deploy, { verb: 'replicate', stack: 'shop' })
  on.world.powerCut('east')
  const west = on.world.site('west')
  west.guest('fw', { dhcp_ms: 'never' })
  const blinks: string[] = []
  west.onExec(({ ref, argv }) => {
    if (!argv.join(' ').includes('ip link set dev outside down && ip link set dev outside up')) return undefined
    blinks.push(ref.name)
    return { exit: 0, stdout: '', stderr: '' }
  })
  const controller = on.controller()
  const planned = await plan(controller, failover, on.world.clock.now())
  if ('refused' in planned) throw new Error(planned.refused[0]?.what)
  const ran = await run(controller, planned.plan, () => {})
  expect(ran.outcome).toBe('stuck')
  expect(ran.report.failures).toContainEqual(
    expect.objectContaining({
      step: 'lease fw',
      what: 'fw got no address on its outside leg at west within 60 s',
      detail: expect.stringContaining('the DHCP server of the outside network did not answer'),
    }),
  )
  expect(blinks).toEqual(Array(7).fill('fw'))

  // The server is back, and the client has not noticed.
  west.onExec(({ argv }) => {
    if (argv.join(' ').includes('ip link set dev outside down')) west.guest('fw', { dhcp_ms: 0 })
    return undefined
  })
  expect((await resume(on.controller(), ran.operation, () => {})).outcome).toBe('done')
  expect(blinks).toHaveLength(8)
})

test('a bridge on which the engine gives no addresses, though something on it might, is a warning', async () => {
  const on = rig()
  on.world.site('east').withoutDhcp = [{ network: 'outside', alone: false }]
  const planned = await plan(on.controller(), deploy, on.world.clock.now())
  expect('plan' in planned && planned.plan.findings).toContainEqual(
    expect.objectContaining({
      level: 'warning',
      what: 'nobody gives addresses on the outside bridge "outside" at east: its DHCP is off in Incus and it has no uplink',
    }),
  )
})

test.each(['outside', 'services'] as const)(
  'a bridge of which the engine knows that nobody answers there (%s) is refused before anything is changed',
  async (network) => {
    const what = (site: string) =>
      `nobody gives addresses on the ${network} bridge "${network}" at ${site}: its DHCP is off in Incus, it has no uplink, and nothing on it could serve DHCP`
    const first = rig()
    first.world.site('east').withoutDhcp = [{ network, alone: true }]
    const refused = await plan(first.controller(), deploy, first.world.clock.now())
    expect(refused).toMatchObject({
      refused: [
        { level: 'error', what: what('east'), hint: expect.stringContaining('ipv4.dhcp true'), needs: 'change' },
      ],
    })

    const on = await after(deploy, { verb: 'replicate', stack: 'shop' })
    on.world.site('west').withoutDhcp = [{ network, alone: true }]
    const from = on.world.calls.length
    for (const request of [failover, { verb: 'move', stack: 'shop', to: 'west' } as const]) {
      const planned = await plan(on.controller(), request, on.world.clock.now())
      expect('refused' in planned && planned.refused.map((each) => each.what)).toEqual([what('west')])
    }
    const looks = ['observe', 'survey', 'capacity', 'leaseOf', 'exec']
    expect(on.world.calls.slice(from).filter((each) => !looks.includes(each.call))).toEqual([])
    // Data is worth having all the same.
    const cycle = await plan(on.controller(), { verb: 'replicate', stack: 'shop' }, on.world.clock.now())
    expect('plan' in cycle && cycle.plan.findings).toContainEqual(
      expect.objectContaining({ level: 'warning', what: `standby not ready: ${what('west')}` }),
    )
  },
)

test('a stack without a leg there does not care', async () => {
  const on = rig()
  on.world.site('east').withoutDhcp = [{ network: 'services', alone: true }]
  const file = join(import.meta.dirname, 'announced.yaml')
  const planned = await plan(on.controller(), { ...deploy, file }, on.world.clock.now())
  expect('plan' in planned && planned.plan.findings.filter((each) => each.what.includes('bridge'))).toEqual([])
})
