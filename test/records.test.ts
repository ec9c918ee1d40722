import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { plan, run } from '../src/lifeboat.ts'
import type { Action, Plan } from '../src/plan/plan.ts'
import { announcedFile, type Rig, rig, stackFile } from './every-step/rig.ts'

/** Records that a definition wanted and the next one does not. */
const scratch = mkdtempSync(join(tmpdir(), 'lifeboat-records-'))
afterAll(() => rmSync(scratch, { recursive: true }))

function variant(name: string, from: string, ...changes: readonly (readonly [string, string])[]): string {
  const file = join(scratch, `${name}.yaml`)
  const text = changes.reduce((now, [a, b]) => now.replace(a, b), readFileSync(from, 'utf8'))
  writeFileSync(
    file,
    text.replace('file: stand-in.txt', `file: ${join(import.meta.dirname, 'every-step/stand-in.txt')}`),
  )
  return file
}

const dual = variant('dual', stackFile, ['front: 10.10.1.0/24', 'front: [10.10.1.0/24, "fd00:10:1::/64"]'])
const single = variant('single', stackFile)

async function planned(on: Rig, file: string): Promise<Plan> {
  const request = { verb: 'deploy', file, site: 'east', remove: [] } as const
  const made = await plan(on.controller(), request, on.world.clock.now())
  if ('refused' in made) throw new Error(made.refused.map(({ what }) => what).join('\n'))
  return made.plan
}

async function deployed(on: Rig, file: string): Promise<Plan> {
  const made = await planned(on, file)
  expect((await run(on.controller(), made, () => {})).report.failures).toEqual([])
  return made
}

const dnsOf = ({ steps }: Plan): readonly Action[] =>
  steps.map(({ action }) => action).filter((action) => action.do.startsWith('dns') && action.do !== 'dns-seen')

test('from dual stack back to IPv4 the AAAA record is removed with the update, once', async () => {
  const on = rig()
  expect(dnsOf(await deployed(on, dual))).toMatchObject([{ do: 'dns', ipv6: true }])
  expect(dnsOf(await planned(on, dual))).toMatchObject([{ do: 'dns', ipv6: true }])
  const back = await deployed(on, single)
  expect(dnsOf(back)).toMatchObject([{ do: 'dns', ipv6: 'none' }])
  // Its resolver is looked at too, and then a grant for A records is enough again.
  expect(back.steps.map(({ action }) => action)).toContainEqual(
    expect.objectContaining({ do: 'dns-seen', ipv6: 'none' }),
  )
  expect(dnsOf(await planned(on, single))[0]).not.toHaveProperty('ipv6')
})

test('from a site’s IPv6 address to an IPv4 prefix of its own the AAAA record goes too', async () => {
  const on = rig()
  await deployed(on, dual)
  const own = variant('own', dual, ['by: dns,', 'by: [dns, bgp], prefix: 203.0.113.0/24,'])
  expect(dnsOf(await planned(on, own))).toMatchObject([{ do: 'dns', address: '203.0.113.1', ipv6: 'none' }])
})

test('a name that the stack file has no more is let go of, where it still is what this stack has set', async () => {
  const on = rig()
  await deployed(on, single)
  const address = on.dns.get('shop.example.com')
  const renamed = variant('renamed', single, ['shop.example.com: {', 'store.example.com: {'], ['//shop.', '//store.'])
  const made = await deployed(on, renamed)
  expect(made.touches).toContainEqual({ kind: 'dns-record', what: 'shop.example.com, removed' })
  expect([...on.dns]).toEqual([['store.example.com', address]])
  expect(dnsOf(await planned(on, renamed)).map((action) => action.do)).toEqual(['dns'])
})

test('a name that somebody else has by now is left to him', async () => {
  const on = rig()
  await deployed(on, single)
  on.dns.set('shop.example.com', '192.0.2.77')
  const renamed = variant('renamed', single, ['shop.example.com: {', 'store.example.com: {'], ['//shop.', '//store.'])
  await deployed(on, renamed)
  expect(on.dns.get('shop.example.com')).toBe('192.0.2.77')
})

test('a service over UDP at an IPv6 address is told before anything is changed, and one over TCP is none', async () => {
  const on = rig()
  const controller = on.controller()
  const at = (address: string) => ({
    ...controller,
    sites: {
      ...controller.sites,
      sites: controller.sites.sites.map((site) => ({ ...site, services: { ...site.services, ldap: address } })),
    },
  })
  const refusals = async (file: string, address: string) => {
    const request = { verb: 'deploy', file, site: 'east', remove: [] } as const
    const made = await plan(at(address), request, on.world.clock.now())
    return 'refused' in made ? made.refused.map(({ what }) => what) : made.plan
  }
  const datagrams = variant('datagrams', stackFile, ['tcp/389', 'udp/389'])
  expect(await refusals(datagrams, '2001:db8:101::10')).toEqual([
    'service "ldap" is at an IPv6 address at east, and its datagrams would have to be translated to get there',
  ])
  const made = await refusals(single, '2001:db8:101::10')
  const lease = 'steps' in made ? made.steps.find(({ id }) => id === 'lease nat')?.action : undefined
  expect(lease).toMatchObject({ ipv6_for: 'ldap' })
})

test('a prefix of each family has a record of each, and a new one is announced at once', async () => {
  const on = rig()
  const controller = on.controller()
  const sites = {
    ...controller.sites,
    sites: controller.sites.sites.map((site) => ({
      ...site,
      outside_ipv6: true,
      bgp: site.bgp && {
        ...site.bgp,
        route_servers: [...site.bgp.route_servers, '2001:db8:ff::1'],
        announce: [...site.bgp.announce, '2001:db8:100::/40'],
      },
    })),
  }
  const both = variant(
    'both',
    announcedFile,
    ['front: 10.10.1.0/24', 'front: [10.10.1.0/24, "fd00:10:1::/64"]'],
    ['prefix: 203.0.113.0/24', 'prefix: [203.0.113.0/24, "2001:db8:100::/48"]'],
  )
  const request = { verb: 'deploy', file: both, site: 'east', remove: [] } as const
  const made = await plan({ ...controller, sites }, request, on.world.clock.now())
  if ('refused' in made) throw new Error(made.refused.map(({ what }) => what).join('\n'))
  expect(dnsOf(made.plan)).toMatchObject([{ do: 'dns', address: '203.0.113.1', ipv6: '2001:db8:100::1' }])
  expect(made.plan.steps.find(({ id }) => id === 'lease fw')?.action).toMatchObject({ ipv6_for: '2001:db8:100::/48' })
  expect(made.plan.touches.map(({ what }) => what)).toEqual(
    expect.arrayContaining([
      'shop.example.com A and AAAA, TTL 30 s',
      '203.0.113.0/24 announced by fw at east (AS 65010 to AS 64500)',
      '2001:db8:100::/48 announced by fw at east (AS 65010 to AS 64500)',
    ]),
  )
  // The rig's own sites have no IPv6 outside, and take no such prefix.
  const refused = await plan(controller, request, on.world.clock.now())
  expect('refused' in refused ? refused.refused.map(({ what }) => what) : []).toEqual([
    'east has no route servers to announce 2001:db8:100::/48 to',
  ])
})
