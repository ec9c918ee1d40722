import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { basename } from 'node:path'
import { cleanUp } from './clean-up.ts'
import { ensureImages } from './images/images.ts'
import {
  ensureIncusd,
  importImage,
  incusEnvironment,
  killIncusd,
  list,
  type SiteImage,
  seedIncus,
} from './incus-server.ts'
import { ensureNetwork, removeStrayInterfaces, setLinks, shapeWan, siteCables } from './network.ts'
import { enter, inNode, killNode, startNode } from './node.ts'
import { labPaths, socketOf } from './paths.ts'
import { ensurePki, publishServerCertificate } from './pki.ts'
import { commandLine, isAlive, type Process, type ProcessId, processesBeside } from './processes.ts'
import { LabError, type Ran, type RunOptions } from './run.ts'
import { ensureService } from './services.ts'
import { writeSitesFile } from './sites-file.ts'
import { initOf, type LabState, readState, withLock, writeState } from './state.ts'
import {
  isNode,
  isSite,
  type LinkEnd,
  type NodeName,
  nodeNames,
  type SiteName,
  siteNames,
  topology,
} from './topology.ts'

export { labPaths } from './paths.ts'

export type UpOptions = { readonly log?: (line: string) => void }

/** Makes the whole lab, or what is missing of it: also brings back what was killed, heals the WAN, restarts daemons. */
export function up(options: UpOptions = {}): Promise<LabState> {
  const log = options.log ?? (() => {})
  return withLock(async () => {
    needRoot()
    const images = await ensureImages(log)
    const before = await readState()
    log('network: namespaces, cables, addresses')
    for (const directory of [labPaths.run, labPaths.nodes, labPaths.logs])
      await mkdir(directory, { recursive: true, mode: 0o700 })
    await mkdir(labPaths.data, { recursive: true, mode: 0o711 })
    await Promise.all([ensureNetwork(), ensurePki()])
    await shapeWan(before?.wan.rate ?? topology.wan_rate)

    log(`nodes: ${nodeNames.join(', ')}`)
    const nodes = Object.fromEntries(
      await Promise.all(
        nodeNames.map(async (node) => [node, await ensureNode(node, before, images.labNodeRootfs)] as const),
      ),
    ) as Record<NodeName, ProcessId>
    for (const site of siteNames) await setLinks(site, siteCables, 'up')
    const state: LabState = {
      labNodeRootfs: images.labNodeRootfs,
      nodes,
      addresses: addressesByNode(),
      images: before?.images ?? {},
      wan: { cut: false, rate: before?.wan.rate ?? topology.wan_rate },
      killed: [],
    }
    await writeState(state)

    log('services: DNS, DHCP, LDAP, billing; Incus at both sites')
    await allOf([
      ...nodeNames.map((node) => ensureService(node, nodes[node])),
      ...siteNames.map((site) => ensureSite(site, nodes[site], state, images.incusImages, log)),
    ])
    await writeSitesFile()
    const complete = {
      ...state,
      images: Object.fromEntries(images.incusImages.map(({ alias, rootfs }) => [alias, basename(rootfs)])),
    }
    await writeState(complete)
    return complete
  })
}

/** Removes everything of the lab, whatever state it is in. What it leaves is the cache of built images. */
export function down(): Promise<void> {
  return withLock(async () => {
    needRoot()
    await cleanUp()
  })
}

export type NodeStatus = {
  readonly node: NodeName
  readonly kind: 'host' | 'router' | 'site'
  readonly running: boolean
  readonly addresses: readonly string[]
  readonly daemons: readonly string[]
}

export type LabStatus = {
  readonly up: boolean
  readonly wan: { readonly cut: boolean; readonly rate: string }
  readonly killed: readonly SiteName[]
  readonly nodes: readonly NodeStatus[]
}

/** What runs now, read from the machine. */
export async function status(): Promise<LabStatus> {
  const state = await readState()
  const addresses = addressesByNode()
  const nodes = nodeNames.map((node): NodeStatus => {
    const init = state?.nodes[node]
    const running = init !== undefined && isAlive(init)
    const kind = topology.nodes[node].kind
    const daemons = running ? processesBeside(init).filter((process) => isDaemon(process, init)) : []
    return {
      node,
      kind,
      running,
      addresses: addresses[node] ?? [],
      daemons: [...new Set(daemons.map(({ comm }) => comm))].toSorted(),
    }
  })
  return {
    up: nodes.every(({ running }) => running),
    wan: state?.wan ?? { cut: false, rate: topology.wan_rate },
    killed: state?.killed ?? [],
    nodes,
  }
}

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

export function cutWan(): Promise<void> {
  return change(async (state) => {
    await Promise.all(siteNames.map((site) => setLinks(site, ['wan'], 'down')))
    return { ...state, wan: { ...state.wan, cut: true } }
  })
}

export function healWan(): Promise<void> {
  return change(async (state) => {
    // The end at a site without power stays down until the site returns.
    await Promise.all(
      siteNames.filter((site) => !state.killed.includes(site)).map((site) => setLinks(site, ['wan'], 'up')),
    )
    return { ...state, wan: { ...state.wan, cut: false } }
  })
}

/** Shapes the WAN, both directions. `rate` as tc(8) takes it: `300mbit`. */
export function slowWan(rate: string): Promise<void> {
  return change(async (state) => {
    await shapeWan(rate)
    return { ...state, wan: { ...state.wan, rate } }
  })
}

/** A power cut at a site: daemon, containers and links are gone at once. Answers when the kernel has ended all of it. */
export function killSite(site: SiteName): Promise<void> {
  return change(async (state) => {
    if (state.killed.includes(site)) return state
    const init = initOf(state, site)
    await Promise.all([setLinks(site, siteCables, 'down'), killNode(site, init)])
    await removeStrayInterfaces(site)
    return { ...state, killed: [...state.killed, site] }
  })
}

/** Power is back: links come up and incusd starts on what is on the disk. Containers stay stopped. */
export function returnSite(site: SiteName): Promise<void> {
  return change(async (state) => {
    const before = { ...state, killed: state.killed.filter((killed) => killed !== site) }
    const init = await ensureNode(site, before, state.labNodeRootfs)
    await setLinks(
      site,
      siteCables.filter((cable) => cable !== 'wan' || !state.wan.cut),
      'up',
    )
    await ensureIncusd(site, init)
    return { ...before, nodes: { ...before.nodes, [site]: init } }
  })
}

/** Ends the incusd of a site alone; its containers go on running and its links stay up. */
export function killDaemon(site: SiteName): Promise<void> {
  return change(async (state) => {
    await killIncusd(site, initOf(state, site))
    return state
  })
}

export function returnDaemon(site: SiteName): Promise<void> {
  return change(async (state) => {
    await ensureIncusd(site, initOf(state, site))
    return state
  })
}

/** Not the waiting of the first process itself, and not the monitors of containers, which look like the daemon. */
function isDaemon({ pid, parent, comm }: Process, init: ProcessId): boolean {
  return parent === init.pid && comm !== 'sleep' && !(commandLine(pid)[0] ?? '').startsWith('[lxc monitor]')
}

async function ensureNode(node: NodeName, before: LabState | undefined, labNodeRootfs: string): Promise<ProcessId> {
  const init = before?.nodes[node]
  if (init !== undefined && isAlive(init)) {
    // An image that is no longer wanted is removed from the cache, and with it the root of the nodes made from it.
    if (existsSync(`/proc/${init.pid}/root/usr/bin/env`)) return init
    await killNode(node, init)
  }
  return startNode(node, labNodeRootfs)
}

async function ensureSite(
  site: SiteName,
  init: ProcessId,
  state: LabState,
  images: readonly SiteImage[],
  log: (line: string) => void,
): Promise<void> {
  await ensureIncusd(site, init)
  await publishServerCertificate(site)
  await seedIncus(site)
  const present = await list(site, '/1.0/images/aliases')
  for (const image of images) {
    const same = state.images[image.alias] === basename(image.rootfs)
    if (same && present.includes(`/1.0/images/aliases/${image.alias}`)) continue
    await importImage(site, image)
    log(`site ${site}: image ${image.alias}`)
  }
}

/** Waits for all, also after one has failed: the lock is held as long as anything is at work. */
async function allOf(work: readonly Promise<void>[]): Promise<void> {
  for (const done of await Promise.allSettled(work)) if (done.status === 'rejected') throw done.reason
}

async function change(work: (state: LabState) => Promise<LabState>): Promise<void> {
  await withLock(async () => {
    needRoot()
    const state = await readState()
    if (state === undefined) throw new LabError('there is no lab: run `lifeboat lab up`')
    await writeState(await work(state))
  })
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

function addressesByNode(): Readonly<Record<string, readonly string[]>> {
  const ends: readonly { readonly node: string; readonly address?: string }[] = [
    ...topology.bridges,
    ...topology.links.flatMap((link): readonly LinkEnd[] => link.ends),
  ]
  return Object.fromEntries(
    nodeNames.map((node) => [
      node,
      ends.flatMap((end) => (end.node === node && end.address !== undefined ? [end.address] : [])),
    ]),
  )
}

function needRoot(): void {
  if (process.getuid?.() !== 0) throw new LabError('the lab makes network namespaces and mounts: run it as root')
}
