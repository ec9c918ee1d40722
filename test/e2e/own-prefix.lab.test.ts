// On the lab: 20 s
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BgpFacts } from '../../src/compile/compiled.ts'
import { routeServerConf } from '../../src/compile/route-server.ts'
import { certificate } from './appliances/certificate.ts'
import { outside, startWorld, type World } from './appliances/world.ts'

/**
 * The golden case `own-prefix` with the FRR of the appliance's image, and a route server that has loaded what `lifeboat site
 * routes` prints and nothing else. The route server is the clients' router too: what it has not accepted they cannot reach. It
 * is asked by vtysh. Needs root, no lab.
 */
const MACHINE = join(import.meta.dirname, 'appliances/machine.ts')
const PASSWORD = 'open-sesame'
const PREFIX = '203.0.113.16/28'
const bgp: BgpFacts = {
  as: 64_500,
  local_as: 65_010,
  route_servers: ['10.255.0.1'],
  // Its address is not one of the outside network.
  hops: 2,
  firewalls: ['198.51.100.0/24'],
  announce: ['203.0.113.0/24'],
  max_length: 28,
  max_length6: 48,
  max_prefixes: 8,
  hold_s: 6,
  password: '3fa2',
}
let world: World

beforeAll(async () => {
  const { pair } = certificate('wiki.example.com')
  const facts = { site: 'east', services: {}, bgp }
  const stack = join(import.meta.dirname, '../golden/own-prefix/stack.yaml')
  world = await startWorld(stack, { 'wiki-tls': pair, 'site:bgp': `${PASSWORD}\n` }, facts)
  await must(outside.place, ['ip', 'address', 'add', '10.255.0.1/32', 'dev', 'lo'])
  await startRouteServer()
  for (const name of ['web1', 'web2']) await world.serve(name, [process.execPath, MACHINE, name, '80', '8080', '25'])
  await until(async () => (await nextHops(PREFIX)).length > 0)
})
afterAll(() => world?.end())

describe('a prefix of the stack’s own', () => {
  test('leads to the firewall that called, over a session with the password', async () => {
    expect(await nextHops(PREFIX)).toEqual([outside.firewall])
    const neighbor = await routeServer(`show bgp neighbors ${outside.firewall}`)
    expect(neighbor).toMatch(/Peer Authentication Enabled/)
    expect(neighbor).toMatch(/BGP state = Established/)
  })

  test('has a service at each of its addresses; at the others nobody answers', async () => {
    expect(await from(outside.office, 'http://203.0.113.20:8443/')).toMatch(/^web\d$/)
    expect(await from(outside.office, 'https://203.0.113.17/')).toMatch(/^web\d$/)
    expect(await from(outside.office, 'http://203.0.113.25:8443/')).toBe('nothing')
  })

  test('stays while one of its services is served, goes when none is, and comes back', async () => {
    await link('web1', 'down')
    await until(async () => (await status()).includes(`${PREFIX} announced`))
    await link('web2', 'down')
    await until(async () => (await nextHops(PREFIX)).length === 0)
    expect(await status()).toMatch(/withdrawn .*answered 503/)
    await link('web1', 'up')
    await until(async () => (await from(outside.office, 'http://203.0.113.20:8443/')) === 'web1')
    await link('web2', 'up')
  })

  test('is withdrawn when that is asked for, whatever is served, until it is asked for again', async () => {
    await until(async () => (await nextHops(PREFIX)).length > 0)
    await must('fw', ['lifeboat-announce', 'withdraw'], true)
    await until(async () => (await nextHops(PREFIX)).length === 0)
    await until(async () => (await status()).includes('held back'))
    expect(await nextHops(PREFIX)).toEqual([])
    await must('fw', ['lifeboat-announce', 'announce'], true)
    await until(async () => (await nextHops(PREFIX)).length > 0)
  })

  test('comes back when both are asked for between two looks, and when somebody else took its route', async () => {
    const away = [
      'lifeboat-announce withdraw && lifeboat-announce announce',
      `ip route del blackhole ${PREFIX}`,
      // The watch is in the midst of a look, or about to add the route.
      'for n in 1 2 3 4 5 6 7 8 9; do lifeboat-announce withdraw; sleep 0.1; lifeboat-announce announce; sleep 0.1; done',
    ]
    for (const script of away) {
      await must('fw', ['sh', '-c', script], true)
      await until(async () => (await route()).startsWith('blackhole'))
      await until(async () => (await status()).includes(`${PREFIX} announced`))
      await until(async () => (await nextHops(PREFIX)).length > 0)
    }
  })

  test('that is held back has no route at any instant, however it came to that', async () => {
    // What is looked at is there while it is announced, or an empty answer would mean nothing.
    expect(await route()).toMatch(/^blackhole 203\.0\.113\.16\/28 .*metric 4096/)
    const seen = `for n in $(seq 20); do lifeboat-announce announce; sleep 0.0$n; lifeboat-announce withdraw
      for look in $(seq 10); do ip route show ${PREFIX}; sleep 0.05; done; done`
    const ran = await world.inside('fw', ['sh', '-c', seen])
    expect([ran.stdout, ran.exit]).toEqual(['', 0])
    await must('fw', ['lifeboat-announce', 'announce'], true)
    await until(async () => (await nextHops(PREFIX)).length > 0)
  })
})

describe('what is not the stack’s', () => {
  test('is not announced by the firewall: its own filter lets one prefix out', async () => {
    await must('fw', ['ip', 'route', 'add', 'blackhole', '198.18.0.0/15'])
    await must('fw', ['ip', 'route', 'add', 'blackhole', '203.0.113.64/28'])
    // What comes after them has arrived, so they would have too.
    await again()
    expect(await nextHops('203.0.113.64/28')).toEqual([])
    expect(await nextHops('198.18.0.0/15')).toEqual([])
  })

  test('is not accepted by the route server, where a firewall has lost its filter', async () => {
    const lost = ['configure terminal', 'route-map own permit 10', 'no match ip address prefix-list own']
    await must('fw', ['vtysh', ...lost.flatMap((line) => ['-c', line])], true)
    await must('fw', ['ip', 'route', 'add', 'blackhole', '203.0.113.80/29'])
    await until(async () => (await nextHops('203.0.113.64/28')).length > 0)
    await again()
    expect(await nextHops('198.18.0.0/15')).toEqual([])
    // Longer than was agreed.
    expect(await nextHops('203.0.113.80/29')).toEqual([])
  })
})

describe('the firewall', () => {
  test('keeps the password from everybody but bgpd', async () => {
    const modes = await world.inside('fw', ['stat', '-c', '%a %U', '/run/frr/bgpd.conf'])
    expect(modes.stdout.trim()).toBe('600 frr')
    const commands = await world.inside('fw', ['sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "'])
    expect(commands.stdout).toContain('/usr/lib/frr/bgpd')
    expect(commands.stdout).not.toContain(PASSWORD)
    expect(await world.log('fw')).not.toContain(PASSWORD)
  })

  test('listens to nobody, and has no other routing protocol', async () => {
    const listening = await world.at('fw', ['ss', '-Hltn'])
    expect(listening.stdout).not.toMatch(/:179\b|:26\d\d\b/)
    const daemons = await world.inside('fw', ['sh', '-c', 'find /usr/lib/frr -type f -printf "%f\\n" | sort'])
    expect(daemons.stdout).toBe('bgpd\nzebra\n')
  })

  test('that stops says so before it goes', async () => {
    const watch = await world.at('fw', ['sh', '-c', "pgrep -f '^/usr/bin/perl /usr/local/bin/lifeboat-announce watch'"])
    const own = await world.at('fw', [
      'sh',
      '-c',
      `for p in ${watch.stdout.split('\n').join(' ')}; do [ "$(ip netns identify $p)" = fw ] && echo $p; done`,
    ])
    await must('fw', ['kill', own.stdout.trim()])
    await until(async () => (await nextHops(PREFIX)).length === 0)
    expect(await routeServer(`show bgp neighbors ${outside.firewall}`)).toMatch(/BGP state = Established/)
  })
})

async function startRouteServer(): Promise<void> {
  const conf = routeServerConf('east', bgp, 'frr', PASSWORD)
  await must(outside.place, ['install', '-d', '-o', 'frr', '-g', 'frr', '/run/frr'], true)
  await world.write(outside.place, '/etc/frr/zebra.conf', '\n')
  // Its own identity first: FRR 8.4 loses a session that was accepted before its router-id changed.
  await world.write(outside.place, '/etc/frr/bgpd.conf', `router bgp ${bgp.as}\n bgp router-id 10.255.0.1\n${conf}`)
  for (const daemon of ['zebra', 'bgpd']) {
    const argv = [`/usr/lib/frr/${daemon}`, '-P', '0', '--log', 'stdout', '-f', `/etc/frr/${daemon}.conf`]
    await world.serve(outside.place, argv, true)
    await until(
      async () => (await world.inside(outside.place, ['vtysh', '-d', daemon, '-c', 'show version'])).exit === 0,
    )
  }
}

async function routeServer(command: string): Promise<string> {
  return (await world.inside(outside.place, ['vtysh', '-c', command])).stdout
}

/** Where the route server would send packets for a prefix. */
async function nextHops(prefix: string): Promise<readonly string[]> {
  const { paths = [] } = JSON.parse(await routeServer(`show bgp ipv4 unicast ${prefix} json`)) as {
    paths?: { valid?: boolean; nexthops: { ip: string }[] }[]
  }
  return paths.filter(({ valid }) => valid === true).flatMap(({ nexthops }) => nexthops.map(({ ip }) => ip))
}

/** Withdrawn and announced once more: what was told before has been heard by then. */
async function again(): Promise<void> {
  await must('fw', ['lifeboat-announce', 'withdraw'], true)
  await until(async () => (await nextHops(PREFIX)).length === 0)
  await must('fw', ['lifeboat-announce', 'announce'], true)
  await until(async () => (await nextHops(PREFIX)).length > 0)
}

async function status(): Promise<string> {
  return (await world.inside('fw', ['lifeboat-announce', 'status'])).stdout
}

/** The firewall's route for the prefix, as its kernel has it. */
async function route(): Promise<string> {
  return (await world.inside('fw', ['ip', 'route', 'show', PREFIX])).stdout
}

async function link(machine: string, state: 'up' | 'down'): Promise<void> {
  const name = world.compiled.instances.find((each) => each.name === machine)?.legs[0]?.interface ?? ''
  await must(machine, ['ip', 'link', 'set', name, state])
}

async function from(address: string, url: string): Promise<string> {
  const argv = ['curl', '-sfk', '--connect-timeout', '0.5', '--max-time', '5', '--interface', address, url]
  const ran = await world.at(outside.place, argv)
  return ran.exit === 0 ? (JSON.parse(ran.stdout) as { name: string }).name : 'nothing'
}

async function must(place: string, argv: readonly string[], own = false): Promise<void> {
  const ran = await (own ? world.inside(place, argv) : world.at(place, argv))
  if (ran.exit !== 0) throw new Error(`${argv.join(' ')} at ${place}: ${ran.stderr}${ran.stdout}`)
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; ; ) {
    if (await holds()) return
    if (Date.now() > end) throw new Error(`not within 60 s: ${holds}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
