import type { FakeInstance, FakeSite } from '../../src/engine/fake/site.ts'
import type { FakeWorld } from '../../src/engine/fake/world.ts'
import type { Outside } from '../../src/execute/world.ts'

/** Names in memory, and clients that get in where a name leads to a firewall that runs before a stack that is ready. */
export function tourOutside(world: FakeWorld): Outside {
  const { clock } = world
  const names = new Map<string, string>()
  const until = async (within_s: number, signal: AbortSignal, good: () => boolean, what: string) => {
    const end = clock.now().getTime() + within_s * 1000
    for (let tries = 1; ; tries++) {
      if (good()) return tries
      if (clock.now().getTime() > end) throw Object.assign(new Error(what), { name: 'OutsideError' })
      await clock.sleep(100, signal)
    }
  }
  return {
    setAddress: async (_site, name, _ttl, address) => void names.set(name, address),
    removeAddress: async (_site, name) => void names.delete(name),
    dropAddress: async (_site, name, address) => void (names.get(name) === address && names.delete(name)),
    mayUpdate: async (_site, name) => ({ name, says: 'good', what: '' }),
    resolves: async (_place, name, address, within_s, signal) => {
      await until(within_s, signal, () => names.get(name) === address, `${name} does not resolve to ${address}`)
    },
    routeServers: async () => [],
    routes: async () => [],
    goodAnswer: async (_place, check, within_s, signal) => {
      const address = () => names.get(new URL(check.url).hostname)
      const tries = await until(within_s, signal, () => answers(world, address()), `no good answer from ${check.url}`)
      return { at: clock.now().toISOString(), tries, address: address() ?? '', total_ms: 10 }
    },
    glance: async (_place, check) => {
      const address = names.get(new URL(check.url).hostname)
      const good = answers(world, address)
      return { good, address, total_ms: 10, why: good ? undefined : 'Connection timed out' }
    },
  }
}

function answers(world: FakeWorld, address: string | undefined): boolean {
  return world.siteNames.some((name) => {
    const site = world.site(name)
    if (!site.powered || address === undefined) return false
    return [...site.areas.values()].some(({ area, instances }) => {
      if (area.kind !== 'stack') return false
      const all = [...instances.values()]
      return (
        all.some((each) => holds(site, each, address)) &&
        all.every((each) => each.object.role === 'appliance' || site.isReady(each))
      )
    })
  })
}

function holds(site: FakeSite, instance: FakeInstance, address: string): boolean {
  const macs = instance.object.nics.flatMap((nic) => (nic.network === 'outside' ? [nic.mac] : []))
  const leased = macs.some((mac) => site.leases.get(`outside ${mac}`) === address)
  return leased && instance.power === 'running' && !instance.legsCut
}
