import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { cleanUp } from './clean-up.ts'
import { type Example, ensureImages } from './images/images.ts'
import { ensureIncusd, importImage, killIncusd, list, type SiteImage, seedIncus } from './incus-server.ts'
import { ensureInotify } from './kernel.ts'
import { ensureNetwork, removeStrayInterfaces, setLinks, shapeWan, siteCables } from './network.ts'
import { killNode, putFile, startNode } from './node.ts'
import { labPaths } from './paths.ts'
import { ensurePki, publishServerCertificate } from './pki.ts'
import { isAlive, type ProcessId } from './processes.ts'
import { LabError } from './run.ts'
import { ensureService, killService, signalService } from './services.ts'
import { clientsCa, writeSitesFile } from './sites-file.ts'
import { initOf, type LabState, readState, withLock, writeState } from './state.ts'
import { addressesByNode } from './status.ts'
import { type NodeName, nodeNames, type SiteName, siteNames, topology } from './topology.ts'

export { memberFiles } from './cgroups.ts'
export { commandIn, exec } from './exec.ts'
export { labPaths } from './paths.ts'
export { type LabStatus, status } from './status.ts'

export type UpOptions = {
  readonly log?: (line: string) => void
  /** Examples beside the shop whose images are wanted at the sites. */
  readonly examples?: readonly Example[]
}

/** Makes the whole lab, or what is missing of it: also brings back what was killed, heals the WAN, restarts daemons. */
export function up(options: UpOptions = {}): Promise<LabState> {
  const log = options.log ?? (() => {})
  return withLock(async () => {
    needRoot()
    const images = await ensureImages(log, options.examples)
    const before = await readState()
    log('network: namespaces, cables, addresses')
    for (const directory of [labPaths.run, labPaths.nodes, labPaths.logs])
      await mkdir(directory, { recursive: true, mode: 0o700 })
    await mkdir(labPaths.data, { recursive: true, mode: 0o711 })
    await Promise.all([ensureNetwork(), ensurePki(), ensureInotify(log)])
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

    log('services: DNS, DHCP, BGP, LDAP, billing; Incus at both sites')
    // The route servers are configured by what the site file says.
    await writeSitesFile(nodes)
    await allOf([
      ...nodeNames.map((node) => ensureService(node, nodes[node])),
      ...siteNames.map((site) => ensureSite(site, nodes[site], state, images.incusImages, log)),
    ])
    const complete = {
      ...state,
      images: {
        ...before?.images,
        ...Object.fromEntries(images.incusImages.map(({ alias, rootfs }) => [alias, basename(rootfs)])),
      },
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

/** Makes the client trust these CAs and no others, as a company's clients trust the company's. */
export async function trust(...certificates: readonly string[]): Promise<void> {
  const state = await readState()
  if (state === undefined) throw new LabError('the lab is not up: run `lifeboat lab up`')
  const texts = await Promise.all(certificates.map((each) => readFile(each, 'utf8')))
  await putFile(initOf(state, 'client'), clientsCa, texts.join(''))
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

/** Ends the DHCP, DNS, LDAP or database server of a node; its address and its links stay. */
export function killServer(node: NodeName): Promise<void> {
  return change(async (state) => {
    await killService(node, initOf(state, node))
    return state
  })
}

export function returnServer(node: NodeName): Promise<void> {
  return change(async (state) => {
    await ensureService(node, initOf(state, node))
    return state
  })
}

/** SIGSTOP makes a server silent while its port stays open, SIGCONT ends that, SIGHUP has it read its configuration. */
export function signalServer(node: NodeName, signal: 'SIGSTOP' | 'SIGCONT' | 'SIGHUP'): Promise<void> {
  return change(async (state) => {
    signalService(initOf(state, node), signal)
    return state
  })
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

function needRoot(): void {
  if (process.getuid?.() !== 0) throw new LabError('the lab makes network namespaces and mounts: run it as root')
}
