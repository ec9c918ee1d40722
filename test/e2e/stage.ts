import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { eventually, lifeboat, prepareShop } from '../../lab/demo/story.ts'
import { exec, labPaths, slowWan, up } from '../../lab/lab.ts'
import type { Ran } from '../../lab/run.ts'
import { type SiteName, topology } from '../../lab/topology.ts'

/** What the end-to-end tests judge with: the sites as their own Incus tells, and commands inside machines. */
export const live = 'lb-shop'

/** The lab in its first state, without a shop; with the images of other examples where they are asked for. */
export async function emptyStage(...examples: readonly 'wiki'[]): Promise<{ readonly ca: string }> {
  await up({ examples })
  await slowWan(topology.wan_rate)
  const shop = await prepareShop()
  await removeShop()
  // What an earlier shop told its customers says nothing about the next.
  rmSync(join(labPaths.run, 'orders.jsonl'), { force: true })
  return shop
}

/**
 * How far a customer is behind the world at most: the TTL of the name, a lookup, and an order that waits for its answer
 * (examples/shop). What a report says and what the customers had may be apart by so much, and by no more.
 */
export const behind_ms = 2_000 + 1_000 + 2_000

export async function removeShop(stack = 'shop'): Promise<void> {
  const ran = await lifeboat(['destroy', stack, '--consent', stack])
  if (ran.exit === 0 || ran.stderr.includes('no site that answers knows a stack')) return
  throw new Error(`destroy ended with ${ran.exit}:\n${ran.stdout}${ran.stderr}`)
}

/** A command of the product that is ended by a signal, with all that it started; `kill` answers how it ended. */
export function startLifeboat(argv: readonly string[]): {
  ended(): boolean
  /** Waits until the world has come so far while it is at work; a command that ends before is an error with its words. */
  until(what: string, soFar: () => Promise<boolean>): Promise<void>
  kill(signal?: NodeJS.Signals): Promise<readonly unknown[]>
} {
  const program = join(import.meta.dirname, '../../lifeboat')
  // A group of its own, so that the signal goes to nobody else.
  const child = spawn(program, ['--sites', labPaths.sites, ...argv], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'exit')
  const said: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => said.push(part))
  return {
    ended: () => child.exitCode !== null,
    until: (what, soFar) =>
      eventually(what, async () => {
        // Asked first: what it waits for may be the last that the command does.
        if (await soFar()) return true
        if (child.exitCode === null) return false
        throw new Error(`${argv.join(' ')} ended with ${child.exitCode} before ${what}:\n${Buffer.concat(said)}`)
      }),
    kill: (signal = 'SIGKILL') => {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, signal)
      return ended
    },
  }
}

/** Runs a shell command inside a machine or an appliance; its exit status is a result. */
export function inside(site: SiteName, instance: string, script: string, project = live): Promise<Ran> {
  return exec(site, ['incus', 'exec', '--project', project, instance, '--', 'bash', '-c', script])
}

export async function incus(site: SiteName, ...argv: readonly string[]): Promise<string> {
  const ran = await exec(site, ['incus', ...argv], { limit_ms: 120_000 })
  if (ran.exit !== 0) throw new Error(`incus ${argv.join(' ')} at ${site} ended with ${ran.exit}: ${ran.stderr}`)
  return ran.stdout
}

export type Instance = {
  readonly name: string
  readonly project: string
  readonly status: string
  readonly last_used_at: string
  readonly config: Readonly<Record<string, string>>
  readonly state: {
    readonly network: Readonly<
      Record<
        string,
        {
          readonly hwaddr: string
          readonly addresses: readonly { readonly family: string; readonly scope: string; readonly address: string }[]
        }
      >
    > | null
  }
}

export async function instances(site: SiteName, project = live): Promise<readonly Instance[]> {
  return JSON.parse(await incus(site, 'list', '--project', project, '--format', 'json')) as readonly Instance[]
}

/** Addresses of an interface that are good beyond its link, as the kernel of the instance has them. */
export function addressesOf(instance: Instance, name: string, family: 'inet' | 'inet6' = 'inet'): readonly string[] {
  return (instance.state.network?.[name]?.addresses ?? [])
    .filter((each) => each.family === family && each.scope === 'global')
    .map((each) => each.address)
}

type Thing = {
  readonly name: string
  readonly project?: string
  readonly config?: Readonly<Record<string, string>>
  readonly used_by?: unknown
}

/** Every project, network, profile, instance and volume of a site, by kind, project and name. */
export async function everything(site: SiteName): Promise<ReadonlyMap<string, Thing>> {
  const found = new Map<string, Thing>()
  for (const kind of ['projects', 'networks', 'profiles', 'instances', 'storage-pools/default/volumes']) {
    const all = kind === 'projects' ? '' : '&all-projects=true'
    const list = JSON.parse(await incus(site, 'query', `/1.0/${kind}?recursion=1${all}`)) as readonly Thing[]
    // Who uses a thing is not the thing's own.
    for (const { used_by, ...each } of list) found.set(`${kind} ${each.project ?? ''} ${each.name}`, each)
  }
  return found
}

/** What carries Lifeboat's mark, or lies in a project of the shop. */
export async function marked(site: SiteName): Promise<readonly string[]> {
  return [...(await everything(site))]
    .filter(
      ([, thing]) =>
        Object.keys(thing.config ?? {}).some((key) => key.startsWith('user.lifeboat')) ||
        [live, `${live}-replica`, `${live}-keep`].includes(thing.project ?? ''),
    )
    .map(([key]) => key)
}

/** The claim as the site's Incus holds it: all versions of it, as text. */
export async function claimsAt(site: SiteName): Promise<string> {
  return incus(site, 'profile', 'list', '--project', live, '--format', 'json')
}

/** What the client gets by name through firewall and load balancer, with TLS verified: the HTTP status, `000` for none. */
export async function statusAtClient(path: string, family: 4 | 6 = 4): Promise<string> {
  const ran = await exec('client', [
    ...['curl', '--silent', '--output', '/dev/null', '--write-out', '%{http_code}', '--max-time', '5'],
    ...[`-${family}`, '--cacert', '/etc/lifeboat-lab/ca.crt', `https://shop.example.com${path}`],
  ])
  return ran.stdout.trim()
}

/** The addresses of the shop's name: at the client by its resolver, or by an authoritative server that is asked directly. */
export async function addressByName(server?: string, type: 'A' | 'AAAA' = 'A'): Promise<string> {
  const ran = await exec('client', [
    'dig',
    '+short',
    ...(server === undefined ? [] : [`@${server}`]),
    'shop.example.com',
    type,
  ])
  return ran.stdout.trim()
}

/** Bytes that east has sent to west. */
export async function sentOverWan(): Promise<number> {
  const { stdout } = await exec('east', ['ip', '-s', '-j', 'link', 'show', 'wan'])
  const [link] = JSON.parse(stdout) as readonly { readonly stats64: { readonly tx: { readonly bytes: number } } }[]
  return link?.stats64.tx.bytes ?? 0
}
