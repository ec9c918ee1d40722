// On the lab: 110 s
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeSecrets } from '../../examples/wiki/make-secrets.ts'
import { eventually, stackFile, verb } from '../../lab/demo/story.ts'
import { exec, killSite, returnSite, trust, up } from '../../lab/lab.ts'
import type { SiteName } from '../../lab/topology.ts'
import type { Report } from '../../src/report/report.ts'
import { type Eavesdropper, eavesdrop, type Heard } from './eavesdrop.ts'
import { emptyStage, everything, incus, instances, removeShop } from './stage.ts'

/**
 * Two stacks with the same prefixes, machine names and addresses at the same sites: deployed, replicated, drilled and failed
 * over at the same time. One of them is software that nobody here wrote. Every frame that a kernel saw meanwhile is judged,
 * beside some that were planted, so that silence means something.
 */
const stacks = ['shop', 'wiki'] as const
const sites = ['east', 'west'] as const
const wikiFile = join(import.meta.dirname, '../../examples/wiki/stack.yaml')
const page = { title: 'Rope', before: 'Ten metres of rope.', after: 'Twenty metres of rope.' }
const planted = '10.10.2.250'

let ears: Readonly<Record<SiteName, Eavesdropper>>
let heard: Readonly<Record<SiteName, Heard>>
let drills: readonly Report[]
let failovers: readonly Report[]
let answers: readonly string[]
let texts: { readonly atEast: string; readonly atWest: string; readonly again: string }
let addresses: readonly (readonly string[])[]
let destroyed: {
  readonly left: readonly string[]
  readonly before: Things
  readonly after: Things
  readonly answer: string
}

beforeAll(async () => {
  const { ca } = await emptyStage('wiki')
  await removeShop('wiki')
  const wiki = await makeSecrets(join(import.meta.dirname, '../../examples/wiki/secrets'))
  await trust(ca, wiki.ca)
  ears = { east: await eavesdrop('east'), west: await eavesdrop('west') }

  await Promise.all([verb('deploy', stackFile, '--site', 'east'), verb('deploy', wikiFile, '--site', 'east')])
  await eventually('addresses of both families in both stacks', async () => {
    // A guest is ready before its DHCPv6 client is done.
    addresses = await Promise.all(stacks.map((stack) => insideAddresses(stack)))
    return addresses.every((each) => ['db1 fd', 'web1 fd'].every((leg) => each.some((one) => one.startsWith(leg))))
  })
  await edit(page.before)
  await Promise.all(stacks.map((stack) => verb('replicate', stack)))
  drills = await Promise.all(stacks.map((stack) => verb('drill', stack)))
  await edit(page.after)
  const atEast = await raw()
  await Promise.all(stacks.map((stack) => verb('replicate', stack)))
  await plantOnSegment('east')
  await Promise.all(sites.map(plantOnWan))
  await killSite('east')
  failovers = await Promise.all(stacks.map((stack) => verb('failover', stack, '--site-is-down', 'east')))
  const atWest = await raw()
  await edit('Thirty metres of rope.')
  texts = { atEast, atWest, again: await raw() }
  answers = await Promise.all([shopUrl, wikiUrl].map(status))
  await plantOnSegment('west')
  heard = { east: await ears.east.stop(), west: await ears.west.stop() }
  await returnSite('east')
  destroyed = await destroyWiki()
})

afterAll(async () => {
  for (const each of Object.values(ears ?? {})) each.kill()
  await up()
  await removeShop('wiki')
  await removeShop()
})

test('both have a web1 and a db1, at the same addresses of both families', () => {
  const [shop = [], wiki = []] = addresses
  expect(wiki).toEqual(
    expect.arrayContaining(['db1 10.10.4.11', 'web1 10.10.2.11', 'db1 fd00:10:4::11', 'web1 fd00:10:2::11']),
  )
  expect(wiki.filter((each) => !shop.includes(each))).toEqual([])
})

test('the page is there after the failover as it was last saved, and can be edited', () => {
  expect(texts).toEqual({ atEast: page.after, atWest: page.after, again: 'Thirty metres of rope.' })
})

test('both drills passed, and were at work at the same time', () => {
  expect(overlapped(drills)).toBe(true)
  expect(drills.map((each) => each.drill?.verdict)).toEqual(['passed', 'passed'])
  expect(drills.map((each) => each.drill?.untouched?.site)).toEqual(['east', 'east'])
})

test('both answer at west, by their own names and addresses', () => {
  expect(overlapped(failovers)).toBe(true)
  expect(failovers.map((each) => each.outcome)).toEqual(['done', 'done'])
  expect(new Set(failovers.map((each) => each.numbers.address)).size).toBe(2)
  expect(answers).toEqual(['200', '200'])
})

test('no report of one names the other', () => {
  for (const [index, other] of ['wiki', 'shop'].entries())
    for (const reports of [drills, failovers]) expect(JSON.stringify(reports[index])).not.toContain(other)
})

test.each(sites)('at %s no frame of one stack was on a segment of the other, but the one that was planted', (site) => {
  const { seen, strays, missed } = heard[site]
  expect(missed).toBe(0)
  for (const stack of stacks) expect(seen.get(stack) ?? 0, `frames of ${stack}`).toBeGreaterThan(100)
  expect(strays.filter((each) => each.includes(planted))).not.toEqual([])
  expect(strays.filter((each) => !each.includes(planted))).toEqual([])
})

test.each(sites)(
  'at %s no frame of a segment was on the WAN or any shared network, but the one that was planted',
  (site) => {
    const { escaped } = heard[site]
    expect(escaped.filter((each) => each.includes(planted))).not.toEqual([])
    expect(escaped.filter((each) => !each.includes(planted))).toEqual([])
  },
)

test('the wiki is destroyed while the shop is at work: nothing of it is left, and nothing of the shop has changed', () => {
  expect(destroyed.left).toEqual([])
  // What serves at west, and the stale copy at the site that came back.
  for (const site of sites) {
    const held = [...destroyed.before.keys()].filter((key) => key.startsWith(`${site}: instances lb-shop `))
    expect(held, site).toHaveLength(9)
  }
  expect(destroyed.after).toEqual(destroyed.before)
  expect(destroyed.answer).toBe('200')
})

/** Each began before any had ended. */
const overlapped = (reports: readonly Report[]): boolean =>
  reports.every(({ decided_at }) => reports.every(({ ended_at = '' }) => decided_at < ended_at))

const shopUrl = 'https://shop.example.com/api/healthz'
const wikiUrl = 'https://wiki.example.com/index.php/Main_Page'
const curl = ['curl', '--silent', '--show-error', '--max-time', '20', '--cacert', '/etc/lifeboat-lab/ca.crt'] as const

async function edit(text: string): Promise<void> {
  const ran = await exec('client', [
    ...curl,
    ...['--data-urlencode', `title=${page.title}`, '--data-urlencode', `text=${text}`],
    ...['--data-urlencode', 'token=+\\', '--data', 'action=edit&format=json', 'https://wiki.example.com/api.php'],
  ])
  expect(`${ran.stdout}${ran.stderr}`).toContain('"result":"Success"')
}

async function raw(): Promise<string> {
  const ran = await exec('client', [...curl, `https://wiki.example.com/index.php?title=${page.title}&action=raw`])
  return ran.stdout.trim()
}

async function status(url: string): Promise<string> {
  let code = ''
  await eventually(`an answer from ${url}`, async () => {
    const ran = await exec('client', [...curl, '--output', '/dev/null', '--write-out', '%{http_code}', url])
    code = ran.stdout.trim()
    return code !== '000'
  })
  return code
}

async function insideAddresses(stack: string): Promise<readonly string[]> {
  return (await instances('east', `lb-${stack}`)).flatMap(({ name, state }) =>
    Object.entries(state.network ?? {})
      .filter(([leg]) => !['lo', 'outside', 'services'].includes(leg))
      .flatMap(([, leg]) =>
        leg.addresses.filter((each) => each.scope === 'global').map((each) => `${name} ${each.address}`),
      ),
  )
}

/** A frame with the MAC of the wiki's web server on the segment of the shop's. */
async function plantOnSegment(site: SiteName): Promise<void> {
  const [bridge, mac] = await Promise.all([nicOf(site, 'shop', 'network'), nicOf(site, 'wiki', 'hwaddr')])
  await says(
    site,
    `ip link add stray type veth peer name stray-in
    for each in stray stray-in; do echo 1 >/proc/sys/net/ipv6/conf/$each/disable_ipv6; done
    ip link set stray-in master ${bridge} up
    ip link set stray address ${mac} up
    ip address add ${planted}/24 dev stray
    echo >/dev/udp/10.10.2.1/9
    sleep 0.3
    ip link delete stray`,
  )
}

/** The same address asks on the WAN for a neighbour. */
async function plantOnWan(site: SiteName): Promise<void> {
  await says(
    site,
    `ip address add ${planted}/32 dev wan
    ip route add 203.0.113.250/32 dev wan src ${planted}
    echo >/dev/udp/203.0.113.250/9
    sleep 0.3
    ip route delete 203.0.113.250/32 dev wan
    ip address delete ${planted}/32 dev wan`,
  )
}

async function says(site: SiteName, script: string): Promise<void> {
  const ran = await exec(site, ['bash', '-ec', script])
  if (ran.exit !== 0) throw new Error(`nothing could be planted at ${site}: ${ran.stderr}`)
}

async function nicOf(site: SiteName, stack: string, what: 'network' | 'hwaddr'): Promise<string> {
  const { devices } = JSON.parse(await incus(site, 'query', `/1.0/instances/web1?project=lb-${stack}`)) as {
    readonly devices: Readonly<Record<string, Readonly<Partial<Record<'network' | 'hwaddr', string>>>>>
  }
  const found = Object.values(devices).find((each) => each[what] !== undefined)?.[what]
  if (found === undefined) throw new Error(`web1 of ${stack} at ${site} has no ${what}`)
  return found
}

type Things = ReadonlyMap<string, unknown>

/** Whatever both sites hold of a stack, by its mark or its projects. */
async function holdings(stack: string): Promise<Things> {
  const all = await Promise.all(
    sites.map(async (site) =>
      [...(await everything(site))]
        .filter(
          ([key, { config, project }]) =>
            config?.['user.lifeboat.stack'] === stack || `${key} ${project}`.includes(`lb-${stack}`),
        )
        .map(([key, thing]) => [`${site}: ${key}`, thing] as const),
    ),
  )
  return new Map(all.flat())
}

async function destroyWiki(): Promise<typeof destroyed> {
  const before = await holdings('shop')
  await verb('destroy', 'wiki', '--consent', 'wiki')
  const after = await holdings('shop')
  return { left: [...(await holdings('wiki')).keys()], before, after, answer: await status(shopUrl) }
}
