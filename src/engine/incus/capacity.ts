import type { Area, Capacity, InstanceRef } from '../../state/objects.ts'
import { isStatus } from './errors.ts'
import { instanceOf, projectOf } from './names.ts'
import type { IncusInstance, IncusSite } from './site.ts'

/** Incus looks at all of its hardware for the first request, and into every guest for the second: not for a hurry. */
export async function capacity(site: IncusSite, stack: string): Promise<Capacity> {
  const area: Area = { kind: 'stack', stack }
  const [resources, instances] = await Promise.all([
    site.client.get<Resources>('/1.0/resources'),
    site.client
      .get<readonly WithState[]>('/1.0/instances?recursion=2', { project: projectOf(area) })
      .catch((error: unknown) => {
        // A site that has nothing of the stack has no project for it.
        if (isStatus(error, 404) || isStatus(error, 403)) return { value: [] as readonly WithState[] }
        throw error
      }),
  ])
  const { memory, cpu, load } = resources.value
  return {
    memory: { total_bytes: memory.total, free_bytes: Math.max(0, memory.total - memory.used) },
    cpus: cpu.total,
    load: load?.Average1Min,
    instances: instances.value.flatMap((each) =>
      instanceOf(each.name, each.config) === undefined || each.status !== 'Running'
        ? []
        : // Without a memory controller Incus says 0, which no running machine takes.
          [{ name: each.name, memory_bytes: each.state?.memory?.usage || undefined }],
    ),
  }
}

/** What the volume of an instance takes, where Incus can tell: on btrfs only with quotas on (off by default). */
export async function spaceOf(
  site: IncusSite,
  instances: readonly InstanceRef[],
): Promise<readonly (number | undefined)[]> {
  return Promise.all(
    instances.map(async ({ area, name }) => {
      const path = `/1.0/storage-pools/${site.options.pool}/volumes/container/${encodeURIComponent(name)}/state`
      try {
        const { value } = await site.client.get<VolumeState>(path, { project: projectOf(area) })
        return value.usage?.used || undefined
      } catch (error) {
        if (isStatus(error, 404)) return undefined
        throw error
      }
    }),
  )
}

/** The parts of Incus' answers that are read (its `shared/api/resource.go`, `storage_pool_volume_state.go`). */
type Resources = {
  readonly memory: { readonly used: number; readonly total: number }
  readonly cpu: { readonly total: number }
  readonly load?: { readonly Average1Min: number }
}
type WithState = IncusInstance & { readonly state?: { readonly memory?: { readonly usage: number } | null } | null }
type VolumeState = { readonly usage: { readonly used: number } | null }
