import { type FakeWorld, fakeWorld } from '../../src/engine/fake/world.ts'
import { retry } from '../../src/engine/wrap/retry.ts'
import { virtualClock } from '../../src/lib/clock.ts'
import type { Lifeboat } from '../../src/lifeboat.ts'
import type { SiteBgp, Sites } from '../../src/state/sites.ts'
import type { Store } from '../../src/store/store.ts'
import { goodBubble } from '../../test/every-step/drill-guests.ts'
import { liveCounts } from './counts.ts'
import { tourOutside } from './outside.ts'
import { names } from './stacks.ts'

/** Two sites in memory, and a controller over them that keeps its journals in memory. */
export function tourWorld(start: Date): { readonly world: FakeWorld; readonly lifeboat: Lifeboat } {
  const world = fakeWorld({
    clock: virtualClock(start),
    images: ['lifeboat-appliance', ...names.flatMap((name) => [`${name}-web`, `${name}-app`, `${name}-db`])],
  })
  for (const site of world.siteNames) {
    world.site(site).total_bytes = 200_000_000_000
    world.site(site).onExec(goodBubble)
    world.site(site).onExec(liveCounts)
  }
  const lifeboat: Lifeboat = {
    sites,
    engines: new Map(world.siteNames.map((name) => [name, retry(world.engine(name), { clock: world.clock })])),
    outside: tourOutside(world),
    store: memoryStore(),
    clock: world.clock,
    by: 'controller@east',
    processes: { self: { host: 'tour', boot: 'tour', namespace: 'tour', pid: 1, start: '0' }, lives: () => 'alive' },
  }
  return { world, lifeboat }
}

const dns = {
  server: '192.0.2.54',
  port: 53,
  zone: 'example.com',
  key: { name: 'lifeboat', algorithm: 'hmac-sha256' as const, file: 'tsig.key' },
}

/** The same addresses at both sites, as it should be. */
const bgp: SiteBgp = {
  as: 65_000,
  local_as: 65_100,
  route_servers: ['10.255.0.1', '10.255.0.2'],
  hops: 2,
  password_file: undefined,
  firewalls: ['198.51.100.0/24'],
  announce: ['203.0.113.0/24'],
  max_length: 28,
  max_length6: 48,
  max_prefixes: 8,
  hold_s: 6,
  looking_glasses: [],
}

const sites: Sites = {
  management: undefined,
  state: undefined,
  sites: ['east', 'west'].map((name, index) => ({
    name,
    engine: { by: 'socket' as const, path: `/tour/${name}`, server_certificate: undefined },
    replication_url: `https://${name}.test:8443`,
    pool: 'default',
    outside_bridge: 'outside',
    services_bridge: 'services',
    services: { ldap: `10.10${index + 1}.0.10`, billing: `10.10${index + 1}.0.20` },
    dns,
    bgp,
  })),
  clients: [{ name: 'office', run: [], resolver: '192.0.2.53', ca: undefined }],
}

function memoryStore(): Store {
  const journals = new Map<string, unknown[]>()
  const busy = new Set<string>()
  const append = (id: string, event: unknown) => {
    const known = journals.get(id)
    if (known === undefined) journals.set(id, [event])
    else known.push(event)
  }
  const events = (id: string) => journals.get(id) ?? []
  return {
    dir: '',
    append,
    events,
    remove: (id) => void journals.delete(id),
    list: () => [...journals.keys()].sort(),
    lock: async (stack, what) => {
      if (busy.has(stack))
        throw Object.assign(new Error(`${stack}: something runs already, so ${what} has to wait`), {
          name: 'StackLocked',
        })
      busy.add(stack)
      return { release: () => void busy.delete(stack) }
    },
  }
}
