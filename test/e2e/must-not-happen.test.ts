// On the lab: 70 s
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeSecrets } from '../../examples/shop/make-secrets.ts'
import { type Customers, eventually, lifeboat, sleep, stackFile, startCustomers, verb } from '../../lab/demo/story.ts'
import { exec, labPaths } from '../../lab/lab.ts'
import { netnsOf } from '../../lab/paths.ts'
import { attempt, run } from '../../lab/run.ts'
import { readState } from '../../lab/state.ts'
import type { NodeName } from '../../lab/topology.ts'
import type { Report } from '../../src/report/report.ts'
import { addressByName, addressesOf, emptyStage, type Instance, incus, inside, instances, removeShop } from './stage.ts'

/** What nobody may be able to do, tried by those who would, on a shop at work. Each denial stands beside something allowed. */
const peer = join(import.meta.dirname, 'peer.ts')
const started: ChildProcess[] = []

let customers: Customers
let deployed: Report
let all: readonly Instance[]
let commandLines: string
let secret: { readonly file: string; readonly key: string }

beforeAll(async () => {
  const { ca } = await emptyStage()
  const { pem } = await secretsOfShop()
  secret = pem
  const watch = watchCommandLines()
  try {
    deployed = await verb('deploy', stackFile, '--site', 'east')
  } finally {
    commandLines = await watch.stop()
  }
  customers = await startCustomers(10, ca)
  await eventually('the first accepted order', async () =>
    (await customers.attempts()).some((each) => each.acked_at !== null),
  )
  all = await instances('east')
  await listenAt('client', 8080)
  await listenAt('east-edge', 8080)
  await listenAt('east-ldap', 8080)
  await listenAt('east-svc', 8080)
})

afterAll(async () => {
  await customers?.stop()
  for (const child of started) child.kill()
  await removeShop()
})

test('of all TCP ports of the outside address the client finds 443 open and no other', async () => {
  const ran = await at('client', ['scan', await addressByName()])
  expect(ran).toEqual([443])
})

test('over IPv6 too the outside address takes nothing but 443', async () => {
  const address = await addressByName(undefined, 'AAAA')
  const ports = [22, 53, 80, 443, 547, 5432, 8080, 8443]
  const tried = ports.map((port) => exec('client', ['nc', '-6', '-z', '-w', '3', address, String(port)]))
  const ran = await Promise.all(tried)
  expect(ports.filter((_, index) => ran[index]?.exit === 0)).toEqual([443])
})

test('no UDP port of the outside address answers', async () => {
  const ports = ['53', '67', '68', '123', '161', '389', '443', '500', '514', '4789', '5353']
  expect(await at('client', ['ask', '192.0.2.53', '53'])).toEqual([53])
  expect(await at('client', ['ask', await addressByName(), ...ports])).toEqual([])
})

test('a web server cannot open a connection to the data segment, and not through the load balancer either', async () => {
  const db = address('db1', 'eth0')
  const [web, app, data] = [address('lb', 'web'), address('lb', 'app'), address('lb', 'data')]
  const forbidden = [
    'fd00:10:4::11 5432',
    'fd00:10:4::1 5432',
    'fd00:10:3::1 5432',
    'fd00:10:3::11 8080',
    `${db} 5432`,
    `${data} 5432`,
    `${app} 5432`,
    `${address('app1', 'eth0')} 8080`,
    `${app} 8080`,
  ]
  const open = [`${web} 8080`, 'fd00:10:2::1 8080']
  expect(await reached('web1', [...open, ...forbidden])).toEqual(open)
  const routes = [
    ...[`10.10.4.0/24 via ${web}`, `10.10.3.0/24 via ${web}`],
    ...['fd00:10:4::/64 via fd00:10:2::1', 'fd00:10:3::/64 via fd00:10:2::1'],
  ]
  expect(await reached('web1', [...open, ...forbidden], routes)).toEqual(open)
})

test('an app server reaches the two declared services and nothing else outside of the stack', async () => {
  const nat = address('nat', 'app')
  const [ldap, billing] = ['ldap', 'billing'].map((name) => `${name}.shop.internal`)
  const declared = [`${ldap} 389`, `${billing} 5432`, `${address('lb', 'app')} 5432`]
  const undeclared = [
    ...['10.101.0.10 389', '10.101.0.10 8080', '10.101.0.20 5432', '10.101.0.1 8080', `${nat} 389`, `${nat} 8080`],
    ...[`${ldap} 8080`, `${ldap} 5432`, `${billing} 389`],
    ...['198.51.100.1 8080', '192.0.2.10 8080', '172.16.1.2 8443', '172.16.0.1 8443', '172.16.2.2 8443'],
  ]
  expect(await reached('app1', [...declared, ...undeclared])).toEqual(declared)
  for (const by of [nat, address('lb', 'app')]) {
    const routes = ['10.101.0.0/24', '198.51.100.0/24', '192.0.2.0/24', '172.16.0.0/16'].map((to) => `${to} via ${by}`)
    expect(await reached('app1', [...declared, ...undeclared], routes), `by ${by}`).toEqual(declared)
  }
})

test('nothing in the stack reaches an address outside that is not declared, appliances included', async () => {
  const targets = [
    ...['192.0.2.10 8080', '198.51.100.1 8080', '10.101.0.10 8080', '10.101.0.1 8080', '172.16.1.2 8443'],
    ...['2001:db8::10 8080', '2001:db8:e::1 8080'],
  ]
  // They are there: their neighbours reach them.
  for (const [node, target] of [
    ['internet', '192.0.2.10 8080'],
    ['internet', '198.51.100.1 8080'],
    ['internet', '2001:db8::10 8080'],
    ['internet', '2001:db8:e::1 8080'],
    ['east-billing', '10.101.0.10 8080'],
    ['east-billing', '10.101.0.1 8080'],
    ['ops', '172.16.1.2 8443'],
  ] as const) {
    expect(await exec(node, ['nc', '-z', '-w', '2', ...target.split(' ')]), `${target} from ${node}`).toMatchObject({
      exit: 0,
    })
  }
  const found = await Promise.all(all.map(async (each) => [each.name, await reached(each.name, targets)] as const))
  expect(found.filter(([, open]) => open.length > 0)).toEqual([])
})

test('the machines of the stack have no way out: no default route', async () => {
  const machines = all.filter((each) => /^(web|app|db)\d$/.test(each.name))
  expect(machines).toHaveLength(6)
  for (const each of machines) {
    const routes = await inside('east', each.name, 'ip route; ip -6 route show default')
    expect(routes.stdout, each.name).toContain('dev eth0')
    expect(routes.stdout, each.name).not.toContain('default')
  }
})

test('no frame of a segment leaves the site while orders and a transfer run', async () => {
  const macs = all.flatMap((each) =>
    Object.entries(each.state.network ?? {})
      .filter(([name]) => !['lo', 'outside', 'services'].includes(name))
      .map(([, leg]) => leg.hwaddr),
  )
  expect(macs).toHaveLength(6 + 4 + 1 + 1)
  const outer = all.flatMap((each) => each.state.network?.outside?.hwaddr ?? [])
  expect(outer).toHaveLength(1)
  // A router advertisement of an appliance would make its neighbours outside send through it.
  const advertised = outer.map((mac) => `(ether src ${mac} and icmp6 and ip6[40] == 134)`)
  const ofSegments = [
    ...['net 10.10.0.0/16', 'net fd00:10::/32', ...macs.map((mac) => `ether host ${mac}`)],
    ...advertised,
  ].join(' or ')
  const cables = ['wan', 'mgmt', 'edge', 'svc', 'ldap', 'billing']
  const captures = await Promise.all([...cables, await bridgeOf('app')].map(startCapture))
  await verb('replicate', 'shop')
  await sleep(1500)
  const seen = await Promise.all(captures.map((each) => each.stop(ofSegments)))
  // On the segment itself the same looking finds a lot, and the cables carry something: an empty answer means something.
  expect(seen.pop()?.matching.length).toBeGreaterThan(100)
  for (const [index, cable] of cables.entries()) {
    if (cable !== 'svc') expect(seen[index]?.all, cable).toBeGreaterThan(0)
    expect(seen[index]?.matching, cable).toEqual([])
  }
})

test('the key of the certificate is in its appliance alone, and no other user can read it there', async () => {
  const path = (await inside('east', 'lb', 'ls -d /etc/lifeboat/secrets/*')).stdout.trim()
  expect((await inside('east', 'lb', `stat -c '%a %U' ${path}; cat ${path}`)).stdout).toBe(
    `600 root\n${readFileSync(secret.file, 'utf8')}`,
  )
  const plan = await lifeboat(['plan', 'deploy', stackFile, '--site', 'east', '--json'])
  const report = await lifeboat(['report', deployed.operation])
  const journals = (await attempt(['grep', '-rhs', '', join(labPaths.run, 'state')])).stdout
  const held = await incus('east', 'query', '/1.0/instances?recursion=2&all-projects=true')
  expect(journals).toContain(deployed.operation)
  expect(commandLines).toContain('deploy')
  for (const [where, text] of Object.entries({
    commandLines,
    plan: plan.stdout + plan.stderr,
    report: report.stdout + JSON.stringify(deployed),
    journals,
    held,
    logs: (await attempt(['grep', '-rhs', '', labPaths.logs])).stdout,
  })) {
    expect(text.length, where).toBeGreaterThan(100)
    expect(text.includes(secret.key), where).toBe(false)
  }
})

function address(name: string, leg: string): string {
  const instance = all.find((each) => each.name === name)
  const found = instance === undefined ? [] : addressesOf(instance, leg)
  if (found[0] === undefined) throw new Error(`${name} has no address on ${leg}`)
  return found[0]
}

async function bridgeOf(segment: string): Promise<string> {
  const networks = JSON.parse(await incus('east', 'query', '/1.0/networks?recursion=1')) as readonly {
    readonly name: string
    readonly config: Readonly<Record<string, string>>
  }[]
  const found = networks.find((each) => each.config['user.lifeboat.segment'] === segment)
  if (found === undefined) throw new Error(`east has no bridge for ${segment}`)
  return found.name
}

/** Which of `ADDRESS PORT` an instance can open a connection to, with routes that it gives itself for the time of trying. */
async function reached(
  instance: string,
  targets: readonly string[],
  routes: readonly string[] = [],
): Promise<readonly string[]> {
  const script = [
    ...routes.map((route) => `ip route add ${route}`),
    ...targets.map(
      (target) =>
        `(timeout 2 bash -c 'exec 3<>/dev/tcp/${target.replace(' ', '/')}' 2>/dev/null && echo '${target}') &`,
    ),
    'wait',
    ...routes.map((route) => `ip route del ${route}`),
  ]
  const ran = await inside('east', instance, `set -e\n${script.join('\n')}`)
  if (ran.exit !== 0) throw new Error(`${instance} could not try: ${ran.stderr}`)
  const open = new Set(ran.stdout.split('\n'))
  return targets.filter((target) => open.has(target))
}

/** Runs the peer in the network of a node. */
async function at(node: NodeName, argv: readonly string[]): Promise<unknown> {
  return JSON.parse(
    await run(['nsenter', `--net=${netnsOf(node)}`, '--', process.execPath, peer, ...argv], { limit_ms: 120_000 }),
  )
}

async function listenAt(node: NodeName, port: number): Promise<void> {
  const argv = [`--net=${netnsOf(node)}`, '--', process.execPath, peer, 'listen', String(port)]
  const child = spawn('nsenter', argv, { stdio: ['pipe', 'pipe', 'inherit'] })
  started.push(child)
  await once(child.stdout, 'data')
}

/** tcpdump on one cable of east, in full; what matches is looked for afterwards. */
async function startCapture(cable: string) {
  // The program is the lab's own, the network is the site's.
  const pid = (await readState())?.nodes['east-edge']?.pid
  const place = ['nsenter', `--mount=/proc/${pid}/ns/mnt`, `--root=/proc/${pid}/root`, `--net=${netnsOf('east')}`, '--']
  const file = join(labPaths.run, `capture-${cable}.pcap`)
  const to = openSync(file, 'w', 0o600)
  const tcpdump = ['tcpdump', '-i', cable, '-s', '128', '-U', '-w', '-']
  const child = spawn(place[0] ?? '', [...place.slice(1), ...tcpdump], { stdio: ['ignore', to, 'pipe'] })
  started.push(child)
  closeSync(to)
  await once(child.stderr!, 'data')
  return {
    stop: async (filter: string) => {
      const ended = once(child, 'exit')
      child.kill('SIGINT')
      await ended
      const read = async (...what: readonly string[]) => {
        const text = await run(['sh', '-c', '"$@" <"$0"', file, ...place, 'tcpdump', '-nn', '-e', '-r', '-', ...what])
        return text.split('\n').filter((line) => line !== '')
      }
      const found = { all: (await read()).length, matching: await read(filter) }
      rmSync(file)
      return found
    },
  }
}

/** Every command line that was seen on this machine, until it is stopped. */
function watchCommandLines() {
  const seen = new Set<string>()
  let going = true
  const loop = (async () => {
    while (going) {
      for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
        try {
          seen.add(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '))
        } catch {
          // It has ended.
        }
      }
      await sleep(25)
    }
  })()
  return {
    stop: async () => {
      going = false
      await loop
      return [...seen].join('\n')
    },
  }
}

/** The file of the certificate and its key, and a line of the key that is nowhere else by chance. */
async function secretsOfShop() {
  const secrets = await makeSecrets(join(import.meta.dirname, '../../examples/shop/secrets'))
  return { pem: { file: secrets.pem, key: keyLine(readFileSync(secrets.pem, 'utf8')) } }
}

function keyLine(pem: string): string {
  const key = /-----BEGIN [A-Z ]*PRIVATE KEY-----\n([^-]+)/.exec(pem)?.[1]?.split('\n') ?? []
  const line = key[1]
  if (line === undefined || line.length < 40) throw new Error('the key is not as it was expected to be')
  return line
}
