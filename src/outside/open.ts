import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Clock, systemClock } from '../lib/clock.ts'
import type { DnsSight, RouteServerSight, RouteSight } from '../operations/situation.ts'
import type { CheckAction } from '../plan/plan.ts'
import type { ClientPlace, Sites } from '../state/sites.ts'
import { readBack, waitForResolver } from './dns-query.ts'
import {
  dropAddress,
  type Ipv6Record,
  removeAddress,
  replaceAddress,
  tryUpdate,
  type UpdateTarget,
} from './dns-update.ts'
import { OutsideError } from './error.ts'
import { askWho, lookInto } from './looking-glass.ts'
import { lookup } from './lookup.ts'
import { clientProbe, describe, type GoodAnswer, waitForGoodAnswer } from './probe.ts'

/** Seconds for an update or for reading it back. */
const DNS_S = 20

type Glance = {
  readonly good: boolean
  readonly address: string | undefined
  readonly total_ms: number
  readonly why: string | undefined
}

/** The world outside as the site file describes it; `dir` is where the site file is. Failures are `OutsideError`. */
export function openOutside(sites: Sites, dir: string, clock: Clock = systemClock) {
  return {
    /** Points a name at one address of each family, or at none (`none`), at the site's DNS server, and reads it back from there. */
    async setAddress(site: string, name: string, ttl_s: number, address: string, ipv6?: Ipv6Record): Promise<void> {
      const target = updateTarget(site, name)
      const told4 = address === 'none' ? 'no A record' : address
      const words = ipv6 === undefined ? told4 : `${told4} and ${ipv6 === 'none' ? 'no AAAA record' : ipv6}`
      await replaceAddress({ ...target, ttl_s, address, ipv6 })
      const read = (type: 'A' | 'AAAA') =>
        readBack({ ...target, type }).catch((error: unknown) => {
          if (!(error instanceof OutsideError)) throw error
          const what = `${target.server} took the update of ${name} to ${words}, and does not answer when it is asked for it`
          throw new OutsideError(target.server, `${what}: ${error.message}`, { cause: error })
        })
      const [a, aaaa] = await Promise.all([read('A'), ipv6 === undefined ? undefined : read('AAAA')])
      const found = [...a.addresses, ...(aaaa?.addresses ?? [])]
      const wanted = [address, ipv6].filter((each) => each !== undefined && each !== 'none')
      if (found.join(' ') !== wanted.join(' '))
        throw new OutsideError(
          target.server,
          `${target.server} took the update of ${name} to ${words} and answers ${found.join(', ') || 'no address'}: does something else write to this zone?`,
        )
    },

    async removeAddress(site: string, name: string, ipv6 = false): Promise<void> {
      await removeAddress({ ...updateTarget(site, name), ipv6 })
    },

    /** Removes these records of a name and no others. */
    async dropAddress(site: string, name: string, address: string, ipv6?: Ipv6Record): Promise<void> {
      await dropAddress({ ...updateTarget(site, name), address, ipv6 })
    },

    /** What the site's DNS server says to an update of a name that changes nothing. */
    async mayUpdate(site: string, name: string, within_s: number, ipv6 = false): Promise<DnsSight> {
      try {
        await tryUpdate({ ...updateTarget(site, name), within_s, ipv6 })
        return { name, says: 'good', what: '' }
      } catch (error) {
        if (!(error instanceof OutsideError)) throw error
        return { name, says: error.said ?? 'failed', what: error.message }
      }
    },

    /** Waits until the resolver of a place answers with the addresses and nothing else. */
    async resolves(
      place: string,
      name: string,
      address: string,
      within_s: number,
      signal: AbortSignal,
      ipv6?: Ipv6Record,
    ): Promise<void> {
      const found = placeOf(place)
      const one = (family: 4 | 6, record: string) =>
        resolved(found, name, family, record === 'none' ? undefined : record, within_s, signal)
      await Promise.all([one(4, address), ...(ipv6 === undefined ? [] : [one(6, ipv6)])])
    },

    /** What the route servers of a site say of themselves, as far as the site file says where to look. */
    async routeServers(site: string, signal: AbortSignal): Promise<readonly RouteServerSight[]> {
      return Promise.all(glassesOf(site).map((glass) => askWho(glass, signal)))
    },

    /** What the route servers of a site have of a prefix, as far as the site file says where to look. */
    async routes(site: string, prefix: string, signal: AbortSignal): Promise<readonly RouteSight[]> {
      return Promise.all(glassesOf(site).map((glass) => lookInto(glass, prefix, signal)))
    },

    /** Waits for the first good answer at a place. */
    goodAnswer(
      place: string,
      check: CheckAction,
      within_s: number,
      signal: AbortSignal,
      pace?: { readonly try_s?: number; readonly every_ms?: number; readonly in_a_row?: number },
    ): Promise<GoodAnswer> {
      const { try_s = 2, every_ms = 100, in_a_row = 1 } = pace ?? {}
      const options = { within_s, signal, try_s, every_ms, in_a_row }
      return waitForGoodAnswer(placeOf(place), check, options)
    },

    async glance(place: string, check: CheckAction, within_s: number): Promise<Glance> {
      const found = await clientProbe(placeOf(place), check, within_s)
      const good = found.status === check.status && found.address !== undefined
      const { address, phases } = found
      return { good, address, total_ms: phases.total_ms, why: good ? undefined : describe(found) }
    },
  }

  async function resolved(
    place: ClientPlace,
    name: string,
    family: 4 | 6,
    address: string | undefined,
    within_s: number,
    signal: AbortSignal,
  ): Promise<void> {
    if (place.resolver !== undefined) {
      const type = family === 4 ? 'A' : 'AAAA'
      await waitForResolver({ resolver: place.resolver, name, type, address, within_s, signal, clock })
      return
    }
    const until_ms = clock.now().getTime() + within_s * 1_000
    for (;;) {
      const addresses = await lookup(place, name, signal, family)
      if (addresses.length === (address === undefined ? 0 : 1) && addresses[0] === address) return
      if (clock.now().getTime() >= until_ms)
        throw new OutsideError(
          place.name,
          `${name} is ${addresses.join(', ') || 'no address'} at ${place.name} after ${within_s} s, not ${address ?? 'none'}`,
        )
      await clock.sleep(200, signal)
    }
  }

  function glassesOf(site: string): readonly { readonly name: string; readonly run: readonly string[] }[] {
    const bgp = sites.sites.find((each) => each.name === site)?.bgp
    return (bgp?.looking_glasses ?? []).map(({ run }, index) => ({
      name: bgp?.route_servers[index] ?? `looking glass ${index + 1} of ${site}`,
      run,
    }))
  }

  function updateTarget(site: string, name: string): UpdateTarget {
    const dns = sites.sites.find((each) => each.name === site)?.dns
    if (dns === undefined)
      throw new OutsideError(
        site,
        `site ${site} has no \`dns\` in the site file: nobody can be told where ${name} is now`,
      )
    const { server, port, zone, key } = dns
    const { algorithm } = key
    return {
      server,
      port,
      zone,
      key: { name: key.name, algorithm, secret: secretOf(key.file) },
      name,
      within_s: DNS_S,
      clock,
    }
  }

  /** Read when it is needed and kept nowhere. */
  function secretOf(file: string): string {
    const path = resolve(dir, file)
    try {
      return readFileSync(path, 'utf8').trim()
    } catch (error) {
      throw new OutsideError(path, `the key for DNS updates cannot be read: ${(error as Error).message}`, {
        cause: error,
      })
    }
  }

  function placeOf(name: string): ClientPlace {
    const found = sites.clients.find((each) => each.name === name)
    if (found === undefined)
      throw new OutsideError(
        name,
        `there is no client place ${name} in the site file, so nothing can be seen from there`,
      )
    return found
  }
}
