import { randomUUID } from 'node:crypto'
import type { InstanceRef } from '../../state/objects.ts'
import type { ExecResult } from '../contract.ts'
import { succeeded } from './client.ts'
import { consoleTail } from './guest.ts'
import { load, path } from './instances.ts'
import { place, projectOf, refuse } from './names.ts'
import { powerOf } from './observe.ts'
import type { IncusSite } from './site.ts'

const EXEC_SLICE_S = 10
const ATTACH_MS = 10_000
const ATTACH_WAIT_MS = 200
const TAIL_LINES = 6

/** Runs a command in a guest. One that was not begun is begun again, as long as there is somebody to attach to. */
export async function exec(
  site: IncusSite,
  ref: InstanceRef,
  argv: readonly string[],
  within_s: number,
): Promise<ExecResult> {
  for (const end = Date.now() + ATTACH_MS; ; ) {
    try {
      return await execOnce(site, ref, argv, within_s)
    } catch (thrown) {
      if (!notAttached.test(String(thrown))) throw thrown
      const power = powerOf((await load(site, ref)).value.status)
      if (power !== 'running' && power !== 'broken') throw await notRunning(site, ref)
      if (Date.now() > end) throw thrown
      await new Promise((resolve) => setTimeout(resolve, ATTACH_WAIT_MS))
    }
  }
}

/**
 * Incus attaches to the first process of a guest, and says this when there is none: not yet, not any more, or on a busy machine
 * for a moment. The command has not been begun (`forkexec` writes the PID of what it attached before that runs).
 */
const notAttached = /Failed to retrieve PID of executing child process|Instance is not running/

/** Who ended by itself has said why on its console. */
async function notRunning(site: IncusSite, ref: InstanceRef) {
  const tail = await consoleTail(site, ref, TAIL_LINES).catch(() => '')
  const said = tail === '' ? '' : `; the end of its console:\n${tail}`
  return refuse(site.options.site, 'rejected', `${place(ref)} is not running${said}`)
}

/** Output is recorded at the site and fetched: three round trips, where websockets would take four TLS handshakes. */
async function execOnce(
  site: IncusSite,
  ref: InstanceRef,
  argv: readonly string[],
  within_s: number,
): Promise<ExecResult> {
  await load(site, ref)
  const project = projectOf(ref.area)
  const run = randomUUID()
  const begin = (command: readonly string[], environment: Readonly<Record<string, string>>, record: boolean) =>
    site.client.begin(
      'POST',
      `${path(ref)}/exec`,
      { command, environment, 'record-output': record, 'wait-for-websocket': false, interactive: false },
      { project },
    )
  const ends = Date.now() + within_s * 1000
  let operation = await begin(argv, { [EXEC_MARK]: run }, true)
  while (operation.status_code < 200) {
    const left_s = Math.ceil((ends - Date.now()) / 1000)
    if (left_s <= 0) {
      // Incus cannot cancel such an operation: what carries our mark in its environment is killed in the guest.
      await begin(['/bin/sh', '-c', KILL_MARKED, 'sh', `${EXEC_MARK}=${run}`], {}, false).catch(() => undefined)
      throw refuse(site.options.site, 'timed-out', `${argv[0]} in ${place(ref)} was not done within ${within_s} s`)
    }
    operation = await site.client.wait(operation.id, Math.min(left_s, EXEC_SLICE_S))
  }
  const metadata = succeeded(operation).metadata as ExecMetadata | null
  const [stdout, stderr] = await Promise.all(
    ['1', '2'].map(async (stream) => {
      const log = metadata?.output?.[stream]
      if (log === undefined) return ''
      const text = await site.client.text(log, { project })
      await site.client.send('DELETE', log, undefined, { project }).catch(() => undefined)
      return text
    }),
  )
  return { exit: metadata?.return ?? -1, stdout: stdout ?? '', stderr: stderr ?? '' }
}

type ExecMetadata = { readonly return?: number; readonly output?: Readonly<Record<string, string>> }

const EXEC_MARK = 'LIFEBOAT_EXEC'
const KILL_MARKED = `for e in /proc/[0-9]*/environ; do
  if grep -qa "$1" "$e" 2>/dev/null; then p=\${e%/environ}; kill -9 "\${p#/proc/}"; fi
done`
