import { Buffer } from 'node:buffer'
import type { Area, InstanceObject, InstanceRef, ObservedArea } from '../../state/objects.ts'
import type { Engine, ExecResult } from '../contract.ts'
import { areaLabel, describeCall, type EngineCall, refLabel } from '../describe.ts'
import { type CallLimits, makeCall, type Place, type Work } from './call.ts'
import { defaultGuest } from './guest.ts'
import { switchPower } from './power.ts'
import { receiveInto } from './receive.ts'
import { CLONE_BYTES, type FakeArea, type FakeInstance, MACHINE_BYTES, writeFile } from './site.ts'

/** Seconds for calls whose limit is not an argument. */
const LIMIT_S = 30

/** The contract over one fake site. Times are those of engine-like operations on copy-on-write pools. */
export function fakeEngine(place: Place): Engine {
  const { site, clock } = place

  return {
    site: site.name,
    facts: { name: 'fake', version: '1', reverse_incremental: false, copy_on_write: true },

    observe: (stack, signal) =>
      call('observe', [stack], { takes_ms: 15, signal }, () => ({
        site: site.name,
        at: siteTime(),
        claim: structuredClone(site.claims.get(stack)),
        areas: [...site.areas.values()].filter((each) => each.area.stack === stack).map(observedArea),
      })),

    stacks: () =>
      call('stacks', [], { takes_ms: 5 }, () => {
        const names = [...site.areas.values()].map((each) => each.area.stack)
        return [...new Set([...names, ...site.claims.keys()])].sort()
      }),

    survey: () =>
      call('survey', [], { takes_ms: 10 }, () => ({
        images: Object.fromEntries(site.images),
        outside: site.outside,
        services_network: site.servicesNetwork,
        without_dhcp: site.withoutDhcp,
        pool: { name: 'default', driver: 'fake', free_bytes: site.freeBytes(), total_bytes: site.total_bytes },
        clock_ahead_ms: site.clock_ahead_ms,
      })),

    capacity: (stack) =>
      call('capacity', [stack], { takes_ms: 100 }, () => ({
        memory: site.memory,
        cpus: 4,
        load: 0.5,
        instances: [...(site.area({ kind: 'stack', stack })?.instances.values() ?? [])]
          .filter((each) => each.power === 'running' && !each.foreign)
          .map((each) => ({
            name: each.object.name,
            memory_bytes: site.memory === undefined ? undefined : MACHINE_BYTES,
          })),
      })),

    spaceOf: (refs) => call('spaceOf', [refs], { takes_ms: 10 }, () => refs.map((ref) => site.find(ref)?.own_bytes)),

    ensureArea: (area) =>
      call('ensureArea', [area], { takes_ms: 20 }, () => {
        if (site.area(area) === undefined)
          site.areas.set(areaLabel(area), { area, networks: new Map(), instances: new Map() })
      }),

    ensureNetwork: (network) =>
      call('ensureNetwork', [network], { takes_ms: 60 }, (work) => {
        areaOf(network.area, work).networks.set(network.segment, network)
      }),

    ensureInstance: (object) =>
      call('ensureInstance', [object], { takes_ms: 300 }, (work) => {
        if (isThere(object, work)) return
        if (!site.images.has(object.image)) throw work.error('not-found', `the site has no image ${object.image}`)
        settle(object, site.newInstance(object), work)
      }),

    put: (ref, files) =>
      call('put', [ref, files], { takes_ms: 10 * files.length }, (work) => {
        const instance = instanceOf(ref, work)
        reserve(
          files.reduce((sum, file) => sum + file.content.length, 0),
          work,
        )
        for (const file of files) writeFile(instance, file.path, Buffer.from(file.content), file.mode)
      }),

    setDigest: (ref, digest) =>
      call('setDigest', [ref], { takes_ms: 10 }, (work) => {
        const instance = instanceOf(ref, work)
        instance.object = { ...instance.object, digest }
      }),

    clone: (from, target) =>
      call('clone', [from, target], { takes_ms: 70 }, (work) => {
        if (isThere(target, work)) return
        const source = instanceOf(from, work)
        const snapshot = from.snapshot === undefined ? undefined : source.snapshots.get(from.snapshot)
        if (from.snapshot !== undefined && snapshot === undefined)
          throw work.error('not-found', `${refLabel(from)} is not there`)
        if (snapshot?.arrived === false)
          throw work.error('rejected', `the data of ${refLabel(from)} never arrived: its listing is all there is`)
        settle(target, site.newInstance(target, snapshot ?? source), work)
      }),

    power: (ref, verb, within_s) =>
      call('power', [ref, verb], { takes_ms: 20, limit_s: within_s }, async (work) => {
        const instance = instanceOf(ref, work)
        await switchPower(place, work, instance, verb, within_s)
      }),

    cutLegs: (ref, cut) =>
      call('cutLegs', [ref], { takes_ms: 20 }, (work) => {
        instanceOf(ref, work).legsCut = cut
      }),

    rename: (ref, name) =>
      call('rename', [ref, name], { takes_ms: 40 }, (work) => {
        const instances = areaOf(ref.area, work).instances
        const [from, to] = [ownInstance(ref), instances.get(name)]
        if (from === undefined && to !== undefined) return
        if (to !== undefined) throw work.error('conflict', `${name} is there already`)
        const instance = instanceOf(ref, work)
        if (instance.power !== 'stopped') throw work.error('conflict', `${refLabel(ref)} is ${instance.power}`)
        instance.object = { ...instance.object, name }
        instances.delete(ref.name)
        instances.set(name, instance)
      }),

    exec: (ref, argv, within_s) =>
      call('exec', [ref, argv], { takes_ms: 15, limit_s: within_s }, (work) => {
        const instance = instanceOf(ref, work)
        if (instance.power !== 'running') throw work.error('conflict', `${refLabel(ref)} is ${instance.power}`)
        return execIn(ref, instance, argv, within_s, work)
      }),

    leaseOf: (ref, interfaceName, family = 4) =>
      call('leaseOf', [ref, interfaceName, family], { takes_ms: 10 }, (work) => {
        const instance = instanceOf(ref, work)
        const nic = instance.object.nics.find((each) => each.interface === interfaceName)
        if (nic === undefined || nic.network === 'segment' || instance.legsCut) return undefined
        const { dhcp_ms } = site.behaviour(ref.name)
        if (dhcp_ms === 'never' || (site.runningFor_ms(instance) ?? -1) < dhcp_ms) return undefined
        if (family === 6) return nic.network === 'outside' ? site.advertised(nic.mac) : undefined
        if (ref.area.kind === 'bubble' && nic.network !== 'site-services') return site.leaseInBubble(ref.area, nic)
        return site.lease(nic.network === 'outside' ? 'outside' : 'services', nic.mac)
      }),

    consoleTail: (ref, lines) =>
      call('consoleTail', [ref, lines], { takes_ms: 10 }, (work) =>
        instanceOf(ref, work).console.slice(-lines).join('\n'),
      ),

    checkpoint: (refs, name, consistency) =>
      call('checkpoint', [refs, name], { takes_ms: 20 }, async (work) => {
        const instances = refs.map((ref) => instanceOf(ref, work))
        if (instances.some((each) => each.snapshots.has(name)))
          throw work.error('conflict', `a snapshot ${name} is there already`)
        reserve(CLONE_BYTES * instances.length, work)
        const paused = consistency === 'together' ? instances.filter((each) => each.power === 'running') : []
        for (const each of paused) each.power = 'paused'
        const taken_at = siteTime()
        const began_ms = clock.elapsed_ms()
        try {
          await work.pass((20 + 30 * instances.length) * place.jitter())
          for (const each of instances) {
            takeSnapshot(each, name)
            if (work.fault?.when === 'inside') throw work.killed()
          }
        } finally {
          // A power cut in between has stopped them: only those still paused go on. A dead controller resumes nothing.
          if (work.fault?.when !== 'inside')
            for (const each of paused) if (each.power === 'paused') each.power = 'running'
        }
        return { taken_at, pause_ms: paused.length > 0 ? clock.elapsed_ms() - began_ms : 0 }
      }),

    receive: (transfer, progress, signal) =>
      call('receive', [transfer], { takes_ms: 120, limit_s: transfer.stall_s, signal }, (work) => {
        const area = areaOf(transfer.to.area, work)
        return receiveInto(place, work, area, transfer, progress, signal)
      }),

    removeSnapshot: (ref, snapshot) =>
      call('removeSnapshot', [ref, snapshot], { takes_ms: 30 }, () => {
        const instance = ownInstance(ref)
        const removed = instance?.snapshots.get(snapshot)
        if (instance === undefined || removed === undefined) return
        instance.snapshots.delete(snapshot)
        // What it had changed is part of the next increment's way from the one before.
        const next = [...instance.snapshots.entries()].find(([, each]) => each.version >= removed.version)
        if (next === undefined) instance.dirty_bytes += removed.changed_bytes
        else
          instance.snapshots.set(next[0], { ...next[1], changed_bytes: next[1].changed_bytes + removed.changed_bytes })
      }),

    removeInstance: (ref) =>
      call('removeInstance', [ref], { takes_ms: 50 }, (work) => {
        const instance = ownInstance(ref)
        if (instance === undefined) return
        if (instance.power !== 'stopped')
          throw work.error('conflict', `${refLabel(ref)} is ${instance.power}: stop it first`)
        site.area(ref.area)?.instances.delete(ref.name)
      }),

    removeNetwork: (network) =>
      call('removeNetwork', [network], { takes_ms: 40 }, (work) => {
        const area = site.area(network.area)
        const user = [...(area?.instances.values() ?? [])].find((each) => usesSegment(each.object, network.segment))
        if (user !== undefined && hasNetworks(network.area))
          throw work.error('conflict', `${refLabel(user.object)} is still on segment ${network.segment}`)
        area?.networks.delete(network.segment)
      }),

    removeArea: (area) =>
      call('removeArea', [area], { takes_ms: 20 }, (work) => {
        const found = site.area(area)
        if (found !== undefined && found.networks.size + found.instances.size > 0)
          throw work.error('conflict', `${areaLabel(area)} is not empty`)
        site.areas.delete(areaLabel(area))
      }),

    readClaim: (stack) => call('readClaim', [stack], { takes_ms: 5 }, () => structuredClone(site.claims.get(stack))),

    swapClaim: (stack, expect, next) =>
      call('swapClaim', [stack], { takes_ms: 10 }, (work) => {
        const held = site.claims.get(stack)
        if (held?.version !== expect)
          throw work.error('conflict', `the claim is at version ${held?.version ?? 'none'}, not ${expect ?? 'none'}`)
        const claimed = { claim: structuredClone(next), version: `v${++versions}` }
        site.claims.set(stack, claimed)
        return structuredClone(claimed)
      }),

    removeClaim: (stack, expect) =>
      call('removeClaim', [stack], { takes_ms: 10 }, (work) => {
        const held = site.claims.get(stack)
        if (held !== undefined && held.version !== expect)
          throw work.error('conflict', `the claim is at version ${held.version}, not ${expect}`)
        site.claims.delete(stack)
      }),

    close: async () => {},
  }

  function call<T>(
    name: EngineCall,
    args: readonly unknown[],
    limits: Partial<CallLimits>,
    work: (work: Work) => T | Promise<T>,
  ): Promise<T> {
    return makeCall(place, name, describeCall(name, args), { takes_ms: 10, limit_s: LIMIT_S, ...limits }, work)
  }

  function siteTime(): string {
    return new Date(clock.now().getTime() + site.clock_ahead_ms).toISOString()
  }

  function areaOf(area: Area, work: Work): FakeArea {
    const found = site.area(area)
    if (found === undefined) throw work.error('not-found', `there is no area ${areaLabel(area)}`)
    return found
  }

  function ownInstance(ref: InstanceRef): FakeInstance | undefined {
    const found = site.find(ref)
    return found?.foreign === true ? undefined : found
  }

  function instanceOf(ref: InstanceRef, work: Work): FakeInstance {
    const found = ownInstance(ref)
    if (found === undefined) throw work.error('not-found', `there is no ${refLabel(ref)}`)
    return found
  }

  /** Whether the object is there as described; anything else of its name is a conflict. */
  function isThere(object: InstanceObject, work: Work): boolean {
    const found = areaOf(object.area, work).instances.get(object.name)
    if (found === undefined) return false
    if (found.foreign) throw work.error('conflict', `${refLabel(object)} is there and does not carry Lifeboat's mark`)
    // The engine makes it again.
    if (found.half_made) return !areaOf(object.area, work).instances.delete(object.name)
    if (found.object.digest !== object.digest)
      throw work.error('conflict', `${refLabel(object)} is there with digest ${found.object.digest}`)
    return true
  }

  function settle(object: InstanceObject, instance: FakeInstance, work: Work): void {
    const area = areaOf(object.area, work)
    for (const nic of hasNetworks(object.area) ? object.nics : []) {
      const there = {
        segment: nic.network === 'segment' && area.networks.has(nic.segment),
        outside: site.outside,
        services: site.servicesNetwork,
        'site-services': site.servicesNetwork,
      }[nic.network]
      if (!there) throw work.error('not-found', `${refLabel(object)}: no network for leg ${nic.interface}`)
    }
    reserve(CLONE_BYTES, work)
    area.instances.set(object.name, instance)
  }

  function reserve(bytes: number, work: Work): void {
    if (site.freeBytes() < bytes)
      throw work.error('no-space', `pool default has ${site.freeBytes()} bytes left and needs ${bytes}`)
  }

  function takeSnapshot(instance: FakeInstance, name: string): void {
    const { files, version, dirty_bytes } = instance
    instance.snapshots.set(name, {
      files,
      version,
      changed_bytes: dirty_bytes,
      id: `${instance.lineage}@${name}#${++versions}`,
      arrived: true,
    })
    instance.dirty_bytes = 0
  }

  async function execIn(
    ref: InstanceRef,
    instance: FakeInstance,
    argv: readonly string[],
    within_s: number,
    work: Work,
  ): Promise<ExecResult> {
    const over = new AbortController()
    const context = {
      site,
      ref,
      instance,
      argv,
      runningFor_ms: site.runningFor_ms(instance) ?? 0,
      clock,
      signal: over.signal,
    }
    const answer = async (): Promise<ExecResult> => {
      for (const handler of [...site.execHandlers]) {
        const result = await handler(context)
        if (result !== undefined) return result
      }
      return await defaultGuest(context)
    }
    const limit = clock.sleep(within_s * 1_000, over.signal).then(() => {
      throw work.error('timed-out', `${argv[0]} did not end within ${within_s} s`)
    })
    limit.catch(() => undefined)
    const running = answer()
    running.catch(() => undefined)
    try {
      const result = await Promise.race([running, limit])
      await work.pass(0)
      return result
    } finally {
      over.abort(new Error(`the limit of ${argv[0]} is over`))
    }
  }
}

/** Claims and snapshots of all worlds count with one number: versions never repeat. */
let versions = 0

function hasNetworks(area: Area): boolean {
  return area.kind === 'stack' || area.kind === 'bubble' || area.kind === 'watch'
}

function usesSegment(object: InstanceObject, segment: string): boolean {
  return object.nics.some((nic) => nic.network === 'segment' && nic.segment === segment)
}

function observedArea({ area, networks, instances }: FakeArea): ObservedArea {
  return {
    area,
    networks: [...networks.values()],
    instances: [...instances.values()]
      .filter((each) => !each.foreign)
      .map(({ object, power, snapshots, started_at, half_made, made_from, by_hand }) => ({
        object,
        power,
        snapshots: [...snapshots.keys()],
        started_at,
        ...(half_made ? { half_made } : {}),
        ...(made_from === undefined ? {} : { made_from }),
        ...(area.kind === 'stack' || area.kind === 'replica' ? { by_hand } : {}),
      })),
  }
}
