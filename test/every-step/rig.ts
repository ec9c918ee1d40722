import { join } from 'node:path'
import type { Files } from '../../src/engine/fake/site.ts'
import { type FakeWorld, fakeWorld } from '../../src/engine/fake/world.ts'
import { retry } from '../../src/engine/wrap/retry.ts'
import type { JournalEvent } from '../../src/execute/journal.ts'
import { sha256 } from '../../src/lib/digest.ts'
import type { Lifeboat } from '../../src/lifeboat.ts'
import type { Area, Owner } from '../../src/state/objects.ts'
import type { Sites } from '../../src/state/sites.ts'
import type { Store } from '../../src/store/store.ts'
import { fakeOutside } from './fake-outside.ts'

export const stackFile = join(import.meta.dirname, 'shop.yaml')

/** Its firewall announces a prefix of its own. */
export const announcedFile = join(import.meta.dirname, 'announced.yaml')

/** The same with other rules and another check of the balancer. */
export const rulesFile = join(import.meta.dirname, 'shop-rules.yaml')

/** Two stateful machines that are frozen inside for every point. */
export const ledgerFile = join(import.meta.dirname, 'ledger.yaml')

/** Two sites in memory, and controllers that can die; what a controller kept on its disk outlives it. */
export type Rig = {
  readonly world: FakeWorld
  readonly dns: Map<string, string>
  /** A controller as it is now; after a crash ask for another one. */
  controller(journals?: Journals, alive?: (owner: Owner) => boolean): Lifeboat
  readonly journals: Journals
  /** The same again, which goes its own way. */
  copy(): Rig
  /** All that an outside observer could see, with times and versions left out. */
  state(): Promise<string>
}

export type Journals = Map<string, JournalEvent[]>

export function rig(seed = 1): Rig {
  return rigOver(fakeWorld({ seed }), new Map(), new Map())
}

function rigOver(world: FakeWorld, dns: Map<string, string>, journals: Journals): Rig {
  return {
    copy: () => rigOver(world.copy(), new Map(dns), new Map(journals)),
    world,
    dns,
    journals,
    controller: (kept = journals, alive: (owner: Owner) => boolean = () => false) => ({
      sites,
      engines: new Map(world.siteNames.map((name) => [name, retry(world.engine(name), { clock: world.clock })])),
      outside: fakeOutside(world, dns),
      store: memoryStore(kept),
      clock: world.clock,
      by: 'test@fake',
      processes: controllerProcess(alive),
    }),
    state: () => stateOf(world, dns),
  }
}

/** Every controller is a process of its own; what the tests do not keep alive is gone. */
function controllerProcess(alive: (owner: Owner) => boolean): Lifeboat['processes'] {
  const self = { host: 'fake', boot: 'fake', namespace: 'fake', pid: ++processes, start: '0' }
  return {
    self,
    lives: (owner) =>
      owner.host !== self.host ? 'unknown' : owner.pid === self.pid || alive(owner) ? 'alive' : 'gone',
  }
}

let processes = 0

const dnsServer = {
  server: '192.0.2.54',
  port: 53,
  zone: 'example.com',
  key: { name: 'lifeboat', algorithm: 'hmac-sha256' as const, file: 'tsig.key' },
}

const sites: Sites = {
  management: undefined,
  state: undefined,
  sites: ['east', 'west'].map((name, index) => ({
    name,
    engine: { by: 'socket' as const, path: `/fake/${name}`, server_certificate: undefined },
    replication_url: `https://${name}.test:8443`,
    pool: 'default',
    outside_bridge: 'outside',
    services_bridge: 'services',
    services: { ldap: `10.10${index + 1}.0.10`, billing: `10.10${index + 1}.0.20` },
    dns: dnsServer,
    bgp: {
      as: 64_500,
      local_as: 65_010,
      route_servers: ['10.255.0.1', '10.255.0.2'],
      hops: 2,
      firewalls: ['198.51.100.0/24'],
      announce: ['203.0.113.0/24'],
      max_length: 24,
      max_length6: 48,
      max_prefixes: 8,
      hold_s: 6,
      password_file: undefined,
      looking_glasses: [],
    },
  })),
  clients: [{ name: 'client', run: [], resolver: '192.0.2.53', ca: undefined }],
}

function memoryStore(journals: Journals): Store {
  const events = (id: string) => journals.get(id) ?? []
  const append = (id: string, event: unknown) => void journals.set(id, [...events(id), event as JournalEvent])
  return {
    dir: '',
    append,
    events,
    remove: (id) => void journals.delete(id),
    list: () => [...journals.keys()].sort(),
    lock: async () => ({ release: () => {} }),
  }
}

async function stateOf(world: FakeWorld, dns: ReadonlyMap<string, string>): Promise<string> {
  const found: string[] = [...dns].map(([name, address]) => `dns ${name} ${siteOf(address)}`)
  for (const name of world.siteNames) {
    const site = world.site(name)
    const powered = site.powered
    site.powered = true
    const observed = await world.engine(name).observe('shop')
    site.powered = powered
    const claim = observed.claim?.claim
    if (claim !== undefined) {
      if (claim.drilling !== undefined) found.push(`${name} is being drilled`)
      if (claim.proof?.kept === true) found.push(`${name} proof of a bubble that was left up`)
      found.push(
        `${name} claim ${claim.role} epoch ${claim.epoch} ${claim.points.length > 0 ? 'with' : 'without'} points, definition ${claim.definition?.digest.slice(0, 8) ?? 'none'}`,
      )
    }
    const keep = observed.areas.find(({ area }) => area.kind === 'keep')?.instances ?? []
    for (const point of claim?.points ?? [])
      for (const machine of point.machines)
        if (!keep.some(({ object }) => object.name === `${machine}-${point.name}`))
          found.push(`${name} point without its clone of ${machine}`)
    for (const { area, networks, instances } of observed.areas) {
      const where = `${name} ${areaName(area)}`
      found.push(where)
      for (const network of networks) found.push(`${where} network ${network.segment}`)
      for (const each of instances) {
        // A replica follows its source with the next cycle; how many snapshots it lists in between says nothing.
        const snapshots = area.kind === 'replica' ? Math.min(each.snapshots.length, 1) : each.snapshots.length
        const ref = { area, name: each.object.name }
        if (area.kind === 'stack' && site.read(ref, '/run/ledger') === 'frozen\n')
          found.push(`${where} ${each.object.name} is left frozen inside`)
        if (site.read(ref, '/run/lifeboat/withdrawn') === 'withdraw' && each.power === 'running')
          found.push(`${where} ${each.object.name} announces nothing`)
        if (site.find(ref)?.legsCut === true) found.push(`${where} ${each.object.name} is cut off`)
        if (each.object.role === 'appliance' && area.kind === 'stack')
          found.push(`${where} ${each.object.name} has ${filesOf(site.find(ref)?.files)}`)
        const point = area.kind === 'keep' ? /-(p\d{8}-\d{6}-\d{3})$/.exec(each.object.name)?.[1] : undefined
        if (point !== undefined && claim?.points.some(({ name: known }) => known === point) !== true)
          found.push(`${where} ${each.object.name} is of no point`)
        found.push(
          `${where} ${each.object.name.replace(/-p\d{8}-\d{6}-\d{3}$/, '-POINT')} ${each.power} ${each.object.digest} ${snapshots} snapshots`,
        )
      }
    }
  }
  return [...new Set(found)].sort().join('\n')
}

/** What is written in it, without what a load keeps to be taken back. */
function filesOf(files: Files = new Map()): string {
  const kept = [...files].filter(([path]) => !/^\/(run|etc\/lifeboat\/(next|before))\//.test(path))
  return sha256(
    kept
      .map(([path, { content }]) => `${path} ${content}`)
      .sort()
      .join('\n'),
  ).slice(0, 8)
}

/** The fake sites lease outside addresses in the order in which they are asked. */
const siteOf = (address: string): string => (Number(address.split('.')[3]) < 150 ? 'east' : 'west')

const areaName = (area: Area): string => (area.kind === 'bubble' ? `bubble ${area.drill}` : area.kind)
