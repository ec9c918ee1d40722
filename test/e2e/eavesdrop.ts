import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { exec } from '../../lab/lab.ts'
import { netnsOf } from '../../lab/paths.ts'
import { readState } from '../../lab/state.ts'
import type { SiteName } from '../../lab/topology.ts'

/** What all interfaces of a site's kernel saw of the stacks, judged by whose interface it was and whose frame. */
export type Eavesdropper = {
  /** Frames on segments, by stack. */
  readonly seen: ReadonlyMap<string, number>
  /** Frames of one stack on a segment of another, as tcpdump tells them. */
  readonly strays: readonly string[]
  /** Frames with an inside address that left the site: on the WAN and on the management link. */
  readonly crossed: readonly string[]
  stop(): Promise<void>
  kill(): void
}

/**
 * One tcpdump on all interfaces, so that no bridge of a bubble that comes and goes is missed. Whose an interface and a MAC are is
 * asked of Incus all the time; a line is judged at the end, when that is known.
 */
export async function eavesdrop(site: SiteName): Promise<Eavesdropper> {
  const pid = (await readState())?.nodes[`${site}-edge`]?.pid
  const filter = 'net 10.10.0.0/16 or arp net 10.10.0.0/16'
  const child = spawn(
    'nsenter',
    [
      ...[`--root=/proc/${pid}/root`, `--net=${netnsOf(site)}`, '--'],
      ...['tcpdump', '-l', '-nn', '-e', '-q', '-t', '-s', '96', '-i', 'any', filter],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const lines = new Map<string, number>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const parts =
      /^(\S+) +(?:In|Out|B|M|P) +ifindex \d+ ([0-9a-f:]{17}) .*?(\d+\.\d+\.\d+\.\d+).*? (?:> |tell )(\d+\.\d+\.\d+\.\d+)/.exec(
        line,
      )
    const key = parts === null ? line : parts.slice(1).join(' ')
    lines.set(key, (lines.get(key) ?? 0) + 1)
  })
  await once(child.stderr, 'data')

  const interfaces = new Map<string, string>()
  const macs = new Map<string, string>()
  let asking = true
  const asked = (async () => {
    while (asking) {
      for (const { project, config, devices } of await listed(site)) {
        const stack = config['user.lifeboat.stack']
        if (stack === undefined) continue
        for (const [device, nic] of Object.entries(devices)) {
          // The legs outside share one network by intent.
          if (nic.type !== 'nic' || nic.network === undefined) continue
          const host = config[`volatile.${device}.host_name`]
          if (host !== undefined) interfaces.set(host, stack)
          interfaces.set(nic.network, stack)
          if (nic.hwaddr !== undefined) macs.set(nic.hwaddr, stack)
        }
        if (project === '') throw new Error('an instance without a project')
      }
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
  })()

  const seen = new Map<string, number>()
  const strays: string[] = []
  const crossed: string[] = []
  return {
    seen,
    strays,
    crossed,
    kill: () => void child.kill('SIGKILL'),
    stop: async () => {
      asking = false
      const ended = once(child, 'exit')
      child.kill('SIGINT')
      await Promise.all([ended, asked])
      for (const [line, count] of lines) {
        const [name = '', mac = ''] = line.split(' ')
        if (name === 'wan' || name === 'mgmt') crossed.push(line)
        const [place, sender] = [interfaces.get(name), macs.get(mac)]
        if (place === undefined || sender === undefined) continue
        seen.set(place, (seen.get(place) ?? 0) + count)
        if (place !== sender) strays.push(`${line}: ${sender} on ${place}`)
      }
    },
  }
}

type Listed = {
  readonly project: string
  readonly config: Readonly<Record<string, string>>
  readonly devices: Readonly<
    Record<string, { readonly type: string; readonly network?: string; readonly hwaddr?: string }>
  >
}

/** A site without power lists nothing. */
async function listed(site: SiteName): Promise<readonly Listed[]> {
  const ran = await exec(site, ['incus', 'query', '/1.0/instances?recursion=1&all-projects=true']).catch(
    () => undefined,
  )
  return ran === undefined || ran.exit !== 0 ? [] : (JSON.parse(ran.stdout) as readonly Listed[])
}
