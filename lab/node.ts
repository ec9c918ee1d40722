import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { chmod, mkdir, open, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ensureRoots, hierarchies, labMembers, memberFiles, removeCgroups, settle, thaw } from './cgroups.ts'
import { labPaths, markOf, netnsOf } from './paths.ts'
import {
  isAlive,
  killHard,
  type Process,
  type ProcessId,
  processesBeside,
  processId,
  readProcess,
} from './processes.ts'
import { attempt, LabError, type Ran, type RunOptions, until } from './run.ts'
import { type NodeName, topology } from './topology.ts'

/**
 * Starts a node: its first process in its own mount, pid, cgroup, host name and IPC namespaces, inside the network
 * namespace that is already there. When the first process dies, the kernel ends every other and undoes every mount,
 * so that no node can leave anything behind, and a power cut is one signal.
 */
export async function startNode(node: NodeName, labNodeRootfs: string): Promise<ProcessId> {
  await endStrays(node)
  const roots = await ensureRoots(node)
  const mountpoint = join(labPaths.nodes, node)
  await mkdir(mountpoint, { recursive: true })
  const script = topology.nodes[node].kind === 'site' ? await siteInit(mountpoint) : hostInit(mountpoint, labNodeRootfs)
  const enterRoots = roots.map((file) => `echo $$ >${file}`).join('\n')
  const outer = `${enterRoots}
exec nsenter --net=${netnsOf(node)} -- unshare --mount --propagation slave --pid --fork --cgroup --uts --ipc -- bash -c "$1" lifeboat-lab-init ${node}`
  const child = spawn(
    'bash',
    [
      '-c',
      outer,
      'lifeboat-lab',
      `set -eu\nhostname ${node}\n${script}\nexec bash -c '${initLoop}' lifeboat-lab-init ${node}`,
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      cwd: '/',
      env: {
        PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        LANG: 'C.UTF-8',
        ...markOf(node),
      },
    },
  )
  await new Promise<void>((resolve, reject) => {
    let said = ''
    const limit = setTimeout(() => fail('said nothing for 60 s'), 60_000)
    const fail = (why: string): void => {
      clearTimeout(limit)
      reject(new LabError(`node ${node} did not start: ${why}`))
    }
    child.stderr.on('data', (text: Buffer) => {
      said += text.toString()
    })
    child.stdout.once('data', () => {
      clearTimeout(limit)
      resolve()
    })
    child.once('error', (error) => fail(error.message))
    child.once('exit', (code) => fail(`its first process ended with ${code}: ${said.trim()}`))
  })
    .catch((error: unknown) => {
      child.kill('SIGKILL')
      throw error
    })
    .finally(() => {
      // Whatever came of it, nothing of it keeps this process.
      child.removeAllListeners()
      child.stdout.destroy()
      child.stderr.destroy()
      child.unref()
    })
  const init = firstChildOf(child.pid!)
  if (init === undefined) throw new LabError(`node ${node} ended right after its start`)
  await settle(node)
  return init
}

/** An `up` that was ended in the middle may have started this node and not noted it. */
async function endStrays(node: NodeName): Promise<void> {
  await until(
    `what is left of an earlier node ${node} ends`,
    60_000,
    async () => {
      const strays = (await labMembers(node)).map(processId).filter((id) => id !== undefined)
      for (const stray of strays) killHard(stray)
      await thaw(node)
      return strays.length === 0 ? true : undefined
    },
    10,
  )
  await removeCgroups(node)
}

/** Ends the node and everything in it, containers too, and waits until the kernel has done so. */
export async function killNode(node: NodeName, init: ProcessId): Promise<void> {
  killHard(init)
  await until(
    `node ${node} ends`,
    60_000,
    async () => {
      await thaw(node)
      // A zombie too: it is one until the last process inside is gone.
      return readProcess(init.pid)?.start_time === init.start_time ? undefined : true
    },
    10,
  )
  await removeCgroups(node)
}

/** Runs a command in a node, in its root file system, to its end. */
export function inNode(init: ProcessId, argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return attempt([...enter(init), ...argv], options)
}

/** The command line before a command that is to run in a node. */
export function enter(init: ProcessId): readonly string[] {
  if (!isAlive(init)) throw new LabError('the node is not running: run `lifeboat lab up`')
  return [
    'nsenter',
    '--target',
    String(init.pid),
    '--mount',
    '--uts',
    '--ipc',
    '--net',
    '--pid',
    '--cgroup',
    '--root',
    '--wd',
    '--',
  ]
}

/** Starts a daemon in a node; its output goes to the lab's logs. It answers at once: see that it is ready yourself. */
export async function startDaemon(
  node: NodeName,
  init: ProcessId,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const members = await memberFiles(node)
  await mkdir(labPaths.logs, { recursive: true })
  const log = await open(join(labPaths.logs, `${node}-${argv[0]!.split('/').at(-1)}.log`), 'a')
  // It becomes a member of the node's cgroups from outside: from inside, v2 forbids that (nsdelegate, cgroups(7)).
  const outer = `${members.map((file) => `echo $$ >${file}`).join('\n')}\nexec "$@"`
  const child = spawn(
    'bash',
    ['-c', outer, 'lifeboat-lab', ...enter(init), 'sh', '-c', '"$@" & echo', 'lifeboat-lab', ...argv],
    {
      stdio: ['ignore', log.fd, log.fd],
      detached: true,
      cwd: '/',
      env: {
        PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        LANG: 'C.UTF-8',
        HOME: '/root',
        ...markOf(node),
        ...env,
      },
    },
  )
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', resolve)
  })
  await log.close()
  if (code !== 0) throw new LabError(`${argv[0]} could not be started in node ${node}; see ${labPaths.logs}`)
}

/** The processes of a node with that command name (15 characters at most), without those in containers. */
export function daemonsOf(init: ProcessId, comm: string): readonly Process[] {
  return processesBeside(init).filter((process) => process.comm === comm)
}

/** Writes a file into the root file system of a running node. */
export async function putFile(init: ProcessId, path: string, content: string, mode = 0o644): Promise<void> {
  const target = join('/proc', String(init.pid), 'root', path)
  await mkdir(dirname(target), { recursive: true })
  await writeFile(target, content)
  await chmod(target, mode)
}

function firstChildOf(pid: number): ProcessId | undefined {
  try {
    const child = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0])
    return child > 0 ? processId(child) : undefined
  } catch {
    return undefined
  }
}

// The first process of a pid namespace inherits the orphans and has to collect them; bash does so on every SIGCHLD.
const initLoop = `echo ready
exec >/dev/null 2>&1
trap : CHLD
while :; do sleep 86400 & wait $!; done`

function hostInit(mountpoint: string, lower: string): string {
  return `
mount -t tmpfs -o mode=755 lifeboat-lab ${mountpoint}
cd ${mountpoint}
mkdir upper work root
mount -t overlay -o lowerdir=${lower},upperdir=upper,workdir=work lifeboat-lab root
cd root
mkdir -p proc sys run tmp dev .machine
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm run/lock
for device in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0"; do
  set -- $device
  mknod -m 666 dev/$1 c $2 $3
done
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
rm -f etc/resolv.conf
echo nameserver ${topology.dns.resolver} >etc/resolv.conf
pivot_root . .machine
cd /
umount -l /.machine
rmdir /.machine`
}

/**
 * A site keeps the machine's file system, but needs its own /sys: Incus looks for its bridges in /sys/class/net, and
 * systemd in its containers needs the cgroups there. It gets a /run of its own, for what LXC leaves there.
 *
 * Where the machine has the unified hierarchy beside legacy ones, the site sees the unified one alone: LXC looks only
 * once a second whether a legacy group has frozen (src/lxc/freezer.c), which makes every pause a second long.
 */
async function siteInit(mountpoint: string): Promise<string> {
  const all = await hierarchies()
  const unified = all.filter(({ version }) => version === 2).map((each) => ({ ...each, mountpoint: '/sys/fs/cgroup' }))
  const found = unified.length > 0 ? unified : all
  const mounts = found.map(({ version, options, mountpoint: at }) => {
    const mount = version === 2 ? `mount -t cgroup2 cgroup2 ${at}` : `mount -t cgroup -o ${options} cgroup ${at}`
    return at === '/sys/fs/cgroup' ? mount : `mkdir -p ${at}\n${mount}`
  })
  const separate = found.every(({ mountpoint: at }) => at !== '/sys/fs/cgroup')
  return `
mount -t proc proc /proc
mount -t sysfs sysfs /sys
${separate ? 'mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup' : ''}
${mounts.join('\n')}
mount -t tmpfs -o mode=755 lifeboat-lab ${mountpoint}
mkdir -p ${mountpoint}/${labPaths.name} ${mountpoint}/lock
mount -n --rbind ${labPaths.run} ${mountpoint}/${labPaths.name}
mount -n --move ${mountpoint} /run`
}
