import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { labPaths } from './paths.ts'
import { until } from './run.ts'

/**
 * One mounted cgroup hierarchy of the machine and the lab's directory in it. Machines differ: unified (v2), legacy (v1,
 * one hierarchy per controller), or both at once.
 */
export type Hierarchy = {
  readonly version: 1 | 2
  /** Mount options that name a v1 hierarchy, such as `cpu` or `none,name=systemd`. */
  readonly options: string
  readonly mountpoint: string
  /** The lab's subtree. Every node has a directory in it, which its processes see as the root (cgroup_namespaces(7)). */
  readonly lab: string
}

export async function hierarchies(): Promise<readonly Hierarchy[]> {
  const base = await basePaths()
  const found: Hierarchy[] = []
  for (const line of (await readFile('/proc/self/mountinfo', 'utf8')).split('\n')) {
    const [left, right] = line.split(' - ')
    if (left === undefined || right === undefined) continue
    const mountpoint = left.split(' ')[4]!
    const [type, , superOptions] = right.split(' ')
    if (!mountpoint.startsWith('/sys/fs/cgroup') || (type !== 'cgroup' && type !== 'cgroup2')) continue
    const controllers = (superOptions ?? '').split(',').filter((option) => base.has(option))
    const key = type === 'cgroup2' ? '' : controllers[0]
    if (key === undefined || !base.has(key)) continue
    found.push({
      version: type === 'cgroup2' ? 2 : 1,
      options: controllers.some((name) => name.startsWith('name='))
        ? `none,${controllers.join(',')}`
        : controllers.join(','),
      mountpoint,
      lab: join(mountpoint, base.get(key)!, labPaths.cgroup),
    })
  }
  return found
}

/** Makes the node's directory in every hierarchy; answers the files that its first process is written into, to see them as its roots. */
export async function ensureRoots(node: string): Promise<readonly string[]> {
  const files: string[] = []
  for (const { lab } of await hierarchies()) {
    const root = join(lab, node)
    await mkdir(lab, { recursive: true })
    await delegateControllers(lab)
    await weigh(lab)
    await mkdir(root, { recursive: true })
    // A new v1 cpuset has no processors and no memory, and takes no process until it has.
    for (const directory of [lab, root]) {
      for (const file of ['cpuset.cpus', 'cpuset.mems']) await inherit(directory, file)
    }
    files.push(join(root, 'cgroup.procs'))
  }
  return files
}

/**
 * Moves the first processes of a node to where they stay, and has its controllers handed down. In v2 a group with
 * controllers for its children holds no process itself; LXC looks past `init.scope`, as it does under systemd.
 */
export async function settle(node: string): Promise<void> {
  for (const { version, lab } of await hierarchies()) {
    if (version === 1) continue
    const root = join(lab, node)
    const home = join(root, 'init.scope')
    await mkdir(home, { recursive: true })
    // The first process starts others: again until none is left.
    await until(
      `the processes of node ${node} move to ${home}`,
      20_000,
      async () => {
        const pids = (await readFile(join(root, 'cgroup.procs'), 'utf8')).trim().split('\n').filter(Boolean)
        for (const pid of pids) await writeFile(join(home, 'cgroup.procs'), pid).catch(() => {})
        return pids.length === 0 ? true : undefined
      },
      10,
    )
    await delegateControllers(root)
  }
}

/** The files that a process is written into to become a member of a node that has settled. */
export async function memberFiles(node: string): Promise<readonly string[]> {
  return (await hierarchies()).map(({ version, lab }) =>
    join(lab, node, version === 2 ? 'init.scope' : '.', 'cgroup.procs'),
  )
}

/** A frozen process of a v1 hierarchy does not die of SIGKILL before it is thawed. */
export async function thaw(node?: string): Promise<void> {
  for (const directory of await labDirectories(node)) {
    await writeFile(join(directory, 'freezer.state'), 'THAWED').catch(() => {})
    await writeFile(join(directory, 'cgroup.freeze'), '0').catch(() => {})
  }
}

/** Removes the lab's subtree, or that of one node, of all hierarchies. Directories that still hold a process stay. */
export async function removeCgroups(node?: string): Promise<void> {
  for (const directory of await labDirectories(node)) await rmdir(directory).catch(() => {})
}

/** Pids of the processes in the lab's cgroups, those in containers too. */
export async function labMembers(node?: string): Promise<readonly number[]> {
  const pids = new Set<number>()
  for (const directory of await labDirectories(node)) {
    const members = await readFile(join(directory, 'cgroup.procs'), 'utf8').catch(() => '')
    // 0 stands for a process that this pid namespace does not see.
    for (const pid of members.trim().split('\n')) if (Number(pid) > 0) pids.add(Number(pid))
  }
  return [...pids]
}

/** All existing cgroup directories of the lab, deepest first. */
export async function labDirectories(node?: string): Promise<readonly string[]> {
  const all: string[] = []
  for (const { lab } of await hierarchies()) await collect(node === undefined ? lab : join(lab, node), all)
  return all
}

async function collect(directory: string, all: string[]): Promise<void> {
  if (!existsSync(directory)) return
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => [])
  for (const entry of entries) if (entry.isDirectory()) await collect(join(directory, entry.name), all)
  all.push(directory)
}

/** Where the first process of the machine is in each hierarchy: LXC and systemd take that as the root for new groups. */
async function basePaths(): Promise<ReadonlyMap<string, string>> {
  const base = new Map<string, string>()
  for (const line of (await readFile('/proc/1/cgroup', 'utf8')).trim().split('\n')) {
    const [, controllers, path] = line.match(/^\d+:([^:]*):(.*)$/) ?? []
    if (controllers === undefined || path === undefined) continue
    const pruned = basename(path) === 'init.scope' ? join(path, '..') : path
    for (const controller of controllers.split(',')) base.set(controller, pruned)
  }
  return base
}

/**
 * Two sites with their machines, clients and services are one group, and would weigh as much as a single process of this
 * machine: at one command line that compiles its program with four threads, a site got a tenth of a processor. Sites are
 * machines of their own, so the group weighs as much as those who work in it at a time.
 */
async function weigh(lab: string): Promise<void> {
  const at_once = 8
  await writeFile(join(lab, 'cpu.shares'), String(at_once * 1024)).catch(() => {})
  await writeFile(join(lab, 'cpu.weight'), String(at_once * 100)).catch(() => {})
}

async function inherit(directory: string, file: string): Promise<void> {
  const own = await readFile(join(directory, file), 'utf8').catch(() => undefined)
  if (own === undefined || own.trim() !== '') return
  const parent = await readFile(join(directory, '..', file), 'utf8').catch(() => undefined)
  if (parent !== undefined && parent.trim() !== '')
    await writeFile(join(directory, file), parent.trim()).catch(() => {})
}

/** Makes the controllers that a v2 group has available to its children. What a kernel does not hand down stays away. */
async function delegateControllers(directory: string): Promise<void> {
  for (const group of [join(directory, '..'), directory]) {
    const controllers = await readFile(join(group, 'cgroup.controllers'), 'utf8').catch(() => '')
    for (const controller of controllers.trim().split(' ').filter(Boolean)) {
      await writeFile(join(group, 'cgroup.subtree_control'), `+${controller}`).catch(() => {})
    }
  }
}
