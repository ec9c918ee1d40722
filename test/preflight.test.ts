import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Lifeboat, plan, type Request, run, status } from '../src/lifeboat.ts'
import { wayOf } from '../src/operations/estimate.ts'
import type { DnsSight } from '../src/operations/situation.ts'
import { planText } from '../src/report/text.ts'
import type { Point } from '../src/state/objects.ts'
import { goodBubble } from './every-step/drill-guests.ts'
import { type Rig, rig, stackFile } from './every-step/rig.ts'
import { after } from './every-step/scenes.ts'

/** What an operation finds before it changes anything. */
const watch = { area: { kind: 'watch', stack: 'shop' } as const, name: 'watch' }
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
  const from = on.world.calls.length
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
  const looks = ['observe', 'survey', 'capacity', 'leaseOf', 'exec']
  expect(on.world.calls.slice(from).filter((each) => !looks.includes(each.call))).toEqual([])
})

test('a DNS server that would take the update is no finding', async () => {
  const on = await after(deploy, replicate)
  for (const request of [move, failover, deploy]) {
    const one = await planned(on, request, { says: 'good', what: '' })
    if ('refused' in one) throw new Error(JSON.stringify(one.refused))
    expect(one.plan.findings.filter((each) => each.what.includes('DNS'))).toEqual([])
  }
})

test('what could stop a move is listed with what was seen of it, and what nobody can see has no evidence', async () => {
  const on = await after(deploy, replicate)
  const text = await moveText(on)
  for (const line of [
    /images at west +4 of 4/,
    /pool default at west +19 GB free; the last point took 400 MB/,
    /memory at west +6\.0 GB of 8\.0 GB free; the stack takes [\d.]+ MB at east/,
    /processors at west +4, 0\.5 busy over the last minute; east has 4/,
    /outside network at west +bridge outside is there; DHCP: the watch there holds 198\.51\.100\.\d+/,
    /services network at west +bridge services is there; DHCP: the watch there holds 10\.102\.0\.\d+/,
    /services at west +ldap \(10\.102\.0\.10 tcp\/389\) answers; billing \(.*\) answers; seen from the watch at west, 10\./,
    /DNS shop\.example\.com +192\.0\.2\.54 takes updates with key lifeboat/,
    /way from east +no evidence: no increment was ever sent/,
    /stop +- {2}no evidence: no move of this stack is recorded here/,
    /last transfer +- {2}no evidence: no increment was ever sent from east/,
    /launch +- {2}no evidence: no launch of this stack is recorded/,
  ])
    expect(text).toMatch(line)
  expect(text).toMatch(/estimated outage: no evidence\n/)
})

test('without a watch at the standby nobody can tell of leases and services there', async () => {
  const on = await after(deploy, replicate)
  on.world.site('west').get(watch).power = 'stopped'
  const text = await moveText(on)
  expect(text).toMatch(
    /outside network at west +bridge outside is there; DHCP: no evidence, fw never had a lease there/,
  )
  expect(text).toMatch(/services at west +ldap 10\.102\.0\.10.*; whether they answer: no evidence, no watch runs there/)
})

test('a watch that DHCP does not answer is a warning, and the row says so beside what else is known', async () => {
  const on = await after(deploy, replicate)
  on.world.site('west').guest('watch', { dhcp_ms: 'never' })
  const text = await moveText(on)
  expect(text).toContain('warning: the watch at west has no address on its outside leg: no DHCP server answers it')
  expect(text).toMatch(
    /outside network at west +bridge outside is there; DHCP: the watch there has no address; no evidence, fw never/,
  )
})

test('a service that does not answer at the standby is a finding of replicate, drill, move and status, long before', async () => {
  const on = await after(deploy, replicate)
  on.world.site('west').onExec(goodBubble)
  on.world.site('west').onExec(({ ref, argv }) =>
    ref.area.kind === 'watch' && argv[0]?.endsWith('lifeboat-ready') === true
      ? {
          exit: 1,
          stdout: 'tcp://10.102.0.10:389 ready after 3 ms\ntcp://10.102.0.20:5432 not ready: no connection\n',
          stderr: '',
        }
      : undefined,
  )
  const words =
    /ldap \(10\.102\.0\.10 tcp\/389\) answers; billing \(10\.102\.0\.20 tcp\/5432\) does not answer: no connection; seen from the watch at west, 10\./
  for (const request of [
    replicate,
    { verb: 'drill', stack: 'shop', point: undefined, keep: false, remove: false } as Request,
  ]) {
    const report = await done(on, request)
    expect(report.failures).toMatchObject([
      { step: 'services at west', what: expect.stringMatching(words), optional: true },
    ])
  }
  expect(await moveText(on)).toMatch(new RegExp(`warning: services at west: ${words.source}`))
  const seen = await status(on.controller(), 'shop', on.world.clock.now())
  if ('refused' in seen) throw new Error('refused')
  expect(seen.sites.find((each) => each.site === 'west')?.not_ready.join()).toMatch(words)
})

test('where a service has moved at a site, deploy loads new rules into the NAT box and touches nothing else', async () => {
  const on = await after(deploy, replicate)
  const controller = on.controller()
  const sites = controller.sites.sites.map((site) => ({ ...site, services: { ...site.services, ldap: '10.101.0.77' } }))
  const changed = { ...controller, sites: { ...controller.sites, sites } }
  const planned = await plan(changed, deploy, on.world.clock.now())
  if ('refused' in planned) throw new Error('refused')
  const changing = planned.plan.steps.filter((each) => !['ready', 'ingress', 'verify'].includes(each.phase))
  // At once, by a ruleset that takes the place of the other; what is prepared at the standby follows.
  expect(changing.filter((each) => each.site === 'east').map((each) => each.id)).toEqual(['load nat'])
  const follows = changing.filter((each) => each.site === 'west').map((each) => each.id)
  expect(follows.filter((id) => !/\bnat\b|^definition/.test(id))).toEqual([])
})

test('a stack without readiness, checks and ways in is deployed to the end', async () => {
  const on = rig()
  const file = join(import.meta.dirname, 'every-step/feed.yaml')
  const planned = await plan(on.controller(), { ...deploy, file } as Request, on.world.clock.now())
  if ('refused' in planned) throw new Error(JSON.stringify(planned.refused))
  const ran = await run(on.controller(), planned.plan, () => {})
  expect(ran.report.failures).toEqual([])
  expect(on.world.site('east').claims.get('feed')?.claim.definition?.text).toContain('to: internet')
})

test('a service without an address at the standby is told when the stack is deployed, before anything is changed', async () => {
  const on = rig()
  const controller = on.controller()
  const sites = controller.sites.sites.map((site) =>
    site.name === 'west' ? { ...site, services: { ldap: '10.102.0.10' } } : site,
  )
  const planned = await plan({ ...controller, sites: { ...controller.sites, sites } }, deploy, on.world.clock.now())
  if ('refused' in planned) throw new Error(JSON.stringify(planned.refused))
  expect(planned.plan.findings).toContainEqual({
    level: 'warning',
    what: 'service "billing" has no address at west',
    hint: 'add services: { billing: ADDRESS } to west in the site file',
    needs: undefined,
    place: `${stackFile}:39:12`,
  })
})

test('the watch is made anew where a service has moved, and is gone from a site that is active', async () => {
  const on = await after(deploy, replicate)
  const before = on.world.site('west').get(watch).object.digest
  await done(on, replicate)
  expect(on.world.site('west').get(watch).object.digest).toBe(before)
  const controller = on.controller()
  const sites = controller.sites.sites.map((site) => ({ ...site, services: { ...site.services, ldap: '10.102.0.77' } }))
  const changed = { ...controller, sites: { ...controller.sites, sites } }
  const planned = await plan(changed, replicate, on.world.clock.now())
  if ('refused' in planned) throw new Error('refused')
  expect((await run(changed, planned.plan, () => {})).report.failures).toEqual([])
  expect(on.world.site('west').get(watch).object.digest).not.toBe(before)
  expect(on.world.site('west').read(watch, '/etc/nftables.conf')).toContain('ip daddr 10.102.0.77 tcp dport 389')
  await done(on, replicate)
  await done(on, move)
  await done(on, replicate)
  expect(on.world.site('west').area(watch.area)).toBeUndefined()
  expect(on.world.site('east').get(watch).power).toBe('running')
})

test('the estimate of a move is near the outage that it then has, once there and home again', async () => {
  const on = await after(deploy, replicate, replicate, move, { ...move, to: 'east' } as Request, replicate)
  // A fresh record: what is estimated is what two earlier moves have shown.
  const there = await moved(on, 'west')
  expect(there.estimated_outage_ms).toBeUndefined()
  await moved(on, 'east')
  for (const request of [replicate, replicate] as const) await done(on, request)
  const again = await moved(on, 'west')
  expect(again.estimated_outage_ms).toBeGreaterThan(1000)
  expect(Math.abs((again.estimated_outage_ms ?? 0) - (again.outage_ms ?? 0))).toBeLessThan(700)
  const text = await moveText(on, 'east')
  expect(text).toMatch(/outside network at east +bridge outside is there; DHCP: gave fw 198\.51\.100\.\d+ \S+ \S+ ago/)
})

test('a stack that takes more memory than the standby has is refused; more than is free is a warning', async () => {
  const on = await after(deploy, replicate)
  const { memory } = on.world.site('west')
  on.world.site('west').memory = { free_bytes: 1_000_000, total_bytes: 8_000_000_000 }
  expect(await moveText(on)).toMatch(
    /warning: the stack takes \d+ MB of memory at east; west has 1\.0 MB free of 8\.0 GB/,
  )
  on.world.site('west').memory = { free_bytes: 1_000_000, total_bytes: 2_000_000 }
  const refused = await plan(on.controller(), move, on.world.clock.now())
  expect('refused' in refused && refused.refused[0]?.what).toMatch(/west has 1\.0 MB free of 2\.0 MB/)
  on.world.site('west').memory = memory
  on.world.site('east').memory = undefined
  expect(await moveText(on)).toContain('what the stack takes: no evidence, the engine of east does not tell')
})

test('where nobody could count what was sent, nothing is estimated from it', async () => {
  const on = await after(deploy, replicate, replicate)
  const held = on.world.site('west').claims.get('shop')
  if (held === undefined) throw new Error('no claim at west')
  const points = held.claim.points.map((each) => ({ ...each, sent_bytes: 0 }))
  on.world.site('west').claims.set('shop', { ...held, claim: { ...held.claim, points } })
  const text = await moveText(on)
  expect(text).toMatch(/pool default at west +19 GB free\n/)
  expect(text).toMatch(/way from east +bytes not counted; a cycle takes at least \d+\.\d s/)
  expect(text).toMatch(/last transfer +- {2}no evidence: what leaves east is not counted/)
  expect(text).toMatch(/estimated outage: no evidence\n/)
  expect(text).not.toContain('NaN')
})

test('a stack that writes faster than the way carries is told that its outage does not get small', () => {
  const point = (index: number, sent_bytes: number, took_ms: number): Point => ({
    name: `p${index}`,
    taken_at: new Date(1_000_000 + index * 10_000).toISOString(),
    complete_at: new Date(1_000_000 + index * 10_000 + took_ms).toISOString(),
    pause_ms: 50,
    sent_bytes,
    incremental: index > 0,
    machines: ['db1'],
    digest: '',
  })
  expect(wayOf([])).toBeUndefined()
  expect(wayOf([point(0, 500_000_000, 5000)])).toBeUndefined()
  expect(wayOf([point(2, 100_000, 500), point(1, 300_000, 1000), point(0, 500_000_000, 5000)])).toEqual({
    least_s: 0.5,
    bytes_per_s: 100_000_000,
    written_per_s: 20_000,
    increments: 2,
  })
})

async function moveText(on: Rig, to = 'west'): Promise<string> {
  const planned = await plan(on.controller(), { verb: 'move', stack: 'shop', to }, on.world.clock.now())
  if ('refused' in planned) throw new Error(JSON.stringify(planned.refused))
  return planText(planned.plan)
}

async function moved(on: Rig, to: string) {
  return (await done(on, { verb: 'move', stack: 'shop', to })).numbers
}

async function done(on: Rig, request: Request) {
  const planned = await plan(on.controller(), request, on.world.clock.now())
  if ('refused' in planned) throw new Error(JSON.stringify(planned.refused))
  const ran = await run(on.controller(), planned.plan, () => {})
  expect(ran.outcome).toBe('done')
  return ran.report
}

function planned(on: Rig, request: Request, sight: Omit<DnsSight, 'name'>) {
  const controller = on.controller()
  const asked: Lifeboat = {
    ...controller,
    outside: { ...controller.outside, mayUpdate: async (_site, name) => ({ name, ...sight }) },
  }
  return plan(asked, request, on.world.clock.now())
}

test('a secret that no load balancer would start with is told before anything is changed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lifeboat-preflight-'))
  const file = join(folder, 'shop.yaml')
  copyFileSync(stackFile, file)
  writeFileSync(join(folder, 'stand-in.txt'), 'no certificate')
  const on = await after()
  const found = await planned(on, { ...deploy, file }, { says: 'good', what: '' })
  rmSync(folder, { recursive: true })
  expect(found).toMatchObject({
    refused: [{ level: 'error', what: 'secret "shop-tls" holds no certificate that can be read', needs: 'change' }],
  })
})
