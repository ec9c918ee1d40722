import type { Survey } from '../contract.ts'
import type { IncusNetwork, IncusSite } from './site.ts'

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
    without_dhcp: (['outside', 'services'] as const).filter((which) => {
      const name = which === 'outside' ? outsideBridge : servicesBridge
      return networks.value.some((each) => each.name === name && givesNothing(each))
    }),
    pool: { name: pool, driver: storage.value.driver, free_bytes: total - used, total_bytes: total },
    // A Date header is cut to the second: on average half a second has passed since.
    clock_ahead_ms: Math.round(Date.parse(storage.date) + 500 - middle),
  }
}

/** Nobody else can be asked: who gives addresses on a bridge that is not Incus' own, or behind its uplink, shows only by a lease. */
function givesNothing({ managed, config }: IncusNetwork): boolean {
  const none = (config['ipv4.address'] ?? 'none') === 'none' || config['ipv4.dhcp'] === 'false'
  return managed && none && (config['bridge.external_interfaces'] ?? '') === ''
}

type Image = { readonly fingerprint: string; readonly aliases: readonly { readonly name: string }[] }
type Resources = { readonly space: { readonly total: number; readonly used: number } }
