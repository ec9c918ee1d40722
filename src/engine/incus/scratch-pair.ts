import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { InstanceRef } from '../../state/objects.ts'
import type { EnginePair } from '../conformance.ts'
import { incusClient } from './client.ts'
import { isStatus } from './errors.ts'
import { incusEngine } from './incus.ts'
import { projectOf } from './names.ts'
import type { IncusOptions } from './options.ts'

const run = promisify(execFile)
const IMAGE = 'scratch'
const POOL_SIZE = '4GiB'
const READY_S = 30

type Side = {
  readonly name: 'east' | 'west'
  readonly dir: string
  readonly netns: string
  readonly address: string
  readonly keeper: ChildProcess
  daemon: ChildProcess
}

/** What only the owner of a pair can do, beside what the suite needs. */
export type ScratchPair = EnginePair & {
  readonly link: (up: boolean) => Promise<void>
  /** Limits what leaves east, `300mbit`. */
  readonly shape: (rate: string) => Promise<void>
  /** Options of the engine at west, which is used over HTTPS. */
  readonly https: IncusOptions
}

/**
 * Two real Incus servers for one test file: own network and mount namespaces, a veth between them, btrfs pools on loop
 * files, all under one temporary directory. East is used over its unix socket, west over HTTPS with a pinned
 * certificate. Needs root, `incusd`, and a package archive for busybox.
 */
export async function scratchPair(): Promise<ScratchPair> {
  const dir = await mkdtemp(join(tmpdir(), 'lifeboat-scratch-'))
  const id = dir.slice(-6)
  const bin = await stubs(dir)
  const netns = { east: `lbs-${id}-east`, west: `lbs-${id}-west` }
  for (const each of Object.values(netns)) {
    await run('ip', ['netns', 'add', each])
    await run('ip', ['-n', each, 'link', 'set', 'lo', 'up'])
    for (const bridge of ['outside', 'services']) {
      await run('ip', ['-n', each, 'link', 'add', bridge, 'type', 'bridge'])
      await run('ip', ['-n', each, 'link', 'set', bridge, 'up'])
    }
  }
  await run('ip', [
    'link',
    'add',
    'wan',
    'netns',
    netns.east,
    'type',
    'veth',
    'peer',
    'name',
    'wan',
    'netns',
    netns.west,
  ])
  const sides = {
    east: await side('east', dir, netns.east, '172.31.250.1', bin),
    west: await side('west', dir, netns.west, '172.31.250.2', bin),
  }
  const image = await imageFile(dir)
  const client = await clientCertificate(dir)
  const forwards: Forward[] = []
  const options = async (from: Side, https: boolean): Promise<IncusOptions> => {
    const local = incusClient({ ...base(from), socket: socketOf(from) })
    const { value } = await local.get<{ environment: { certificate: string } }>('/1.0')
    await local.send('POST', '/1.0/certificates', {
      type: 'client',
      name: 'scratch',
      certificate: client.certificate.replace(/-----[A-Z ]+-----|\s/g, ''),
    })
    await local.close()
    const common = { ...base(from), serverCertificate: value.environment.certificate }
    if (!https) return { ...common, socket: socketOf(from) }
    const forward = await forwardTo(from, join(dir, 'bin', 'busybox'))
    forwards.push(forward)
    return { ...common, url: forward.url, clientCertificate: client.certificate, clientKey: client.key }
  }
  for (const each of [sides.east, sides.west]) {
    await preseed(each)
    await incus(each, ['image', 'import', image, '--alias', IMAGE])
  }
  const east = incusEngine(await options(sides.east, false))
  const https = await options(sides.west, true)
  const west = incusEngine(https)

  return {
    east,
    west,
    image: IMAGE,
    https,
    foreign: (at, ref) => foreign(sides[at], ref),
    legCarries: async (at, ref, interfaceName) => {
      const { stdout } = await incus(sides[at], ['query', `/1.0/instances/${ref.name}?project=${projectOf(ref.area)}`])
      const { config } = JSON.parse(stdout) as { config: Record<string, string> }
      const host = config[`volatile.nic-${interfaceName}.host_name`]
      if (host === undefined) return false
      const links = await run('ip', ['-n', sides[at].netns, '-o', 'link', 'show'])
      return links.stdout.split('\n').some((line) => line.includes(`${host}@`) && line.includes(' master '))
    },
    testEngineKilled: async (at, during) => {
      const work = during()
      await new Promise((resolve) => setTimeout(resolve, 60))
      sides[at].daemon.kill('SIGKILL')
      await ended(sides[at].daemon)
      sides[at].daemon = await startDaemon(sides[at], bin)
      await work
    },
    link: async (up) => {
      await run('ip', ['-n', netns.east, 'link', 'set', 'wan', up ? 'up' : 'down'])
    },
    shape: async (rate) => {
      const tbf = ['tbf', 'rate', rate, 'burst', '512kb', 'latency', '100ms']
      await run('tc', ['-n', netns.east, 'qdisc', 'replace', 'dev', 'wan', 'root', ...tbf])
    },
    cleanup: async () => {
      await Promise.all([east.close(), west.close()])
      for (const forward of forwards) forward.close()
      for (const each of [sides.east, sides.west]) await tearDown(each)
      await rm(dir, { recursive: true, force: true })
    },
  }
}

function base(from: Side) {
  return {
    site: from.name,
    replicationUrl: `https://${from.address}:8443`,
    pool: 'default',
    outsideBridge: 'outside',
    servicesBridge: 'services',
  }
}

async function side(name: Side['name'], dir: string, netns: string, address: string, bin: string): Promise<Side> {
  await run('ip', ['-n', netns, 'addr', 'add', `${address}/30`, 'dev', 'wan'])
  await run('ip', ['-n', netns, 'link', 'set', 'wan', 'up'])
  const home = join(dir, name)
  await mkdir(join(dir, `${name}.cg`), { recursive: true })
  await mkdir(home)
  // The mount namespace outlives the daemon, so that a daemon started again finds its pool mounted. Incus needs a /sys
  // of its network namespace and the host's cgroups in it.
  const keeper = spawn(
    'nsenter',
    [
      `--net=/run/netns/${netns}`,
      ...['unshare', '-m', '--propagation', 'private', 'bash', '-c'],
      'mount --rbind /sys/fs/cgroup "$1" && mount -t sysfs sysfs /sys && mount --move "$1" /sys/fs/cgroup && echo && exec sleep infinity',
      ...['_', join(dir, `${name}.cg`)],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  await new Promise((resolve, reject) => {
    keeper.stdout?.once('data', resolve)
    keeper.once('exit', () => reject(new Error(`the namespace of ${name} could not be made`)))
  })
  const made = { name, dir: home, netns, address, keeper, daemon: keeper }
  return { ...made, daemon: await startDaemon(made, bin) }
}

async function startDaemon(side: Side, bin: string): Promise<ChildProcess> {
  const daemon = spawn(
    'nsenter',
    [
      ...['-t', String(side.keeper.pid), '-n', '-m'],
      ...['/usr/libexec/incus/incusd', '--group', 'root', '--logfile', join(side.dir, '..', `${side.name}.log`)],
    ],
    { stdio: 'ignore', env: { ...process.env, INCUS_DIR: side.dir, PATH: `${bin}:${process.env.PATH}` } },
  )
  await run('/usr/libexec/incus/incusd', ['waitready', '--timeout', String(READY_S)], {
    env: { ...process.env, INCUS_DIR: side.dir },
  })
  return daemon
}

async function preseed(side: Side): Promise<void> {
  const text = JSON.stringify({
    config: { 'core.https_address': `${side.address}:8443` },
    storage_pools: [{ name: 'default', driver: 'btrfs', config: { size: POOL_SIZE } }],
  })
  const file = join(side.dir, '..', `${side.name}.preseed`)
  await writeFile(file, text)
  await run('sh', ['-c', 'incus admin init --preseed <"$1"', 'sh', file], {
    env: { ...process.env, INCUS_DIR: side.dir },
  })
}

function incus(side: Side, args: readonly string[]) {
  return run('incus', [...args], {
    env: { ...process.env, INCUS_DIR: side.dir, INCUS_CONF: join(side.dir, '..', 'conf') },
  })
}

function socketOf(side: Side): string {
  return join(side.dir, 'unix.socket')
}

async function foreign(side: Side, ref: InstanceRef) {
  const project = projectOf(ref.area)
  const client = incusClient({ ...base(side), socket: socketOf(side) })
  const exists = async () => {
    try {
      await client.get(`/1.0/instances/${ref.name}`, { project })
      return true
    } catch (thrown) {
      if (isStatus(thrown, 404)) return false
      throw thrown
    }
  }
  await client.run(
    'POST',
    '/1.0/instances',
    {
      name: ref.name,
      profiles: [],
      devices: { root: { type: 'disk', path: '/', pool: 'default' } },
      source: { type: 'image', alias: IMAGE },
    },
    { project },
  )
  return {
    exists,
    remove: async () => {
      await client.run('DELETE', `/1.0/instances/${ref.name}`, undefined, { project })
      await client.close()
    },
  }
}

/** Stops the containers, the daemon and what holds the namespaces; unmounting them frees the loop devices. */
async function tearDown(side: Side): Promise<void> {
  await run('/usr/libexec/incus/incusd', ['shutdown', '--timeout', '60'], {
    env: { ...process.env, INCUS_DIR: side.dir },
  }).catch(() => undefined)
  side.daemon.kill('SIGTERM')
  await ended(side.daemon)
  side.keeper.kill('SIGTERM')
  await ended(side.keeper)
  await run('ip', ['netns', 'del', side.netns])
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  await new Promise((resolve) => child.once('exit', resolve))
}

type Forward = { readonly url: string; close(): void }

/** A port of this machine's loopback that leads to the API inside the namespace. */
async function forwardTo(side: Side, busybox: string): Promise<Forward> {
  const children = new Set<ChildProcess>()
  const server: Server = createServer((socket: Socket) => {
    const child = spawn('nsenter', [`--net=/run/netns/${side.netns}`, busybox, 'nc', side.address, '8443'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    children.add(child)
    child.once('exit', () => {
      children.delete(child)
      socket.destroy()
    })
    socket.on('error', () => child.kill())
    socket.on('close', () => child.kill())
    child.stdin?.on('error', () => socket.destroy())
    socket.pipe(child.stdin!)
    child.stdout!.pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `https://127.0.0.1:${address.port}`,
    close: () => {
      server.close()
      for (const child of children) child.kill()
    },
  }
}

/** Incus asks for the version of dnsmasq before it makes any bridge; our bridges have no DHCP, so it never runs it. */
async function stubs(dir: string): Promise<string> {
  const bin = join(dir, 'bin')
  await mkdir(bin)
  await writeFile(join(bin, 'dnsmasq'), '#!/bin/sh\necho "Dnsmasq version 2.90"\n')
  await chmod(join(bin, 'dnsmasq'), 0o755)
  return bin
}

async function clientCertificate(dir: string) {
  const [key, certificate] = [join(dir, 'client.key'), join(dir, 'client.crt')]
  await run('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-nodes', '-days', '1'],
    ...['-subj', '/CN=scratch', '-keyout', key, '-out', certificate],
  ])
  return { key: await readFile(key, 'utf8'), certificate: await readFile(certificate, 'utf8') }
}

/** A guest of one megabyte: busybox and a script as init that ends when it is asked to. */
async function imageFile(dir: string): Promise<string> {
  const work = join(dir, 'image')
  const root = join(work, 'rootfs')
  for (const each of [
    'bin',
    'sbin',
    'etc',
    'proc',
    'sys',
    'dev',
    'tmp',
    'run',
    'root',
    'var/lib',
    'var/log',
    'usr/bin',
  ])
    await mkdir(join(root, each), { recursive: true })
  const packages = join(dir, 'packages')
  await mkdir(packages)
  await chmod(dir, 0o711)
  await run('apt-get', ['download', '-q', '-o', 'APT::Sandbox::User=root', 'busybox-static'], { cwd: packages })
  await run('sh', ['-c', 'dpkg -x busybox-static*.deb .'], { cwd: packages })
  const busybox = join(packages, 'bin', 'busybox')
  await run('cp', [busybox, join(dir, 'bin', 'busybox')])
  await run('cp', [busybox, join(root, 'bin', 'busybox')])
  const { stdout } = await run(busybox, ['--list'])
  for (const applet of stdout.split('\n').filter((each) => each !== '' && each !== 'busybox'))
    await symlink('/bin/busybox', join(root, 'bin', applet))
  await writeFile(join(root, 'sbin', 'init'), INIT, { mode: 0o755 })
  await writeFile(join(root, 'etc', 'passwd'), 'root:x:0:0:root:/root:/bin/sh\n')
  await writeFile(join(root, 'etc', 'group'), 'root:x:0:\n')
  await writeFile(
    join(work, 'metadata.yaml'),
    'architecture: x86_64\ncreation_date: 1700000000\nproperties: {os: scratch}\n',
  )
  const file = join(dir, 'scratch.tar.gz')
  await run('tar', ['-C', work, '-czf', file, 'metadata.yaml', 'rootfs'])
  return file
}

const INIT = `#!/bin/sh
trap 'exit 0' PWR TERM
echo "scratch guest started"
for leg in /sys/class/net/*; do ip link set "\${leg##*/}" up; done
while :; do sleep 3600 & wait $!; done
`
