import { Buffer } from 'node:buffer'
import type { Clock } from '../../lib/clock.ts'
import { formatAddress6, fromMac, prefix6 } from '../../lib/ip6.ts'
import type {
  Area,
  Claimed,
  HandChange,
  InstanceObject,
  InstanceRef,
  NetworkObject,
  Nic,
  Power,
} from '../../state/objects.ts'
import type { ExecResult, Survey } from '../contract.ts'
import { areaLabel } from '../describe.ts'

/** Everything that a fake site holds, and what a test may do to it by hand. */
export class FakeSite {
  readonly name: string
  readonly areas = new Map<string, FakeArea>()
  readonly claims = new Map<string, Claimed>()
  readonly images = new Map<string, string>()
  readonly execHandlers: ExecHandler[] = []
  readonly behaviours = new Map<string, GuestBehaviour>()
  readonly leases = new Map<string, string>()
  powered = true
  /** Counts power cuts: work that began before one never ends. */
  boots = 0
  outside = true
  servicesNetwork = true
  withoutDhcp: NonNullable<Survey['without_dhcp']> = []
  total_bytes = 20_000_000_000
  clock_ahead_ms = 0
  memory: { free_bytes: number; total_bytes: number } | undefined = {
    free_bytes: 6_000_000_000,
    total_bytes: 8_000_000_000,
  }
  private readonly clock: Clock
  private readonly index: number
  private nextId = 0

  constructor(name: string, index: number, clock: Clock) {
    this.name = name
    this.clock = clock
    this.index = index
  }

  /** Becomes what another site is now; what happens to either later is its own. */
  takeOver(other: FakeSite): void {
    for (const [label, { area, networks, instances }] of other.areas) {
      const copies = [...instances].map(([name, each]) => [name, copyOf(each)] as const)
      this.areas.set(label, { area, networks: new Map(networks), instances: new Map(copies) })
    }
    for (const [stack, claim] of other.claims) this.claims.set(stack, claim)
    for (const [alias, fingerprint] of other.images) this.images.set(alias, fingerprint)
    for (const [name, behaviour] of other.behaviours) this.behaviours.set(name, behaviour)
    for (const [key, address] of other.leases) this.leases.set(key, address)
    this.execHandlers.push(...other.execHandlers)
    this.powered = other.powered
    this.boots = other.boots
    this.outside = other.outside
    this.servicesNetwork = other.servicesNetwork
    this.withoutDhcp = other.withoutDhcp
    this.total_bytes = other.total_bytes
    this.clock_ahead_ms = other.clock_ahead_ms
    this.memory = other.memory
    this.nextId = other.nextId
  }

  /** Answers commands in guests. Handlers are asked newest first; `undefined` leaves it to the next, the last is the default guest. */
  onExec(handler: ExecHandler): void {
    this.execHandlers.unshift(handler)
  }

  /** How guests of this name behave, in every area. */
  guest(name: string, behaviour: GuestBehaviour): void {
    this.behaviours.set(name, { ...this.behaviours.get(name), ...behaviour })
  }

  addImage(alias: string): void {
    this.images.set(alias, `fake-${alias}`)
  }

  /** Leaves `free_bytes` in the pool. */
  leaveFree(free_bytes: number): void {
    this.total_bytes = this.usedBytes() + free_bytes
  }

  freeBytes(): number {
    return Math.max(0, this.total_bytes - this.usedBytes())
  }

  private usedBytes(): number {
    let used = this.images.size * IMAGE_BYTES
    for (const area of this.areas.values()) for (const each of area.instances.values()) used += each.own_bytes
    return used
  }

  area(area: Area): FakeArea | undefined {
    return this.areas.get(areaLabel(area))
  }

  find(ref: InstanceRef): FakeInstance | undefined {
    return this.area(ref.area)?.instances.get(ref.name)
  }

  get(ref: InstanceRef): FakeInstance {
    const found = this.find(ref)
    if (found === undefined) throw new Error(`the fake site ${this.name} has no ${areaLabel(ref.area)}/${ref.name}`)
    return found
  }

  /** Writes a file as the guest would; data of a stopped instance can be written too. */
  write(ref: InstanceRef, path: string, content: string | Uint8Array, mode = 0o644): void {
    writeFile(this.get(ref), path, Buffer.from(content), mode)
  }

  /** A file's text in an instance or in one of its snapshots. */
  read(ref: InstanceRef & { readonly snapshot?: string }, path: string): string | undefined {
    const instance = this.get(ref)
    const files = ref.snapshot === undefined ? instance.files : instance.snapshots.get(ref.snapshot)?.files
    return files?.get(path)?.content.toString()
  }

  /** Counts the writes that an instance's data has seen; clones and replicas carry it with them. */
  contentVersion(ref: InstanceRef & { readonly snapshot?: string }): number | undefined {
    const instance = this.get(ref)
    return ref.snapshot === undefined ? instance.version : instance.snapshots.get(ref.snapshot)?.version
  }

  /** Makes an instance without Lifeboat's mark. */
  addForeign(ref: InstanceRef, image: string): FakeInstance {
    const area = this.area(ref.area)
    if (area === undefined) throw new Error(`the fake site ${this.name} has no area ${areaLabel(ref.area)}`)
    const object: InstanceObject = { type: 'instance', ...ref, role: 'machine', image, nics: [], digest: '' }
    const instance = { ...this.newInstance(object), foreign: true }
    area.instances.set(ref.name, instance)
    return instance
  }

  newInstance(object: InstanceObject, from?: FakeData): FakeInstance {
    this.nextId += 1
    return {
      object,
      power: 'stopped',
      started_at: undefined,
      started_ms: 0,
      files: from?.files ?? new Map(),
      version: from?.version ?? 0,
      dirty_bytes: 0,
      own_bytes: CLONE_BYTES,
      snapshots: new Map(),
      lineage: `${this.name}-${this.nextId}`,
      replicaOf: undefined,
      receiving: false,
      legsCut: false,
      half_made: false,
      foreign: false,
      console: [],
      made_from: from?.made_from ?? this.images.get(object.image),
      by_hand: [],
    }
  }

  /** The lease of a leg, kept for its MAC as a DHCP server would. */
  lease(kind: 'outside' | 'services', mac: string): string {
    const key = `${kind} ${mac}`
    const known = this.leases.get(key)
    if (known !== undefined) return known
    const host = this.leases.size
    // RFC 5737 outside, private for the services; the sites' ranges do not touch.
    const address =
      kind === 'outside' ? `198.51.100.${50 + 100 * this.index + host}` : `10.${101 + this.index}.0.${100 + host}`
    this.leases.set(key, address)
    return address
  }

  /** What a leg makes of the prefix that routers advertise outside (RFC 4291 appendix A). */
  advertised(mac: string): string {
    return formatAddress6(fromMac(prefix6(`2001:db8:${this.index === 0 ? 'e' : 'f'}::/64`), mac))
  }

  /** What an instance of the bubble gives away by a reservation in its DHCP configuration. */
  leaseInBubble(area: Area, nic: Nic): string | undefined {
    const files = [...(this.area(area)?.instances.values() ?? [])].flatMap((each) => [...each.files.values()])
    const lines = files.flatMap((file) => file.content.toString().split('\n'))
    return lines.find((line) => line.startsWith(`dhcp-host=${nic.mac},`))?.split(',')[1]
  }

  behaviour(name: string): Required<GuestBehaviour> {
    return { ready_after_ms: 2_500, stop_ms: 300, dhcp_ms: 400, ...this.behaviours.get(name) }
  }

  /** Milliseconds since the last start; undefined where it does not run. */
  runningFor_ms(instance: FakeInstance): number | undefined {
    return instance.power === 'running' ? this.clock.now().getTime() - instance.started_ms : undefined
  }

  isReady(instance: FakeInstance): boolean {
    const since_ms = this.runningFor_ms(instance)
    const { ready_after_ms } = this.behaviour(instance.object.name)
    return since_ms !== undefined && ready_after_ms !== 'never' && since_ms >= ready_after_ms
  }

  /** The power goes: what ran is stopped, nothing starts by itself; disks, claims and settings stay. */
  losePower(): void {
    this.powered = false
    this.boots += 1
    for (const area of this.areas.values()) {
      for (const instance of area.instances.values()) {
        if (instance.power !== 'broken') instance.power = 'stopped'
        instance.receiving = false
      }
    }
  }
}

function copyOf(instance: FakeInstance): FakeInstance {
  const snapshots = [...instance.snapshots].map(([name, each]) => [name, { ...each }] as const)
  return { ...instance, snapshots: new Map(snapshots), console: [...instance.console] }
}

export type FakeArea = {
  readonly area: Area
  readonly networks: Map<string, NetworkObject>
  readonly instances: Map<string, FakeInstance>
}

export type Files = ReadonlyMap<string, { readonly content: Buffer; readonly mode: number }>
export type FakeData = { readonly files: Files; readonly version: number; readonly made_from?: string | undefined }

export type FakeSnapshot = FakeData & {
  /** Equal at source and replica: what an increment can be based on. */
  readonly id: string
  /** Written since the snapshot before. */
  readonly changed_bytes: number
  /** False: listed, but its data never came. */
  arrived: boolean
}

export type FakeInstance = {
  object: InstanceObject
  power: Power
  started_at: string | undefined
  started_ms: number
  files: Files
  version: number
  dirty_bytes: number
  own_bytes: number
  readonly snapshots: Map<string, FakeSnapshot>
  /** Which instance this is, whatever its name; a replica remembers whose it is. */
  readonly lineage: string
  replicaOf: string | undefined
  receiving: boolean
  legsCut: boolean
  /** Listed without its data: its engine died while it was made. */
  half_made: boolean
  readonly foreign: boolean
  readonly console: string[]
  readonly made_from: string | undefined
  /** What a test says that somebody changed in the engine. */
  by_hand: readonly HandChange[]
}

export type GuestBehaviour = {
  /** From start to ready. Default 2500. */
  readonly ready_after_ms?: number | 'never'
  /** What an orderly stop takes. Default 300. */
  readonly stop_ms?: number | 'never'
  /** From start to the lease of a leg. Default 400. */
  readonly dhcp_ms?: number | 'never'
}

export type ExecContext = {
  readonly site: FakeSite
  readonly ref: InstanceRef
  readonly instance: FakeInstance
  readonly argv: readonly string[]
  readonly runningFor_ms: number
  readonly clock: Clock
  /** Aborted when the call's limit is over. */
  readonly signal: AbortSignal
}

export type ExecHandler = (context: ExecContext) => ExecResult | undefined | Promise<ExecResult | undefined>

/** What an image takes in the pool, and what a whole instance takes on the wire. */
export const IMAGE_BYTES = 200_000_000
/** What a running machine takes of its site's memory. */
export const MACHINE_BYTES = 100_000_000
/** Metadata of a copy that shares all its data. */
export const CLONE_BYTES = 64_000

export function writeFile(instance: FakeInstance, path: string, content: Buffer, mode: number): void {
  instance.files = new Map(instance.files).set(path, { content, mode })
  instance.version += 1
  instance.dirty_bytes += content.length + 4_096
  instance.own_bytes += content.length + 4_096
}
