import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { incusEnvironment } from './incus-server.ts'
import { enter, inNode } from './node.ts'
import { socketOf } from './paths.ts'
import type { ProcessId } from './processes.ts'
import { LabError, type Ran, type RunOptions } from './run.ts'
import { initOf, readState } from './state.ts'
import { isNode, isSite, nodeNames } from './topology.ts'

export type ExecOptions = RunOptions & {
  /** The command takes over this terminal; the answer then has no output. */
  readonly inherit?: boolean
}

/** Runs a command in a node to its end; its exit status is a result, not an error. */
export async function exec(node: string, argv: readonly string[], options: ExecOptions = {}): Promise<Ran> {
  if (options.inherit !== true) {
    const { init, before, env } = await place(node)
    return inNode(init, [...before, ...argv], { ...options, env: { ...env, ...options.env } })
  }
  const { argv: whole, env } = await commandIn(node, argv)
  const child = spawn(whole[0]!, whole.slice(1), { stdio: 'inherit', env: { ...process.env, ...env, ...options.env } })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) =>
      resolve({ exit: code ?? (signal === 'SIGINT' ? 130 : 143), stdout: '', stderr: '' }),
    )
  })
}

/** The same as a command line and environment, for a caller who starts it himself, such as a client that keeps running. */
export async function commandIn(
  node: string,
  argv: readonly string[],
): Promise<{ readonly argv: readonly string[]; readonly env: Readonly<Record<string, string>> }> {
  const { init, before, env } = await place(node)
  return { argv: [...enter(init), ...before, ...argv], env }
}

async function place(node: string): Promise<{
  readonly init: ProcessId
  readonly before: readonly string[]
  readonly env: Readonly<Record<string, string>>
}> {
  if (!isNode(node)) throw new LabError(`there is no node ${node}; the nodes are ${nodeNames.join(', ')}`)
  const state = await readState()
  if (state === undefined) throw new LabError('there is no lab: run `lifeboat lab up`')
  const init = initOf(state, node)
  if (!isSite(node))
    return { init, before: [], env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' } }
  if (!existsSync(socketOf(node))) throw new LabError(`site ${node} has no Incus; run \`lifeboat lab up\``)
  // A site has the machine's file system: the command starts in the directory of the caller.
  return { init, before: ['sh', '-c', 'cd "$0" 2>/dev/null; exec "$@"', process.cwd()], env: incusEnvironment(node) }
}
