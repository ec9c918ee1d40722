import type { Area, NetworkObject } from '../../state/objects.ts'
import { readClaim } from './claims.ts'
import { isStatus } from './errors.ts'
import {
  areaMarks,
  areaOf,
  bridgeOf,
  isMarked,
  networkMarks,
  networkOf,
  notOurs,
  projectOf,
  refuse,
  stackOf,
  withoutArea,
} from './names.ts'
import type { IncusInstance, IncusNetwork, IncusProject, IncusSite } from './site.ts'

/** Images are the site's; instances, volumes and profiles are the area's; bridges can only be in the default project. */
export const projectFeatures = {
  'features.images': 'false',
  'features.networks': 'false',
  'features.profiles': 'true',
  'features.storage.volumes': 'true',
  'features.storage.buckets': 'true',
} as const

export async function ensureArea(site: IncusSite, area: Area): Promise<void> {
  const name = projectOf(area)
  const found = await project(site, name)
  if (found === undefined) {
    try {
      return await site.client.send('POST', '/1.0/projects', {
        name,
        description: 'Lifeboat',
        config: { ...projectFeatures, ...areaMarks(area) },
      })
    } catch (thrown) {
      if ((await project(site, name)) === undefined) throw thrown
      return await ensureArea(site, area)
    }
  }
  if (isMarked(found.value.config, area)) return
  const claimOnly = area.kind === 'stack' && stackOf(found.value.config) === area.stack && !areaOf(found.value.config)
  if (!claimOnly) throw notOurs(`project ${name}`)
  await changeProject(site, found, { ...found.value.config, ...areaMarks(area) })
}

export async function removeArea(site: IncusSite, area: Area): Promise<void> {
  const name = projectOf(area)
  const found = await project(site, name)
  if (found === undefined || (area.kind === 'stack' && !areaOf(found.value.config))) return
  if (!isMarked(found.value.config, area)) throw notOurs(`project ${name}`)
  const [instances, networks] = await Promise.all([
    site.client.get<readonly IncusInstance[]>('/1.0/instances?recursion=1', { project: name }),
    networksOf(site, area),
  ])
  const left = [...instances.value.map((each) => each.name), ...networks.map((each) => `segment ${each.segment}`)]
  if (left.length > 0)
    throw refuse(site.options.site, 'conflict', `project ${name} still holds ${left.join(', ')}: remove them first`)
  // The claim lives in the same project and outlives the area.
  if (area.kind === 'stack' && (await readClaim(site, area.stack)) !== undefined)
    return await changeProject(site, found, withoutArea(found.value.config))
  await site.client.send('DELETE', `/1.0/projects/${name}`)
}

/** No address, no DHCP, no DNS, no NAT: whatever a segment needs, the stack's own appliances provide. */
export const segmentConfig = {
  'ipv4.address': 'none',
  'ipv6.address': 'none',
  'ipv4.firewall': 'false',
  'ipv6.firewall': 'false',
  'dns.mode': 'none',
} as const

export async function ensureNetwork(site: IncusSite, network: NetworkObject): Promise<void> {
  for (let attempt = 1, end = Date.now() + BRIDGE_MS; ; attempt++) {
    const there = await settledNetwork(site, network)
    if (there?.status === CREATED) return
    if (there !== undefined) await removeNetwork(site, network)
    try {
      await makeNetwork(site, network)
      return
    } catch (thrown) {
      // One that was not waited for long enough may get there by itself, or be left without its bridge for ever.
      const made = await settledNetwork(site, network)
      if (made?.status === CREATED) return
      if ((attempt >= BRIDGE_TRIES && Date.now() >= end) || (made === undefined && !otherInterfaceWent(thrown)))
        throw thrown
      await moment(attempt)
    }
  }
}

async function makeNetwork(site: IncusSite, network: NetworkObject): Promise<void> {
  await site.client.send('POST', '/1.0/networks', {
    name: bridgeOf(network),
    type: 'bridge',
    description: `Lifeboat: segment ${network.segment} of ${projectOf(network.area)}`,
    config: { ...segmentConfig, ...networkMarks(network) },
  })
}

/**
 * A network on its way has a moment to get there. Incus 6.0 leaves one `Pending` for ever, without its bridge, where the
 * client hung up while it was made: such a one is made again.
 */
async function settledNetwork(site: IncusSite, network: NetworkObject): Promise<IncusNetwork | undefined> {
  for (let look = 1; ; look++) {
    const found = await ownNetwork(site, network)
    if (found === undefined || found.status === CREATED || look === SETTLE_LOOKS) return found
    await new Promise((resolve) => setTimeout(resolve, SETTLE_WAIT_MS))
  }
}

const CREATED = 'Created'
const SETTLE_LOOKS = 10
const SETTLE_WAIT_MS = 200

export async function removeNetwork(site: IncusSite, network: NetworkObject): Promise<void> {
  await oneAtATime(site, async () => {
    for (let attempt = 1, end = Date.now() + BRIDGE_MS; ; attempt++) {
      if (!(await ownNetwork(site, network))) return
      try {
        await site.client.send('DELETE', `/1.0/networks/${bridgeOf(network)}`)
        return
      } catch (thrown) {
        if ((attempt >= BRIDGE_TRIES && Date.now() >= end) || !otherInterfaceWent(thrown)) throw thrown
        await moment(attempt)
      }
    }
  })
}

/**
 * Incus 6.0 looks at every interface of the machine while it makes or deletes a bridge, and fails when another one goes
 * meanwhile: of a machine that stops, of whatever stack, and as long as stacks stop. So many tries at least, and for so long.
 */
const BRIDGE_TRIES = 6
const BRIDGE_MS = 15_000
const moment = (attempt: number) => new Promise((resolve) => setTimeout(resolve, Math.min(50 * attempt, 500)))
const otherInterfaceWent = (thrown: unknown): boolean => /bridge children interfaces/.test(String(thrown))

const removals = new WeakMap<IncusSite, Promise<unknown>>()

function oneAtATime(site: IncusSite, work: () => Promise<void>): Promise<void> {
  const before = removals.get(site) ?? Promise.resolve()
  const mine = before.then(work, work)
  removals.set(site, mine)
  return mine
}

export async function networksOf(site: IncusSite, area: Area): Promise<readonly NetworkObject[]> {
  const { value } = await site.client.get<readonly IncusNetwork[]>('/1.0/networks?recursion=1')
  return value.flatMap((each) => (isMarked(each.config, area) ? (networkOf(each.config) ?? []) : []))
}

export type FoundProject = { readonly value: IncusProject; readonly etag: string }

export async function project(site: IncusSite, name: string): Promise<FoundProject | undefined> {
  try {
    return await site.client.get<IncusProject>(`/1.0/projects/${name}`)
  } catch (thrown) {
    if (isStatus(thrown, 404)) return undefined
    throw thrown
  }
}

/** PUT with the ETag: 412 when anything of the project changed since it was read. PATCH fails on a project in use. */
export async function changeProject(site: IncusSite, found: FoundProject, config: Record<string, string>) {
  await site.client.send(
    'PUT',
    `/1.0/projects/${found.value.name}`,
    { description: found.value.description, config },
    { headers: { 'if-match': found.etag } },
  )
}

async function ownNetwork(site: IncusSite, network: NetworkObject): Promise<IncusNetwork | undefined> {
  const name = bridgeOf(network)
  try {
    const { value } = await site.client.get<IncusNetwork>(`/1.0/networks/${name}`)
    if (!isMarked(value.config, network.area)) throw notOurs(`network ${name} (segment ${network.segment})`)
    return value
  } catch (thrown) {
    if (isStatus(thrown, 404)) return undefined
    throw thrown
  }
}
