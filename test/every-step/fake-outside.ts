import type { FakeWorld } from '../../src/engine/fake/world.ts'
import type { Outside } from '../../src/execute/world.ts'

/** Names in memory, and a client that gets in where the name leads to a firewall that runs before a stack that is ready. */
export function fakeOutside(world: FakeWorld, dns: Map<string, string>): Outside {
  const { clock } = world
  const until = async (within_s: number, signal: AbortSignal, good: () => boolean, what: string) => {
    const end = clock.now().getTime() + within_s * 1000
    let tries = 0
    for (;;) {
      tries++
      if (good()) return tries
      if (clock.now().getTime() > end) throw Object.assign(new Error(what), { name: 'OutsideError' })
      await clock.sleep(100, signal)
    }
  }
  return {
    setAddress: async (_site, name, _ttl, address) => void dns.set(name, address),
    removeAddress: async (_site, name) => void dns.delete(name),
    dropAddress: async (_site, name, address) => void (dns.get(name) === address && dns.delete(name)),
    mayUpdate: async (_site, name) => ({ name, says: 'good', what: '' }),
    resolves: async (_place, name, address, within_s, signal) => {
      await until(within_s, signal, () => dns.get(name) === address, `${name} does not resolve to ${address}`)
    },
    routeServers: async () => [],
    routes: async (site, prefix) => [{ place: `rs of ${site}`, via: nextHops(world, site, prefix), error: undefined }],
    goodAnswer: async (_place, check, within_s, signal) => {
      const address = () => dns.get(new URL(check.url).hostname)
      const tries = await until(
        within_s,
        signal,
        () => answers(world, leaseBehind(world, address())),
        `no good answer from ${check.url}`,
      )
      return { at: clock.now().toISOString(), tries, address: address() ?? '', total_ms: 10 }
    },
    glance: async (_place, check) => {
      const address = dns.get(new URL(check.url).hostname)
      const good = answers(world, leaseBehind(world, address))
      return { good, address, total_ms: 10, why: good ? undefined : 'connection refused' }
    },
  }
}

/** The route server of a site believes every firewall that runs, is connected and was not told to withdraw. */
function nextHops(world: FakeWorld, name: string, prefix: string): readonly string[] {
  const site = world.site(name)
  if (!site.powered) return []
  return [...site.areas.values()].flatMap(({ area, instances }) =>
    area.kind !== 'stack'
      ? []
      : [...instances.values()].flatMap((each) => {
          const conf = each.files.get('/etc/lifeboat/announce.conf')?.content.toString() ?? ''
          const announces =
            conf.includes(`${prefix} `) && each.files.get('/run/lifeboat/withdrawn')?.content.toString() !== 'withdraw'
          const mac = each.object.nics.find((nic) => nic.network === 'outside')?.mac
          const lease = site.leases.get(`outside ${mac}`)
          return announces && each.power === 'running' && !each.legsCut && lease !== undefined ? [lease] : []
        }),
  )
}

/** An address of the stack's own leads to whom the route servers lead to. */
function leaseBehind(world: FakeWorld, address: string | undefined): string | undefined {
  if (address?.startsWith('203.0.113.') !== true) return address
  return world.siteNames.flatMap((name) => nextHops(world, name, '203.0.113.0/24'))[0]
}

function answers(world: FakeWorld, address: string | undefined): boolean {
  if (address === undefined) return false
  return world.siteNames.some((name) => {
    const site = world.site(name)
    if (!site.powered || ![...site.leases.values()].some((lease) => lease === address)) return false
    const running = [...([...site.areas.values()].find((area) => area.area.kind === 'stack')?.instances.values() ?? [])]
    const firewall = running.find((instance) => instance.object.name === 'fw')
    return (
      firewall?.power === 'running' &&
      !firewall.legsCut &&
      running.every((each) => each.object.role === 'appliance' || site.isReady(each))
    )
  })
}
