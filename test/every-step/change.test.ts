import { expect, test } from 'vitest'
import { LOADED } from '../../src/engine/fake/appliance.ts'
import { plan, type Request, run } from '../../src/lifeboat.ts'
import type { Plan } from '../../src/plan/plan.ts'
import { type Rig, rulesFile, stackFile } from './rig.ts'
import { after } from './scenes.ts'

const deploy = { verb: 'deploy', file: stackFile, site: 'east', remove: [] } as const satisfies Request
const changed = { ...deploy, file: rulesFile } as const satisfies Request
const replicate: Request = { verb: 'replicate', stack: 'shop' }
const area = { kind: 'stack', stack: 'shop' } as const

test('other rules are loaded into running appliances, and nothing is started, stopped or made at the active site', async () => {
  const on = await after(deploy, replicate)
  const before = await started(on)
  const planned = await planOf(on, changed)
  expect(planned.summary).toBe('make shop at east match the stack file: load into fw lb')
  expect(planned.steps.filter((each) => each.site === 'east').map((each) => each.id)).toEqual([
    'load fw',
    'load lb',
    ...['ready db', 'ready web', 'ready app', 'lease fw', 'lease nat', 'dns shop.example.com'],
    ...['resolver of client shop.example.com', 'check 1 at client', 'definition'],
  ])
  await done(on, planned)
  expect(await started(on)).toEqual(before)
  expect(on.world.site('east').read({ area, name: 'fw' }, '/etc/nftables.conf')).toContain('198.51.100.0/24')
})

test('the standby would launch what was deployed, without a cycle in between', async () => {
  const on = await after(deploy, replicate)
  await done(on, await planOf(on, changed))
  const claims = await Promise.all(['east', 'west'].map((site) => on.world.engine(site).readClaim('shop')))
  expect(claims[1]?.claim.definition).toEqual(claims[0]?.claim.definition)
  on.world.powerCut('east')
  const failover: Request = { verb: 'failover', stack: 'shop', to: undefined, point: undefined, down: ['east'] }
  await done(on, await planOf(on, failover))
  expect(on.world.site('west').read({ area, name: 'fw' }, '/etc/nftables.conf')).toContain('198.51.100.0/24')
})

test('a new image: each is tried without legs before the first is stopped, and all swap together', async () => {
  const on = await newImage()
  const planned = await planOf(on, deploy)
  expect(planned.summary).toBe('make shop at east match the stack file: replace fw lb nat')
  for (const name of ['fw', 'lb', 'nat']) {
    const stop = planned.steps.find((each) => each.id === `stop ${name}`)
    expect(stop?.after).toEqual(['rest fw-next', 'rest lb-next', 'rest nat-next'])
  }
  const from = on.world.calls.length
  await done(on, planned)
  const calls = on.world.calls.slice(from).map(({ call, object }) => `${call} ${object}`)
  expect(calls.indexOf('cutLegs stack:shop/fw-next')).toBeLessThan(calls.indexOf('power stack:shop/fw-next start'))
  const names = (await on.world.engine('east').observe('shop')).areas[0]?.instances.map((each) => each.object.name)
  expect(names?.sort()).toEqual(['app1', 'app2', 'db1', 'db2', 'fw', 'lb', 'nat', 'web1', 'web2'])
})

test.each([
  ['without legs, nothing was stopped', 'unplugged', false],
  ['on its legs, the former one runs again', 'plugged', true],
])('a replacement that is not sound %s', async (_, when, stopped) => {
  const on = await newImage()
  const start = await on.state()
  const fw = on.world.site('east').find({ area, name: 'fw' })?.lineage
  on.world
    .site('east')
    .onExec(({ argv, instance }) =>
      argv.at(-1) === when && /^lb(-next)?$/.test(instance.object.name)
        ? { exit: 1, stdout: 'haproxy: unable to load certificate\n', stderr: '' }
        : undefined,
    )
  const from = on.world.calls.length
  const ran = await run(on.controller(), await planOf(on, deploy), () => {})
  expect(ran.outcome).toBe('undone')
  expect(ran.report.failures[0]?.detail).toBe('haproxy: unable to load certificate')
  expect(await on.state()).toBe(start)
  expect(on.world.site('east').find({ area, name: 'fw' })?.lineage).toBe(fw)
  const calls = on.world.calls.slice(from).map(({ call, object }) => `${call} ${object}`)
  expect(calls.includes('power stack:shop/fw stop')).toBe(stopped)
})

test('a client that is not answered after the swap gets the former appliances back', async () => {
  const on = await newImage()
  const start = await on.state()
  const lineage = on.world.site('east').find({ area, name: 'fw' })?.lineage
  const controller = on.controller()
  const outside = {
    ...controller.outside,
    goodAnswer: async () => {
      throw Object.assign(new Error('connection refused'), { name: 'OutsideError' })
    },
  }
  const ran = await run({ ...controller, outside }, await planOf(on, deploy), () => {})
  expect(ran.outcome).toBe('undone')
  expect(await on.state()).toBe(start)
  expect(on.world.site('east').find({ area, name: 'fw' })?.lineage).toBe(lineage)
})

test('what was changed by hand is not lost without a word', async () => {
  const on = await after(deploy, replicate)
  const east = on.world.site('east')
  east.write({ area, name: 'fw' }, LOADED, 'table inet lifeboat { hand made }')
  east.write({ area, name: 'lb' }, '/etc/haproxy/haproxy.cfg', '# somebody was here\n')
  const refused = await plan(on.controller(), deploy, on.world.clock.now())
  expect(refused).toEqual({
    refused: [
      {
        level: 'error',
        needs: 'person',
        what: 'fw at east was changed by hand, and that would be lost: rules in the kernel (not those of /etc/nftables.conf)',
        hint: 'lifeboat diff shop shows it; --overwrite fw lets it go',
      },
      {
        level: 'error',
        needs: 'person',
        what: 'lb at east was changed by hand, and that would be lost: /etc/haproxy/haproxy.cfg (changed by hand)',
        hint: 'lifeboat diff shop shows it; --overwrite lb lets it go',
      },
    ],
  })
  const planned = await planOf(on, { ...deploy, overwrite: ['fw', 'lb'] })
  expect(planned.summary).toBe('make shop at east match the stack file: load into fw lb')
  await done(on, planned)
  expect(east.read({ area, name: 'lb' }, '/etc/haproxy/haproxy.cfg')).toContain('backend public')
  expect((await planOf(on, deploy)).summary).toContain('matches the stack file already')
})

test('what was changed in the engine is told where it stays, and refused where its instance would be replaced', async () => {
  const on = await newImage()
  const limit = { place: 'config limits.memory', made: undefined, found: '2GiB' }
  for (const name of ['db1', 'fw']) {
    const instance = on.world.site('east').find({ area, name })
    if (instance !== undefined) instance.by_hand = [limit]
  }
  const refused = await plan(on.controller(), deploy, on.world.clock.now())
  expect('refused' in refused && refused.refused.map(({ what }) => what)).toEqual([
    'fw at east was changed by hand, and that would be lost: config limits.memory = 2GiB',
  ])
  const { findings } = await planOf(on, { ...deploy, overwrite: ['fw'] })
  expect(findings.map(({ what }) => what)).toContain('db1 at east was changed by hand: config limits.memory = 2GiB')
})

async function newImage(): Promise<Rig> {
  const on = await after(deploy, replicate)
  on.world.site('east').images.set('lifeboat-appliance', 'fake-newer')
  return on
}

async function planOf(on: Rig, request: Request): Promise<Plan> {
  const planned = await plan(on.controller(), request, on.world.clock.now())
  if ('refused' in planned) throw new Error(planned.refused.map((each) => each.what).join('; '))
  return planned.plan
}

async function done(on: Rig, planned: Plan): Promise<void> {
  const ran = await run(on.controller(), planned, () => {})
  expect(ran.report.failures).toEqual([])
  expect(ran.outcome).toBe('done')
}

async function started(on: Rig): Promise<readonly (string | undefined)[]> {
  const areas = (await on.world.engine('east').observe('shop')).areas
  return areas.flatMap((each) => each.instances.map(({ object, started_at }) => `${object.name} ${started_at}`))
}
