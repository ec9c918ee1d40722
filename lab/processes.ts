import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** A process of the machine: a pid alone may belong to another by the time it is used, pid and start time may not. */
export type ProcessId = { readonly pid: number; readonly start_time: string }

export type Process = ProcessId & { readonly comm: string; readonly parent: number; readonly zombie: boolean }

/** Undefined when there is no such process, or it is a zombie. */
export function processId(pid: number): ProcessId | undefined {
  const process = readProcess(pid)
  return process === undefined || process.zombie ? undefined : { pid, start_time: process.start_time }
}

export function isAlive(id: ProcessId): boolean {
  return processId(id.pid)?.start_time === id.start_time
}

/** Sends SIGKILL if it is still the same process. */
export function killHard(id: ProcessId): void {
  if (!isAlive(id)) return
  try {
    process.kill(id.pid, 'SIGKILL')
  } catch {
    // It ended in between.
  }
}

export function readProcess(pid: number): Process | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The command may hold blanks and brackets: proc_pid_stat(5).
    const end = stat.lastIndexOf(')')
    const fields = stat.slice(end + 2).split(' ')
    return {
      pid,
      comm: stat.slice(stat.indexOf('(') + 1, end),
      zombie: fields[0] === 'Z',
      parent: Number(fields[1]),
      start_time: fields[19]!,
    }
  } catch {
    return undefined
  }
}

/** Every process of the machine that is not a zombie. */
export function allProcesses(): readonly Process[] {
  const found: Process[] = []
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const process = readProcess(Number(name))
    if (process !== undefined && !process.zombie) found.push(process)
  }
  return found
}

/** The processes of the same pid namespace as `init`, without itself. Those of containers inside have their own. */
export function processesBeside(init: ProcessId): readonly Process[] {
  const own = namespaceOf(init.pid, 'pid')
  if (own === undefined || !isAlive(init)) return []
  return allProcesses().filter((process) => process.pid !== init.pid && namespaceOf(process.pid, 'pid') === own)
}

/** The identity of a namespace of a process, such as `net:[4026531840]`; undefined when the process is gone. */
export function namespaceOf(pid: number, kind: 'net' | 'pid'): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`)
  } catch {
    return undefined
  }
}

/** Arguments of a process as it shows them; none when it is gone. */
export function commandLine(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1)
  } catch {
    return []
  }
}

/** This process and those that started it: never to be ended by the lab, wherever they run. */
export function ancestry(): ReadonlySet<number> {
  const line = new Set<number>()
  for (let pid = process.pid; pid > 0 && !line.has(pid); ) {
    line.add(pid)
    pid = readProcess(pid)?.parent ?? 0
  }
  return line
}
