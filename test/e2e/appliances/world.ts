import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureImages } from '../../../lab/images/images.ts'
import { attempt, type Ran, run } from '../../../lab/run.ts'
import { compile } from '../../../src/compile/compile.ts'
import type { Compiled, CompiledAppliance, SiteFacts } from '../../../src/compile/compiled.ts'
import { parseStack } from '../../../src/stack/parse.ts'
import { buildScript } from './build-script.ts'

/**
 * A compiled stack as network namespaces: its appliances with the packet filter, the load balancer and the logger of
 * their image, its machines as places to run servers in, and clients outside. Without Incus, so that it is there within a
 * second; all of it hangs on one process, and is gone with that.
 */
export type World = {
  readonly compiled: Compiled
  /** Runs a command at a place, with this machine's programs, to its end. */
  readonly at: (place: string, argv: readonly string[]) => Promise<Ran>
  /** The same with the programs and files of the place's image: that of the appliance, or of the lab's nodes. */
  readonly inside: (place: string, argv: readonly string[]) => Promise<Ran>
  /** Starts a server at a place; `inside` its image where so said. */
  readonly serve: (place: string, argv: readonly string[], inside?: boolean) => Promise<void>
  readonly write: (place: string, path: string, text: string) => Promise<void>
  /** What the servers at a place have printed. */
  readonly log: (place: string) => Promise<string>
  readonly end: () => void
}

/** Outside: the firewall has `firewall`; the clients' place is the router and has all the others. */
export const outside = {
  place: 'outside-clients',
  firewall: '198.51.100.1',
  office: '203.0.113.7',
  branch: '198.51.100.50',
  attackers: ['192.0.2.9', '192.0.2.200'],
  customer: '203.0.113.99',
} as const

/** `secrets`: what the files of the stack's secrets hold, by name; `facts`: what the site adds. */
export async function startWorld(
  stackFile: string,
  secrets: Readonly<Record<string, string>> = {},
  facts?: SiteFacts,
): Promise<World> {
  const { stack, problems } = parseStack(readFileSync(stackFile, 'utf8'), stackFile)
  if (stack === undefined) throw new Error(JSON.stringify(problems))
  const compiled = compile(stack, facts)
  const images = await ensureImages(() => {})
  const scratch = mkdtempSync(join(tmpdir(), 'lifeboat-world-'))
  const appliance = images.incusImages.find(({ alias }) => alias === 'lifeboat-appliance')
  if (appliance === undefined) throw new Error('no image of the appliance')
  await run(['unsquashfs', '-quiet', '-no-progress', '-dest', join(scratch, 'appliance'), appliance.rootfs])

  const layers = { appliance: join(scratch, 'appliance'), machine: images.labNodeRootfs }
  const { holder, pid } = await hold(buildScript(compiled, layers, scratch))
  const enter = ['nsenter', '--target', String(pid), '--mount', '--net', '--pid', '--']
  const at = (place: string, argv: readonly string[]) => attempt([...enter, 'ip', 'netns', 'exec', place, ...argv])
  const inside = (place: string, argv: readonly string[]) => at(place, ['chroot', `${scratch}/root/${place}`, ...argv])
  const world: World = {
    compiled,
    at,
    inside,
    serve: async (place, argv, own = false) => {
      const command = own ? ['chroot', `${scratch}/root/${place}`, ...argv] : argv
      const log = `${scratch}/${place}.log`
      const ran = await at(place, [
        'sh',
        '-c',
        'log=$1; shift; setsid "$@" >>"$log" 2>&1 </dev/null &',
        'sh',
        log,
        ...command,
      ])
      if (ran.exit !== 0) throw new Error(`${argv[0]} at ${place}: ${ran.stderr}`)
    },
    write: async (place, path, text) => {
      const script = 'mkdir -p "$(dirname "$1")"; cat >"$1"'
      await run([...enter, 'sh', '-c', script, 'sh', `${scratch}/root/${place}${path}`], { input: text })
    },
    log: async (place) => (await attempt([...enter, 'cat', `${scratch}/${place}.log`])).stdout,
    end: () => {
      holder.kill('SIGKILL')
      rmSync(scratch, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
    },
  }
  try {
    for (const each of compiled.instances) if (each.kind === 'appliance') await startAppliance(world, each, secrets)
  } catch (error) {
    world.end()
    throw error
  }
  return world
}

/** As systemd does it in the image: first the filter, then the rest. */
async function startAppliance(
  world: World,
  { name, role, files, secrets }: CompiledAppliance,
  contents: Readonly<Record<string, string>>,
): Promise<void> {
  for (const { path, text } of files) await world.write(name, path, text)
  for (const { path, secret } of secrets) await world.write(name, path, contents[secret] ?? '')
  const must = async (argv: readonly string[]) => {
    const ran = await world.inside(name, argv)
    if (ran.exit !== 0) throw new Error(`${argv.join(' ')} at ${name}: ${ran.stderr}${ran.stdout}`)
  }
  await must(['sh', '-c', 'sysctl -q -e -p /etc/sysctl.d/90-lifeboat.conf; nft -f /etc/nftables.conf'])
  if (files.some(({ path }) => path === '/etc/ulogd.conf')) {
    // Stands for the journal: what comes to /dev/log.
    const journal =
      'socket(S,PF_UNIX,SOCK_DGRAM,0);bind(S,sockaddr_un("/dev/log")) or die;$|=1;while(defined recv(S,$m,8192,0)){print "$m\\n"}'
    await world.serve(name, ['perl', '-MSocket', '-e', journal], true)
    await must(['sh', '-c', 'until [ -S /dev/log ]; do sleep 0.02; done'])
    await world.serve(name, ['ulogd', '--configfile', '/etc/ulogd.conf'], true)
    await must(['sh', '-c', 'until grep -q . /proc/net/netfilter/nfnetlink_log; do sleep 0.02; done'])
  }
  if (files.some(({ path }) => path === '/etc/frr/bgpd.conf')) await startUnits(world, name, bgpUnits)
  if (role !== 'load-balancer') return
  await must(['sh', '-c', 'mkdir -p /run/haproxy; haproxy -c -q -f /etc/haproxy/haproxy.cfg'])
  await world.serve(name, ['haproxy', '-W', '-f', '/etc/haproxy/haproxy.cfg', '-p', '/run/haproxy.pid'], true)
  await must(['sh', '-c', 'until [ -S /run/haproxy-stats.sock ]; do sleep 0.02; done'])
}

const bgpUnits = ['zebra', 'bgpd', 'lifeboat-announce']

/** What the units of the image would run, one after the other. */
async function startUnits(world: World, place: string, units: readonly string[]): Promise<void> {
  for (const unit of units) {
    const text = (await world.inside(place, ['cat', `/etc/systemd/system/${unit}.service`])).stdout
    const lines = (key: string) => [...text.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, line = '']) => line)
    for (const line of lines('ExecStartPre')) {
      const ran = await world.inside(place, line.split(' '))
      if (ran.exit !== 0) throw new Error(`${line} at ${place}: ${ran.stderr}`)
    }
    for (const line of lines('ExecStart')) await world.serve(place, line.split(' '), true)
  }
}

/** Runs the script in namespaces of its own and keeps them. */
async function hold(script: string): Promise<{ holder: ReturnType<typeof spawn>; pid: number }> {
  const argv = [
    '--mount',
    '--net',
    '--pid',
    '--fork',
    '--kill-child',
    'sh',
    '-euc',
    `${script}\necho ready\nexec sleep infinity`,
  ]
  const holder = spawn('unshare', argv, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  holder.stderr.on('data', (text: Buffer) => {
    said += text.toString()
  })
  await new Promise<void>((resolve, reject) => {
    holder.stdout.once('data', () => resolve())
    holder.once('exit', (code) => reject(new Error(`the namespaces could not be made (${code}): ${said}`)))
  })
  const pid = Number(readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8').trim().split(' ')[0])
  return { holder, pid }
}
