import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { parseStatus } from '../src/execute/announce.ts'
import { type Lifeboat, plan, run } from '../src/lifeboat.ts'
import { nextHopsIn, whoIn } from '../src/outside/looking-glass.ts'
import { goodBubble } from './every-step/drill-guests.ts'
import { announcedFile, rig } from './every-step/rig.ts'

const scratch = mkdtempSync(join(tmpdir(), 'lifeboat-prefix-'))
afterAll(() => rmSync(scratch, { recursive: true }))

/** The announced stack with other words in its file. */
function variant(name: string, ...changes: readonly (readonly [string, string])[]): string {
  const text = changes.reduce((now, [from, to]) => now.replaceAll(from, to), readFileSync(announcedFile, 'utf8'))
  const file = join(scratch, `${name}.yaml`)
  writeFileSync(file, text)
  return file
}

const deploy = (file: string) => ({ verb: 'deploy', file, site: 'east', remove: [] }) as const

async function refusal(controller: Lifeboat, file: string): Promise<string> {
  const planned = await plan(controller, deploy(file), controller.clock.now())
  return 'refused' in planned ? planned.refused.map(({ what }) => what).join('\n') : 'planned'
}

test('a prefix that the site does not take is told before anything is changed', async () => {
  const controller = rig().controller()
  expect(await refusal(controller, variant('elsewhere', ['203.0.113.0/24', '198.51.100.0/24']))).toBe(
    '198.51.100.0/24 can not be announced at east: it takes 203.0.113.0/24, no longer than /24',
  )
  expect(await refusal(controller, variant('long', ['203.0.113.0/24', '203.0.113.0/28']))).toContain(
    'no longer than /24',
  )
  const sites = {
    ...controller.sites,
    sites: controller.sites.sites.map((site) => ({ ...site, bgp: undefined })),
  }
  expect(await refusal({ ...controller, sites }, announcedFile)).toBe(
    'east has no route servers to announce 203.0.113.0/24 to',
  )
})

test('route servers of another AS, or that expect one of the firewalls, are told before anything is changed', async () => {
  const controller = rig().controller()
  const seen = (as: number, firewalls_as: number | undefined) => ({
    ...controller,
    outside: {
      ...controller.outside,
      routeServers: async (site: string) => (site === 'east' ? [{ place: '10.255.0.1', as, firewalls_as }] : []),
    },
  })
  expect(await refusal(seen(64_999, undefined), announcedFile)).toBe(
    '10.255.0.1 of east is AS 64999, and the site file says AS 64500: no session would come up',
  )
  expect(await refusal(seen(64_500, 65_011), announcedFile)).toBe(
    '10.255.0.1 of east expects firewalls of AS 65011, and the site file says AS 65010: no session would come up',
  )
  expect(await refusal(seen(64_500, 65_010), announcedFile)).toBe('planned')
  // As FRR 8.4.4 says it.
  const groups = { lifeboat: { remoteAs: 65_010, type: 'external' }, other: { remoteAs: 1 } }
  expect(whoIn(JSON.stringify({ ipv4Unicast: { as: 64_500 } }), JSON.stringify(groups))).toEqual({
    as: 64_500,
    firewalls_as: 65_010,
  })
  expect(whoIn('{}', '{}')).toEqual({ as: undefined, firewalls_as: undefined })
})

test('a password that cannot be read is told; the file that the firewall gets names it and does not hold it', async () => {
  const on = rig()
  const controller = on.controller()
  const unreadable = () => {
    throw new Error('no such file')
  }
  expect(await refusal({ ...controller, bgpPassword: unreadable }, announcedFile)).toBe(
    'the BGP password of east cannot be read: no such file',
  )
  const planned = await plan(
    { ...controller, bgpPassword: () => 'open-sesame' },
    deploy(announcedFile),
    on.world.clock.now(),
  )
  if ('refused' in planned) throw new Error('refused')
  expect(JSON.stringify(planned)).not.toContain('open-sesame')
  await run({ ...controller, bgpPassword: () => 'open-sesame' }, planned.plan, () => {})
  const fw = { area: { kind: 'stack', stack: 'shop' }, name: 'fw' } as const
  expect(on.world.site('east').read(fw, '/etc/lifeboat/secrets/site-bgp')).toBe('open-sesame\n')
  expect(on.world.site('east').read(fw, '/etc/frr/bgpd.conf')).toContain('password @secret site-bgp@')
  expect(JSON.stringify([...on.journals.values()])).not.toContain('open-sesame')
})

test('what another stack announces, or a part of it, is taken', async () => {
  const on = rig()
  const controller = on.controller()
  const first = await plan(controller, deploy(announcedFile), on.world.clock.now())
  if ('refused' in first) throw new Error('refused')
  expect((await run(controller, first.plan, () => {})).outcome).toBe('done')
  const blog = variant('blog', ['stack: shop', 'stack: blog'], ['shop.example.com', 'blog.example.com'])
  expect(await refusal(controller, blog)).toBe('203.0.113.0/24 is announced by stack shop')
  expect(await refusal(controller, announcedFile)).toBe('planned')
})

test('after a failover the record is left as it is, and the prefix is a touch point', async () => {
  const on = rig()
  const controller = on.controller()
  const first = await plan(controller, deploy(announcedFile), on.world.clock.now())
  if ('refused' in first) throw new Error('refused')
  await run(controller, first.plan, () => {})
  expect(first.plan.touches.map(({ kind }) => kind)).toEqual(['dns-record', 'bgp-prefix', 'dhcp-lease'])
  const copied = await plan(controller, { verb: 'replicate', stack: 'shop' }, on.world.clock.now())
  if ('refused' in copied) throw new Error('refused')
  await run(controller, copied.plan, () => {})
  on.world.powerCut('east')
  const request = { verb: 'failover', stack: 'shop', to: undefined, point: undefined, down: ['east'] } as const
  const over = await plan(controller, request, on.world.clock.now())
  if ('refused' in over) throw new Error('refused')
  const ran = await run(controller, over.plan, () => {})
  expect(ran.outcome).toBe('done')
  expect(over.plan.steps.map(({ action }) => action.do)).not.toContain('dns')
  expect(over.plan.touches.map(({ what }) => what)).toContain(
    '203.0.113.0/24 announced by fw at west (AS 65010 to AS 64500)',
  )
  expect(on.dns.get('shop.example.com')).toBe('203.0.113.1')
})

test('a drill sees that the firewall would announce, and asks the checks at the own address', async () => {
  const on = rig()
  for (const request of [deploy(announcedFile), { verb: 'replicate', stack: 'shop' } as const]) {
    const planned = await plan(on.controller(), request, on.world.clock.now())
    if ('refused' in planned) throw new Error('refused')
    await run(on.controller(), planned.plan, () => {})
  }
  on.world.site('west').onExec(goodBubble)
  const request = { verb: 'drill', stack: 'shop', point: undefined, keep: false, remove: false } as const
  const drill = await plan(on.controller(), request, on.world.clock.now())
  if ('refused' in drill) throw new Error('refused')
  const names = drill.plan.steps.flatMap(({ id, action }) =>
    id === 'configure border' && action.do === 'configure' ? action.files : [],
  )
  expect(names.find(({ path }) => path === '/etc/dnsmasq.conf')?.text).toContain(
    'host-record=shop.example.com,203.0.113.1\n',
  )
  const ran = await run(on.controller(), drill.plan, () => {})
  expect(ran.report.drill?.verdict).toBe('passed')
  expect(ran.report.steps.find(({ id }) => id === 'fw offers 203.0.113.0/24')?.state).toBe('done')

  // A firewall that has nothing to announce is a drill that failed.
  on.world
    .site('west')
    .onExec((context) =>
      context.argv.join(' ').endsWith('lifeboat-announce status')
        ? { exit: 0, stdout: '203.0.113.0/24 withdrawn 9.00 http://10.10.1.1:65179/public: answered 503\n', stderr: '' }
        : goodBubble(context),
    )
  const again = await plan(on.controller(), request, on.world.clock.now())
  if ('refused' in again) throw new Error('refused')
  const failed = await run(on.controller(), again.plan, () => {})
  expect(failed.report.drill?.verdict).toBe('failed')
  expect(failed.report.failures[0]?.what).toContain('nothing is served behind it')
})

test('what the firewall says of itself is read; what is not there yet is nothing', () => {
  const summary = {
    ipv4Unicast: { peers: { '10.255.0.1': { state: 'Established' }, '10.255.0.2': { state: 'Active' } } },
  }
  const status = parseStatus(
    `203.0.113.16/28 withdrawn 3.02 http://10.10.1.1:65179/public: answered 503\n${JSON.stringify(summary)}\n`,
  )
  expect(status.prefixes.get('203.0.113.16/28')).toEqual({
    announced: false,
    for_s: 3.02,
    why: 'http://10.10.1.1:65179/public: answered 503',
  })
  expect(status.established).toEqual(['10.255.0.1'])
  // Its own clock counts where it can be right.
  const spoke = (at: string) => parseStatus(`now ${at}\n`, '', 1_000_000, 1_002_000).at_ms
  expect([spoke('1000.500'), spoke('4600.500')]).toEqual([1_000_500, 1_002_000])
  expect(parseStatus('failed to connect to any daemons.\n')).toMatchObject({ peers: [], established: [] })
})

test('a path that the route server cannot use leads nowhere', () => {
  const path = (valid: boolean) => ({ valid, nexthops: [{ ip: '198.51.100.57' }] })
  expect(nextHopsIn(JSON.stringify({ paths: [path(true)] }))).toEqual(['198.51.100.57'])
  expect(nextHopsIn(JSON.stringify({ paths: [path(false)] }))).toEqual([])
  expect(nextHopsIn('{\n}\n')).toEqual([])
})
