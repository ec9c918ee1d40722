import { execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { labDirectories, labMembers, removeCgroups, thaw } from './cgroups.ts'
import { labPaths, mark } from './paths.ts'
import { allProcesses, ancestry, isAlive, killHard, namespaceOf, type ProcessId, processId } from './processes.ts'
import { attempt, until } from './run.ts'

const processes_limit_ms = 60_000
const loops_limit_ms = 60_000

/** Ends and removes all that is found of the lab. It trusts no record of what was made: it looks. */
export async function cleanUp(): Promise<void> {
  await until(
    'the processes of the lab end',
    processes_limit_ms,
    async () => {
      const found = await labProcesses()
      for (const process of found) killHard(process)
      await thaw()
      return found.every((process) => !isAlive(process)) && (await labProcesses()).length === 0 ? true : undefined
    },
    20,
  )
  for (const mountpoint of labMounts().toReversed()) await attempt(['umount', '--lazy', mountpoint])
  await until('the loop devices of the lab are free', loops_limit_ms, async () => {
    const found = labLoops()
    for (const device of found) await attempt(['losetup', '--detach', device])
    return found.length === 0 ? true : undefined
  })
  await until(
    'the cgroups of the lab go',
    processes_limit_ms,
    async () => {
      await removeCgroups()
      return (await labDirectories()).length === 0 ? true : undefined
    },
    20,
  )
  for (const directory of [labPaths.run, labPaths.data]) await rm(directory, { recursive: true, force: true })
}

/**
 * Processes in the lab's cgroups, in one of its network namespaces, or started by one that was: whatever says so.
 * This process and those that started it are never among them.
 */
export async function labProcesses(): Promise<readonly ProcessId[]> {
  const pids = new Set(await labMembers())
  const namespaces = await labNamespaces()
  for (const { pid } of allProcesses()) {
    const net = namespaceOf(pid, 'net')
    if ((net !== undefined && namespaces.has(net)) || hasMark(pid)) pids.add(pid)
  }
  for (const pid of ancestry()) pids.delete(pid)
  return [...pids].map(processId).filter((id) => id !== undefined)
}

/** Mount points of the lab in the machine's own mount namespace, in the order they were made. */
export function labMounts(): readonly string[] {
  const points = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
  return points.filter((point) =>
    [labPaths.run, labPaths.data].some((root) => point === root || point.startsWith(`${root}/`)),
  )
}

/**
 * Loop devices whose file is, or was, in the lab's data directory. The list is the kernel's and knows no mount
 * namespace: a lab in a container beside this one has the same paths, and only the inode tells its files from ours.
 */
export function labLoops(): readonly string[] {
  const columns = ['--list', '--noheadings', '--raw', '--output', 'NAME,BACK-INO,BACK-FILE']
  const listed = execFileSync('losetup', columns, { encoding: 'utf8' })
  return listed.split('\n').flatMap((line) => {
    const [device, inode, ...path] = line.split(' ')
    const file = path.join(' ').replaceAll('\\x20', ' ')
    if (device === undefined || !file.startsWith(`${labPaths.data}/`)) return []
    const gone = file.endsWith(' (deleted)')
    return gone || statSync(file, { throwIfNoEntry: false })?.ino === Number(inode) ? [device] : []
  })
}

async function labNamespaces(): Promise<ReadonlySet<string>> {
  const own = statSync('/proc/self/ns/net')
  const found = new Set<string>()
  for (const name of await readdir(labPaths.netns).catch(() => [])) {
    const { ino, dev } = statSync(join(labPaths.netns, name))
    // A file on which no namespace is mounted has an inode of another file system.
    if (dev === own.dev && ino !== own.ino) found.add(`net:[${ino}]`)
  }
  return found
}

function hasMark(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1')
      .split('\0')
      .some((entry) => entry.startsWith(mark))
  } catch {
    return false
  }
}
