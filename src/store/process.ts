import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import type { Owner } from '../state/objects.ts'

/** This process, as another one can know it again. */
export function ownProcess(): Owner {
  return {
    host: hostname(),
    boot: bootId(),
    namespace: namespace(),
    pid: process.pid,
    start: startOf(process.pid) ?? '',
  }
}

/** What can be known here of a process: of one on another machine, or in another container, nothing. */
export function lives(owner: Owner): 'alive' | 'gone' | 'unknown' {
  if (owner.host !== hostname()) return 'unknown'
  if (owner.boot === bootId() && owner.namespace !== namespace()) return 'unknown'
  return owner.boot === bootId() && startOf(owner.pid) === owner.start ? 'alive' : 'gone'
}

/** Field 22 of /proc/PID/stat, proc(5); the second field may hold spaces and parentheses. */
export function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}

const namespace = (): string => readlinkSync('/proc/self/ns/pid')
