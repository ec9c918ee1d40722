import type { Area, Observed, ObservedArea, ObservedInstance, Power } from '../../state/objects.ts'
import { areaLabel } from '../describe.ts'
import { instanceChanges, networkChanges } from './by-hand.ts'
import { readClaim } from './claims.ts'
import { areaOf, instanceOf, isMarked, networkOf, projectOf, stackOf } from './names.ts'
import type { IncusInstance, IncusNetwork, IncusProject, IncusSite } from './site.ts'

/** Two requests for the site, then two for each area and two for the claim, in parallel. */
export async function observe(site: IncusSite, stack: string, signal?: AbortSignal): Promise<Observed> {
  const call = signal === undefined ? {} : { signal }
  const at = new Date().toISOString()
  const [projects, networks] = await Promise.all([
    site.client.get<readonly IncusProject[]>('/1.0/projects?recursion=1', call),
    site.client.get<readonly IncusNetwork[]>('/1.0/networks?recursion=1', call),
  ])
  const own = projects.value.filter((each) => stackOf(each.config) === stack)
  const home = own.some((each) => each.name === projectOf({ kind: 'stack', stack }))
  const areas = own.flatMap((each) => areaOf(each.config) ?? [])
  const [claim, observed] = await Promise.all([
    home ? readClaim(site, stack) : undefined,
    Promise.all(areas.map((area) => observeArea(site, area, networks.value, call))),
  ])
  return { site: site.options.site, at, claim, areas: observed }
}

export async function stacks(site: IncusSite): Promise<readonly string[]> {
  const { value } = await site.client.get<readonly IncusProject[]>('/1.0/projects?recursion=1')
  return [...new Set(value.flatMap((each) => stackOf(each.config) ?? []))].sort()
}

/** State of an instance as Incus names it; `Error` also shows for a moment while one stops. */
export function powerOf(status: string): Power {
  switch (status) {
    case 'Running':
    case 'Ready':
    case 'Starting':
    case 'Thawed':
      return 'running'
    case 'Stopped':
      return 'stopped'
    case 'Frozen':
    case 'Freezing':
      return 'paused'
    default:
      return 'broken'
  }
}

async function observeArea(
  site: IncusSite,
  area: Area,
  networks: readonly IncusNetwork[],
  call: { readonly signal?: AbortSignal },
): Promise<ObservedArea> {
  const project = projectOf(area)
  // `recursion=2` would bring the snapshots, but also asks every guest for its memory, disks and addresses.
  const [instances, volumes] = await Promise.all([
    site.client.get<readonly IncusInstance[]>('/1.0/instances?recursion=1', { ...call, project }),
    site.client.get<readonly string[]>(`/1.0/storage-pools/${site.options.pool}/volumes/container`, {
      ...call,
      project,
    }),
  ])
  const snapshots = snapshotsIn(volumes.value)
  return {
    area,
    networks: networks.flatMap((each) => {
      const network = isMarked(each.config, area) ? networkOf(each.config) : undefined
      if (network === undefined) return []
      return each.status === 'Created' ? [network] : [{ ...network, half_made: true as const }]
    }),
    instances: instances.value.flatMap((each) => observeInstance(site, area, each, snapshots.get(each.name) ?? [])),
    ...(area.kind === 'stack' ? { changed_networks: networkChanges(area, networks) } : {}),
  }
}

function observeInstance(
  site: IncusSite,
  area: Area,
  instance: IncusInstance,
  snapshots: readonly string[],
): ObservedInstance[] {
  const object = instanceOf(instance.name, instance.config)
  if (object === undefined || areaLabel(object.area) !== areaLabel(area)) return []
  const started = Date.parse(instance.last_used_at)
  return [
    {
      object,
      power: powerOf(instance.status),
      snapshots,
      started_at: Number.isNaN(started) || started <= 0 ? undefined : new Date(started).toISOString(),
      ...(isHalfMade(instance) ? { half_made: true as const } : {}),
      ...(isMade(area) ? { by_hand: instanceChanges(site, object, instance) } : {}),
      ...(instance.config[MADE_FROM] === undefined ? {} : { made_from: instance.config[MADE_FROM] }),
    },
  ]
}

/**
 * Incus lists an instance before it has its data, and a daemon that is killed in between leaves it so. When the data are there
 * it notes `volatile.apply_template` for the first start, the last thing that a creation does in the storage
 * (`DeferTemplateApply` in its `storage/backend.go`). To mount such an instance, as starting it does, makes an empty
 * directory in place of its volume, which Incus cannot delete any more.
 */
export function isHalfMade(instance: IncusInstance): boolean {
  const started = Date.parse(instance.last_used_at)
  const never = Number.isNaN(started) || started <= 0
  return never && powerOf(instance.status) === 'stopped' && instance.config['volatile.apply_template'] === undefined
}
/** Instances of other areas are copies, and have what was there. */
const isMade = (area: Area): boolean => area.kind === 'stack' || area.kind === 'replica'

/** Incus keeps it over copies and renames. */
const MADE_FROM = 'volatile.base_image'

/** From `/1.0/storage-pools/P/volumes/container/db1/snapshots/p1?project=X`; names of points sort by time. */
function snapshotsIn(volumes: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  for (const volume of volumes) {
    const parts = (volume.split('?')[0] ?? '').split('/').map(decodeURIComponent)
    const [instance, snapshot] = [parts[6], parts[8]]
    if (instance !== undefined && snapshot !== undefined)
      found.set(instance, [...(found.get(instance) ?? []), snapshot])
  }
  for (const names of found.values()) names.sort()
  return found
}
