import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { type Lifeboat, plan, run } from '../src/lifeboat.ts'
import { findingText } from '../src/report/text.ts'
import type { Site } from '../src/state/sites.ts'
import { certificate } from './e2e/appliances/certificate.ts'
import { announcedFile, rig, stackFile } from './every-step/rig.ts'

/** What the stack file and the sites do not agree on is told before anything is changed, with its place in the stack file and what to do. */
const folder = mkdtempSync(join(tmpdir(), 'lifeboat-places-'))
afterAll(() => rmSync(folder, { recursive: true }))
writeFileSync(join(folder, 'shop.pem'), certificate('shop.example.com').pair)

const shop = write('shop', readFileSync(stackFile, 'utf8').replace('stand-in.txt', 'shop.pem'))
const announced = readFileSync(announcedFile, 'utf8')

test.each([
  [
    'a prefix that the site does not take',
    write('range', announced.replace('203.0.113.0/24', '198.51.100.0/24')),
    'prefix: 198',
    '198.51.100.0/24 can not be announced at east: it takes 203.0.113.0/24, no longer than /24',
    'agree on it with the network team, add it to bgp.announce of east in the site file',
  ],
  [
    'of two prefixes the one that the site does not take',
    write(
      'range6',
      announced
        .replace('203.0.113.0/24', '[203.0.113.0/24, 2001:db8:100::/48]')
        .replace('10.10.1.0/24', '[10.10.1.0/24, fd00:10:1::/64]'),
    ),
    '2001:db8:100::/48]',
    'east has no route servers to announce 2001:db8:100::/48 to',
    'an IPv6 prefix goes by an IPv6 session: add their addresses to bgp.route-servers of east',
  ],
  [
    'a name outside of the zone',
    write('zone', readFileSync(shop, 'utf8').replaceAll('shop.example.com', 'shop.example.net')),
    '{ to: public',
    'shop.example.net is not in the zone example.com that east may update',
    'a name of example.com, or another server and zone under dns of east',
  ],
  [
    'a secret that is not there',
    write('secret', readFileSync(shop, 'utf8').replace('shop.pem', 'no.pem')),
    'no.pem',
    `secret "shop-tls" cannot be read: ${join(folder, 'no.pem')}`,
    'put certificate chain and key there',
  ],
  [
    'a file without a certificate',
    write('empty', readFileSync(shop, 'utf8').replace('shop.pem', 'shop.yaml')),
    'shop.yaml }',
    'secret "shop-tls" holds no certificate that can be read',
    'the file holds the certificate, those that signed it, and the key, in PEM',
  ],
])('%s is refused', async (_, file, words, what, hint) => {
  const on = rig()
  const planned = await deploy(on.controller(), file)
  if (!('refused' in planned)) throw new Error('planned')
  const [finding] = planned.refused.filter(({ level }) => level === 'error')
  expect(finding).toMatchObject({ place: placeOf(file, words), what, needs: 'change' })
  expect(finding?.hint).toContain(hint)
  expect(finding && findingText(finding).split('\n')[0]).toBe(`${placeOf(file, words)}: ${what}`)
  expect(on.world.calls.filter(({ call }) => !['observe', 'survey', 'stacks', 'readClaim'].includes(call))).toEqual([])
})

test.each([
  ['at the site of the deploy', 'east', 'error'],
  ['at the standby', 'west', 'warning'],
] as const)('a service without an address %s', async (_, site, level) => {
  const controller = withSites(rig().controller(), (each) =>
    each.name === site ? { ...each, services: { ldap: '10.101.0.10' } } : each,
  )
  const planned = await deploy(controller, shop)
  const found = 'refused' in planned ? planned.refused : planned.plan.findings
  expect(found).toContainEqual({
    level,
    what: `service "billing" has no address at ${site}`,
    hint: `add services: { billing: ADDRESS } to ${site} in the site file`,
    needs: level === 'error' ? 'change' : undefined,
    place: placeOf(shop, '{ port: tcp/5432'),
  })
})

test('a prefix that another stack has', async () => {
  const on = rig()
  const first = await deploy(on.controller(), announcedFile)
  if ('refused' in first) throw new Error('refused')
  await run(on.controller(), first.plan, () => {})
  const blog = write('blog', announced.replaceAll('shop', 'blog').replace('blog-web', 'shop-web'))
  expect(await deploy(on.controller(), blog)).toMatchObject({
    refused: [
      {
        what: '203.0.113.0/24 is announced by stack shop',
        hint: 'give the stack another prefix, or lifeboat destroy shop first',
        place: placeOf(blog, '203.0.113.0/24'),
      },
    ],
  })
})

test('route servers of another AS: what to correct, and no place, as the stack file does not say it', async () => {
  const controller = rig().controller()
  const routeServers = async () => [{ place: '10.255.0.1', as: 64_999, firewalls_as: undefined }]
  const asked = { ...controller, outside: { ...controller.outside, routeServers } }
  const planned = await deploy(asked, announcedFile)
  expect('refused' in planned && planned.refused[0]).toEqual({
    level: 'error',
    what: '10.255.0.1 of east is AS 64999, and the site file says AS 64500: no session would come up',
    hint: 'correct bgp.as of east in the site file, or have the network team correct the route server',
    needs: 'change',
  })
})

test('what is a warning of the stack file alone is one of the deploy: a prefix that does not travel, a certificate', async () => {
  const long = write('long', announced.replace('203.0.113.0/24', '203.0.113.0/28'))
  const wide = withSites(rig().controller(), (site) =>
    site.bgp === undefined ? site : { ...site, bgp: { ...site.bgp, max_length: 28 } },
  )
  expect(await findings(wide, long)).toContainEqual(
    expect.objectContaining({
      level: 'warning',
      what: '203.0.113.0/28 is longer than /24: it does not travel across the Internet',
      place: placeOf(long, '203.0.113.0/28'),
    }),
  )
  const old = write('old', readFileSync(shop, 'utf8').replace('shop.pem', 'old.pem'))
  writeFileSync(join(folder, 'old.pem'), certificate('old.example.com').pair)
  const on = rig()
  const soon = new Date(Date.now() + 80 * 86_400_000)
  const planned = await plan(on.controller(), { verb: 'deploy', file: old, site: 'east', remove: [] }, soon)
  expect('plan' in planned && planned.plan.findings).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        what: expect.stringMatching(/^the certificate of "shop-tls" expires in (9|10) days, on /),
        place: placeOf(old, 'old.pem'),
      }),
      expect.objectContaining({
        what: 'no certificate of "public" is for shop.example.com',
        place: placeOf(old, 'shop-tls, pool'),
      }),
    ]),
  )
})

function write(name: string, text: string): string {
  const file = join(folder, `${name}.yaml`)
  writeFileSync(file, text)
  return file
}

const deploy = (controller: Lifeboat, file: string) =>
  plan(controller, { verb: 'deploy', file, site: 'east', remove: [] }, controller.clock.now())

async function findings(controller: Lifeboat, file: string) {
  const planned = await deploy(controller, file)
  if ('refused' in planned) throw new Error(JSON.stringify(planned.refused))
  return planned.plan.findings
}

function withSites(controller: Lifeboat, change: (site: Site) => Site): Lifeboat {
  return { ...controller, sites: { ...controller.sites, sites: controller.sites.sites.map(change) } }
}

/** Of the value that begins with these words, or of the key with a colon; `prefix: ` and the like before it are skipped. */
function placeOf(file: string, words: string): string {
  const text = readFileSync(file, 'utf8')
  const wanted = words.replace(/^\w+: /, '')
  const offset = text.indexOf(words) + words.length - wanted.length
  const before = text.slice(0, offset).split('\n')
  return `${file}:${before.length}:${(before.at(-1)?.length ?? 0) + 1}`
}
