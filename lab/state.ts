import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { labPaths } from './paths.ts'
import { isAlive, type ProcessId, processId } from './processes.ts'
import { LabError, until } from './run.ts'
import type { NodeName, SiteName } from './topology.ts'

/** What the lab has to remember between two commands; the rest is read from the machine. */
export type LabState = {
  readonly labNodeRootfs: string
  /** First process of each node. */
  readonly nodes: Readonly<Partial<Record<NodeName, ProcessId>>>
  readonly addresses: Readonly<Record<string, readonly string[]>>
  /** File names of the images that the sites hold, by alias: they carry the digest of their recipe. */
  readonly images: Readonly<Record<string, string>>
  readonly wan: { readonly cut: boolean; readonly rate: string }
  readonly killed: readonly SiteName[]
}

export async function readState(): Promise<LabState | undefined> {
  try {
    return JSON.parse(await readFile(labPaths.state, 'utf8')) as LabState
  } catch {
    // Absent, or torn by a power cut of the machine: `up` makes it anew and `down` finds what is there without it.
    return undefined
  }
}

export async function writeState(state: LabState): Promise<void> {
  await mkdir(labPaths.run, { recursive: true, mode: 0o700 })
  await writeFile(`${labPaths.state}.new`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 })
  await rename(`${labPaths.state}.new`, labPaths.state)
}

/** The first process of a node; fails with what to do when it is not running. */
export function initOf(state: LabState, node: NodeName): ProcessId {
  const init = state.nodes[node]
  if (init !== undefined && isAlive(init)) return init
  if (state.killed.some((site) => site === node)) {
    throw new LabError(`site ${node} has been killed; bring it back with \`lifeboat lab return ${node}\``)
  }
  throw new LabError(`node ${node} is not running; run \`lifeboat lab up\``)
}

/** One command changes the lab at a time; a lock whose process is gone is taken over. Waits up to `limit_ms`. */
export async function withLock<T>(work: () => Promise<T>, limit_ms = 300_000): Promise<T> {
  const own = JSON.stringify(processId(process.pid))
  await until(
    `the lock ${labPaths.lock} becomes free`,
    limit_ms,
    async () => {
      try {
        await writeFile(labPaths.lock, own, { flag: 'wx', mode: 0o600 })
        return true
      } catch {
        const text = await readFile(labPaths.lock, 'utf8').catch(() => '')
        const holder = parseHolder(text)
        if (holder !== undefined && isAlive(holder)) throw new LabError(`held by process ${holder.pid}`)
        // Empty for a moment while its owner writes it: look again before taking it away.
        if (holder === undefined) await new Promise((resolve) => setTimeout(resolve, 200))
        if ((await readFile(labPaths.lock, 'utf8').catch(() => '')) === text) await rm(labPaths.lock, { force: true })
        return undefined
      }
    },
    100,
  )
  try {
    return await work()
  } finally {
    await rm(labPaths.lock, { force: true })
  }
}

function parseHolder(text: string): ProcessId | undefined {
  try {
    return JSON.parse(text) as ProcessId
  } catch {
    return undefined
  }
}
