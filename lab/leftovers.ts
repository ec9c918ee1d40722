import { existsSync } from 'node:fs'
import { labDirectories } from './cgroups.ts'
import { labLoops, labMounts, labProcesses } from './clean-up.ts'
import { labPaths } from './paths.ts'
import { readProcess } from './processes.ts'

/**
 * Everything of the lab that still exists on this machine, one line each; empty after `lab down`. Namespaces and
 * interfaces live as long as a process or a mount holds them, and the lab makes none outside its namespaces.
 */
export async function leftovers(): Promise<readonly string[]> {
  const processes = (await labProcesses()).map(({ pid }) => `process ${pid} ${readProcess(pid)?.comm ?? ''}`)
  return [
    ...processes,
    ...labMounts().map((point) => `mount ${point}`),
    ...labLoops().map((device) => `loop device ${device}`),
    ...(await labDirectories()).map((directory) => `cgroup ${directory}`),
    ...[labPaths.run, labPaths.data, labPaths.lock].filter((path) => existsSync(path)).map((path) => `file ${path}`),
  ]
}
