import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { routes } from '../../src/api/routes.ts'
import { counted } from '../../src/engine/fake/appliance.ts'
import { type Caller, type Stage, stage } from './stage.ts'

let on: Stage
let viewer: Caller
beforeAll(async () => {
  on = await stage()
  viewer = await on.as('viewer')
})
afterAll(() => on.close())

describe('touch points', () => {
  const ask = async (query = '') =>
    routes.touchpoints.answer.parse((await viewer.get(`/stacks/shop/touchpoints${query}`)).body)

  test('are those of the stack file, with the usual assumptions where nothing is said', async () => {
    const { lifeboat, physical } = await ask()
    expect(lifeboat.map((each) => each.kind).sort()).toEqual(['dhcp-lease', 'dhcp-lease', 'dns-record'])
    expect(physical.assumptions).toEqual({
      access_pairs: 1,
      core_pairs: 1,
      switches_per_pair: 2,
      firewalls: 1,
      load_balancers: 1,
      vlans_ready: false,
      clean_up: false,
    })
    expect(physical.touches.filter((each) => each.of === 'segment data')).toHaveLength(4)
    expect(physical.devices).toBe(new Set(physical.touches.map((each) => `${each.at} ${each.device}`)).size)
  })

  test('follow what is said of the gear', async () => {
    const usual = (await ask()).physical.touches.length
    const wide = (await ask('?access_pairs=3')).physical
    expect(wide.assumptions).toMatchObject({ access_pairs: 3, core_pairs: 1 })
    expect(wide.touches.filter((each) => each.of === 'segment data')).toHaveLength(8)
    const ready = (await ask('?vlans_ready=true')).physical.touches
    expect(ready.filter((each) => each.of.startsWith('segment'))).toEqual([])
    expect(ready.length).toBeLessThan(usual)
    expect((await ask('?vlans_ready=false')).physical.touches).toHaveLength(usual)
  })

  test.each(['access_pairs=0', 'access_pairs=65', 'switches_per_pair=3', 'vlans_ready=perhaps', 'core_pairs=x'])(
    '%s is no assumption',
    async (query) => {
      expect((await viewer.get(`/stacks/shop/touchpoints?${query}`)).status).toBe(400)
    },
  )
})

describe('counters', () => {
  test('are those of the appliances at the active site, by the words of their rules', async () => {
    on.on.world
      .site('east')
      .onExec((context) =>
        context.argv.includes('lifeboat-count')
          ? { exit: 0, stdout: counted(context, (words) => words.length), stderr: '' }
          : undefined,
      )
    const found = routes.counters.answer.parse((await viewer.get('/stacks/shop/counters')).body)
    expect(found.site).toBe('east')
    expect(found.appliances.map((each) => each.name).sort()).toEqual(['fw', 'lb', 'nat'])
    const words = 'allow tcp/443 from anyone to public'
    const rules = found.appliances.find((each) => each.name === 'fw')!.rules.filter((rule) => rule.words === words)
    expect(rules).toEqual([
      { chain: 'translate', words, verdict: 'translate', packets: words.length, bytes: words.length * 60 },
      { chain: 'forward', words, verdict: 'accept', packets: words.length, bytes: words.length * 60 },
    ])
    const servers = found.appliances.find((each) => each.name === 'lb')!.servers
    expect(servers.find((each) => each.machine === 'db1')).toMatchObject({
      service: 'database',
      up: true,
      state: 'UP',
      sessions_total: 'database db1'.length,
    })
    // What the picture draws is found among what is counted.
    const picture = routes.picture.answer.parse((await viewer.get('/stacks/shop/picture')).body)
    const drawn = picture.edges.filter((edge) => edge.counted !== undefined && edge.upkeep !== true)
    const known = new Set(
      found.appliances.flatMap(({ name, rules: all }) => all.map((rule) => `${name} ${rule.words}`)),
    )
    expect(drawn.length).toBeGreaterThan(8)
    expect(drawn.filter(({ counted: each }) => !known.has(`${each?.appliance} ${each?.words}`))).toEqual([])
  })

  test('of an appliance that does not tell, say so', async () => {
    on.on.world
      .site('east')
      .onExec(({ argv, ref }) =>
        argv.includes('lifeboat-count') && ref.name === 'nat'
          ? { exit: 1, stdout: '', stderr: 'nft: not found\n' }
          : undefined,
      )
    const { appliances } = routes.counters.answer.parse((await viewer.get('/stacks/shop/counters')).body)
    expect(appliances.find((each) => each.name === 'nat')).toEqual({
      name: 'nat',
      silence: 'nft: not found',
      rules: [],
      servers: [],
    })
  })
})

test('differences have what was changed by hand, line by line', async () => {
  const before = routes.differences.answer.parse((await viewer.get('/stacks/shop/differences')).body)
  expect(before.differences.filter((each) => each.by === 'hand')).toEqual([])
  const area = { kind: 'stack', stack: 'shop' } as const
  const file = '/etc/nftables.conf'
  const rules = on.on.world.site('east').read({ area, name: 'fw' }, file) ?? ''
  on.on.world.site('east').write({ area, name: 'fw' }, file, rules.replace('policy drop', 'policy accept'))
  const after = routes.differences.answer.parse((await viewer.get('/stacks/shop/differences')).body)
  const found = after.differences.find((each) => each.object === 'fw' && each.place === file)
  expect(found).toMatchObject({ site: 'east', by: 'hand' })
  expect(found?.lines.filter((line) => /^[-+] .*policy/.test(line))).toHaveLength(2)
})

test('the history leaves out cycles that ended well, where it is asked to', async () => {
  const list = async (query: string) =>
    routes.operations.answer
      .parse((await viewer.get(`/operations${query}`)).body)
      .map((each) => `${each.verb} ${each.outcome}`)
  const operator = await on.as('operator')
  await operator.post('/operations', { verb: 'drill', stack: 'shop' })
  await expect.poll(() => list('')).toEqual(expect.arrayContaining(['replicate done', 'drill done']))
  const told = await list('?cycles=false')
  expect(told).toContain('drill done')
  expect(told).not.toContain('replicate done')
})
