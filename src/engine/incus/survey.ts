import type { Survey } from '../contract.ts'
import { IncusFailure } from './errors.ts'
import { areaOf } from './names.ts'
import type { IncusInstance, IncusNetwork, IncusSite } from './site.ts'

export async function survey(site: IncusSite): Promise<Survey> {
  const { pool, outsideBridge, servicesBridge } = site.options
  const asked = Date.now()
  const storage = await site.client.get<{ readonly driver: string }>(`/1.0/storage-pools/${pool}`)
  const middle = (asked + Date.now()) / 2
  const [images, networks, resources] = await Promise.all([
    site.client.get<readonly Image[]>('/1.0/images?recursion=1'),
    site.client.get<readonly IncusNetwork[]>('/1.0/networks?recursion=1'),
    site.client.get<Resources>(`/1.0/storage-pools/${pool}/resources`),
  ])
  const bridges = new Set(networks.value.filter((each) => each.type === 'bridge').map((each) => each.name))
  const { total, used } = resources.value.space
  return {
    images: Object.fromEntries(
      images.value.flatMap((image) => image.aliases.map((alias) => [alias.name, image.fingerprint])),
    ),
    outside: bridges.has(outsideBridge),
    services_network: bridges.has(servicesBridge),
    without_dhcp: await withoutDhcp(site, networks.value),
    pool: { name: pool, driver: storage.value.driver, free_bytes: total - used, total_bytes: total },
    // A Date header is cut to the second: on average half a second has passed since.
    clock_ahead_ms: Math.round(Date.parse(storage.date) + 500 - middle),
  }
}

async function withoutDhcp(
  { client, options }: IncusSite,
  networks: readonly IncusNetwork[],
): Promise<NonNullable<Survey['without_dhcp']>> {
  const both = [
    ['outside', options.outsideBridge],
    ['services', options.servicesBridge],
  ] as const
  const silent = both.filter(([, name]) => networks.some((each) => each.name === name && givesNothing(each)))
  if (silent.length === 0) return []
  const all = await client.get<readonly IncusInstance[]>('/1.0/instances?recursion=1&all-projects=true')
  return Promise.all(
    silent.map(async ([network, name]) => {
      const state = await client.get<NetworkState>(`/1.0/networks/${name}/state`).catch((error: unknown) => {
        // Who may not see it does not know.
        if (error instanceof IncusFailure) return undefined
        throw error
      })
      return { network, alone: state !== undefined && isAlone(state.value, all.value) }
    }),
  )
}

/**
 * Whether nobody on a bridge could serve DHCP: it has no IPv4 address of the host, and nothing in it but legs of our own
 * appliances, which ask.
 */
export function isAlone({ addresses, bridge }: NetworkState, instances: readonly IncusInstance[]): boolean {
  if (bridge === null || (addresses ?? []).some((each) => each.family === 'inet')) return false
  const own = new Set(instances.flatMap(({ config }) => (areaOf(config) === undefined ? [] : hostNames(config))))
  return (bridge.upper_devices ?? []).every((port) => own.has(port))
}

/** Of the legs of a running instance, as Incus notes them. */
function hostNames(config: IncusInstance['config']): readonly string[] {
  return Object.entries(config).flatMap(([key, value]) => (/^volatile\..+\.host_name$/.test(key) ? [value] : []))
}

/** Nobody else can be asked: who gives addresses on a bridge that is not Incus' own, or behind its uplink, shows only by a lease. */
function givesNothing({ managed, config }: IncusNetwork): boolean {
  const none = (config['ipv4.address'] ?? 'none') === 'none' || config['ipv4.dhcp'] === 'false'
  return managed && none && (config['bridge.external_interfaces'] ?? '') === ''
}

/** What is read of Incus' `NetworkState`: `upper_devices` are the ports of the bridge. */
type NetworkState = {
  readonly addresses: readonly { readonly family: string }[] | null
  readonly bridge: { readonly upper_devices: readonly string[] | null } | null
}
type Image = { readonly fingerprint: string; readonly aliases: readonly { readonly name: string }[] }
type Resources = { readonly space: { readonly total: number; readonly used: number } }
