import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { exec } from '../../lab/lab.ts'
import { netnsOf } from '../../lab/paths.ts'
import { readState } from '../../lab/state.ts'
import type { SiteName } from '../../lab/topology.ts'

/** What all interfaces of a site's kernel saw, judged by whose interface it was and whose frame. */
export type Heard = {
  /** Frames on segments, by stack. */
  readonly seen: ReadonlyMap<string, number>
  /** Frames of one stack, or of nobody known, on a segment of another, as tcpdump tells them. */
  readonly strays: readonly string[]
  /** Frames of a segment on what leads out of the stack or of the site. */
  readonly escaped: readonly string[]
  /** Frames that the kernel could not hand over: with one of them no silence means anything. */
  readonly missed: number
}

export type Eavesdropper = {
  stop(): Promise<Heard>
  kill(): void
}

/** Whatever is no segment: cables to the other site and to those who manage this one, and the networks that all stacks share. */
const beyond = ['wan', 'mgmt', 'outside', 'edge', 'services', 'svc', 'ldap', 'billing']
/** Addresses of segments, in both examples. */
const inside = 'net 10.10.0.0/16 or arp net 10.10.0.0/16 or net fd00:10::/32'
const insideAddress = /\b(10\.10\.\d+\.\d+|fd00:10:[0-9a-f:]+)/

/**
 * One tcpdump on all interfaces, so that no bridge of a bubble that comes and goes is missed. Whose an interface and a MAC are is
 * asked of Incus all the time; a frame is judged at the end, when that is known. Left out is what the sites say to each other and
 * to those who manage them, unless it has an address of a segment.
 */
export async function eavesdrop(site: SiteName): Promise<Eavesdropper> {
  const pid = (await readState())?.nodes[`${site}-edge`]?.pid
  const child = spawn(
    'nsenter',
    [
      ...[`--root=/proc/${pid}/root`, `--net=${netnsOf(site)}`, '--'],
      ...['tcpdump', '-l', '-nn', '-e', '-q', '-t', '-s', '192', '-B', '65536', '-i', 'any'],
      `${inside} or not (net 172.16.0.0/12 or net 127.0.0.0/8)`,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const frames = new Map<string, Frames>()
  createInterface({ input: child.stdout }).on('line', (line) => count(frames, line))
  let said = ''
  child.stderr.on('data', (part: Buffer) => {
    said += part.toString()
  })
  await once(child.stderr, 'data')

  const known: Known = { segments: new Map(), macs: new Map() }
  let asking = true
  const asked = (async () => {
    while (asking) {
      for (const instance of await listed(site)) note(known, instance)
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
  })()

  return {
    kill: () => void child.kill('SIGKILL'),
    stop: async () => {
      asking = false
      const ended = once(child, 'close')
      child.kill('SIGINT')
      await Promise.all([ended, asked])
      const missed = Number(/(\d+) packets? dropped by kernel/.exec(said)?.[1] ?? Number.NaN)
      return { ...judge([...frames.values()], known), missed }
    },
  }
}

/** Frames that differ in nothing but their ports and lengths. */
type Frames = { readonly place: string; readonly mac: string; readonly text: string; count: number }

/** Whose an interface and a MAC are. */
type Known = { readonly segments: Map<string, string>; readonly macs: Map<string, Leg> }
type Leg = { readonly stack: string; readonly inside: boolean }

/** Legs by which a stack leaves, in a bubble too; there they have the MACs that they have on the networks of the site. */
const outer = ['outside', 'services']

function count(frames: Map<string, Frames>, line: string): void {
  const [, place = '', mac = '', text = line] =
    /^(\S+) +(?:In|Out|B|M|P) +ifindex \d+ ([0-9a-f:]{17}) (.*)$/.exec(line) ?? []
  const what = text.replaceAll(/, length \d+|\btcp \d+|\.\d+(?= >|: )/g, '')
  const key = `${place} ${mac} ${what}`
  const known = frames.get(key)
  if (known === undefined) frames.set(key, { place, mac, text: what, count: 1 })
  else known.count++
}

function note({ segments, macs }: Known, { config, devices }: Listed): void {
  const stack = config['user.lifeboat.stack']
  if (stack === undefined) return
  for (const [device, nic] of Object.entries(devices)) {
    // The legs outside share a network by intent.
    if (nic.type !== 'nic' || nic.network === undefined) continue
    const host = config[`volatile.${device}.host_name`]
    if (host !== undefined) segments.set(host, stack)
    segments.set(nic.network, stack)
    if (nic.hwaddr !== undefined) macs.set(nic.hwaddr, { stack, inside: !outer.includes(nic.name ?? device) })
  }
}

function judge(frames: readonly Frames[], { segments, macs }: Known): Omit<Heard, 'missed'> {
  const seen = new Map<string, number>()
  const strays: string[] = []
  const escaped: string[] = []
  for (const { place, mac, text, count } of frames) {
    const [segment, sender] = [segments.get(place), macs.get(mac)]
    const told = `${sender?.stack ?? 'nobody known'} (${mac}) on ${place}${segment === undefined ? '' : ` of ${segment}`}: ${text}`
    if (beyond.includes(place)) {
      if (sender?.inside === true || insideAddress.test(text)) escaped.push(told)
    } else if (segment !== undefined) {
      // A bridge has no address; what it says of its own neighbourhood it says by its own MAC.
      if (sender === undefined && !insideAddress.test(text)) continue
      seen.set(segment, (seen.get(segment) ?? 0) + count)
      if (sender?.stack !== segment) strays.push(told)
    }
  }
  return { seen, strays, escaped }
}

type Listed = {
  readonly config: Readonly<Record<string, string>>
  readonly devices: Readonly<
    Record<
      string,
      { readonly type: string; readonly name?: string; readonly network?: string; readonly hwaddr?: string }
    >
  >
}

/** A site without power lists nothing. */
async function listed(site: SiteName): Promise<readonly Listed[]> {
  const ran = await exec(site, ['incus', 'query', '/1.0/instances?recursion=1&all-projects=true']).catch(
    () => undefined,
  )
  return ran === undefined || ran.exit !== 0 ? [] : (JSON.parse(ran.stdout) as readonly Listed[])
}
