import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { labPaths } from '../../lab/lab.ts'
import { netnsOf } from '../../lab/paths.ts'
import { run } from '../../lab/run.ts'
import { readState } from '../../lab/state.ts'
import type { SiteName } from '../../lab/topology.ts'

export type Capture = {
  /** Ends it. Answers with the frames that match each filter; whoever asks for `all` can tell an empty capture from a quiet one. */
  stop(filters: Readonly<Record<string, string>>): Promise<Readonly<Record<string, readonly string[]>>>
  /** Ends it where it was not stopped. */
  kill(): void
}

/** tcpdump on a bridge or cable of a site, in full; what matches is looked for afterwards. */
export async function capture(site: SiteName, cable: string): Promise<Capture> {
  // The program is the lab's own, the network is the site's.
  const pid = (await readState())?.nodes[`${site}-edge`]?.pid
  const place = ['nsenter', `--mount=/proc/${pid}/ns/mnt`, `--root=/proc/${pid}/root`, `--net=${netnsOf(site)}`, '--']
  const file = join(labPaths.run, `capture-${site}-${cable}.pcap`)
  const to = openSync(file, 'w', 0o600)
  const tcpdump = ['tcpdump', '-i', cable, '-s', '128', '-U', '-w', '-']
  const child: ChildProcess = spawn('nsenter', [...place.slice(1), ...tcpdump], { stdio: ['ignore', to, 'pipe'] })
  closeSync(to)
  if (child.stderr !== null) await once(child.stderr, 'data')
  return {
    kill: () => void child.kill('SIGKILL'),
    stop: async (filters) => {
      const ended = once(child, 'exit')
      child.kill('SIGINT')
      await ended
      const found: Record<string, readonly string[]> = {}
      for (const [name, filter] of Object.entries(filters)) {
        const read = ['tcpdump', '-nn', '-e', '-r', '-', filter]
        const text = await run(['sh', '-c', '"$@" <"$0"', file, ...place, ...read])
        found[name] = text.split('\n').filter((line) => line !== '')
      }
      rmSync(file)
      return found
    },
  }
}
