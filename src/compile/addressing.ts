import { address, formatPrefix, hostsOf, type Prefix, prefix } from '../lib/ip.ts'
import type { MachineGroup, Segment, Stack } from '../stack/stack.ts'
import { byName, type PlacedAppliance } from './appliances.ts'

/** Every address of a stack. Asking for one that does not exist is a bug and throws. */
export type Addresses = {
  readonly of: (instance: string, segment: string) => number
  readonly has: (instance: string, segment: string) => boolean
  /** The fixed inside address by which machines of a segment use a central service. */
  readonly central: (nat: string, service: string, segment: string) => number
}

/** Machines begin at the 11th address of a segment where there is room, each group in blocks of ten. */
const BLOCK = 10

/**
 * Gives addresses segment by segment.
 *
 * 1. What the stack file sets by hand.
 * 2. Appliances, lowest first, in the order of `appliancesOf`: the anchor has the first address of the segment.
 * 3. One address for each central service that a NAT box reaches, by NAT box, then by service.
 * 4. Machines. Groups by name; each group has whole blocks of ten addresses, the first one from the 11th address on.
 *    So another machine at the end of a group moves nothing while the group's last block has room, and afterwards only
 *    the groups that follow in the same segment. Where blocks do not fit, groups follow each other without gaps; where
 *    even that does not fit behind the 11th address, machines follow the appliances directly.
 *
 * An address set by hand leaves the machine's own place empty, so that nobody else moves; whoever would have had the
 * address gets the lowest free one among the machines instead.
 */
export function addressesOf(stack: Stack, appliances: readonly PlacedAppliance[]): Addresses {
  const given = new Map<string, number>()
  for (const segment of stack.segments) {
    for (const [name, value] of addressesIn(stack, appliances, segment)) given.set(key(name, segment.name), value)
  }
  const of = (name: string, segment: string) => {
    const value = given.get(key(name, segment))
    if (value === undefined) throw new Error(`${name} has no address in segment ${segment} of stack ${stack.name}`)
    return value
  }
  return {
    of,
    has: (instance, segment) => given.has(key(instance, segment)),
    central: (nat, service, segment) => of(centralName(nat, service), segment),
  }
}

function addressesIn(
  stack: Stack,
  appliances: readonly PlacedAppliance[],
  segment: Segment,
): ReadonlyMap<string, number> {
  const here = appliances.filter((appliance) => appliance.segments.includes(segment.name))
  const first = [...here.map((appliance) => appliance.name), ...here.flatMap(centralNames)]
  const groups = byName(stack.machines.filter((group) => group.segment === segment.name))
  const room = makeRoom(stack, segment, [...first, ...groups.flatMap((group) => group.instances)])

  for (const name of first) room.giveNext(name)
  const machines = groups.flatMap((group) => group.instances)
  const places = placesOf(groups, room.prefix, room.highest())
  const displaced = machines.filter((name) => !room.give(name, places.get(name)))
  const lowest = Math.min(...places.values(), hostsOf(room.prefix).last)
  for (const name of displaced) room.giveNext(name, places.size > 0 ? lowest : undefined)
  return room.given
}

function makeRoom(stack: Stack, segment: Segment, wanted: readonly string[]) {
  const whole = prefix(segment.prefix)
  const hosts = hostsOf(whole)
  const given = new Map<string, number>()
  const taken = new Set<number>()

  const nextFree = (from: number) => {
    let value = from
    while (taken.has(value)) value += 1
    return value
  }
  const take = (name: string, value: number) => {
    given.set(name, value)
    taken.add(value)
  }
  // A central service is set by its own name, `ldap.app: 10.10.3.50`; where two NAT boxes reach it, for the first one.
  const fixed = new Map(stack.addresses.filter(({ segment: at }) => at === segment.name).map((a) => [a.instance, a]))
  for (const name of wanted) {
    const entry = fixed.get(plainName(name))
    if (entry !== undefined && !taken.has(address(entry.address))) take(name, address(entry.address))
  }
  const by_hand = new Set(taken)

  return {
    given,
    prefix: whole,
    /** The highest address given so far that was not set by hand. */
    highest: () => Math.max(whole.network, ...[...taken].filter((value) => !by_hand.has(value))),
    /** False where the address is somebody else's. */
    give: (name: string, value: number | undefined) => {
      if (given.has(name)) return true
      if (value === undefined || taken.has(value)) return false
      take(name, value)
      return true
    },
    /** The lowest free one, if possible not below `from`. */
    giveNext: (name: string, from = hosts.first) => {
      if (given.has(name)) return
      const above = nextFree(from)
      const next = above > hosts.last ? nextFree(hosts.first) : above
      if (next > hosts.last) {
        throw new Error(
          `segment ${segment.name} (${formatPrefix(whole)}) of stack ${stack.name} has no address for ${name}`,
        )
      }
      take(name, next)
    },
  }
}

/** The place of each machine if nothing were set by hand; empty where there is not room for all. */
function placesOf(groups: readonly MachineGroup[], whole: Prefix, highest: number): ReadonlyMap<string, number> {
  const { last } = hostsOf(whole)
  const base = whole.network + Math.max(1, Math.ceil((highest - whole.network) / BLOCK)) * BLOCK + 1
  const layouts = [spread(groups, base, BLOCK), spread(groups, base, 1), spread(groups, highest + 1, 1)]
  return layouts.find((places) => [...places.values()].every((place) => place <= last)) ?? new Map()
}

function spread(groups: readonly MachineGroup[], base: number, block: number): ReadonlyMap<string, number> {
  const places = new Map<string, number>()
  let start = base
  for (const group of groups) {
    group.instances.forEach((name, index) => {
      places.set(name, start + index)
    })
    start += Math.ceil(group.instances.length / block) * block
  }
  return places
}

function centralNames(appliance: PlacedAppliance): string[] {
  if (appliance.role !== 'nat') return []
  return [...appliance.nat.reaches].sort().map((service) => centralName(appliance.name, service))
}

/** Instances are DNS labels, so this is nobody's name. */
function centralName(nat: string, service: string): string {
  return `${nat}>${service}`
}

function plainName(name: string): string {
  return name.slice(name.indexOf('>') + 1)
}

function key(name: string, segment: string): string {
  return `${name}@${segment}`
}
