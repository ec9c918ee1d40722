import { familyOf } from '../compile/announced.ts'
import type { Family } from '../compile/layout.ts'
import { EngineError } from '../engine/error.ts'
import type { RouteSight } from '../operations/situation.ts'
import type { Action } from '../plan/plan.ts'
import type { InstanceRef } from '../state/objects.ts'
import { Unmet } from './failure.ts'
import type { Found } from './journal.ts'
import type { Performing } from './perform.ts'

/**
 * Waits until the route servers of the site have the prefixes with this firewall as next hop. Where the site file does not say
 * how to look at them, an established session on which the prefixes were sent is all that can be seen.
 */
export async function announced(action: Extract<Action, { do: 'announced' }>, context: Performing): Promise<Found> {
  const { clock, outside } = context.world
  const end = clock.now().getTime() + action.within_s * 1000
  const lease = context.found(action.lease_step)
  const next_hops = { 4: String(lease.address), 6: String(lease.ipv6 ?? 'none') }
  let sent_ms: number | undefined
  for (;;) {
    const status = await statusOf(action.instance, context)
    const [seen, sights] = await look(action.prefixes, next_hops, status, context)
    if (seen) {
      const age_s = Math.min(...action.prefixes.map((prefix) => status.prefixes.get(prefix)?.for_s ?? 0))
      return {
        announced_at: new Date(status.at_ms - age_s * 1000).toISOString(),
        sessions: `${status.established.length} of ${status.peers.length}`,
        accepted: sights.length === 0 ? 'not looked at' : acceptedBy(sights),
      }
    }
    // Told, looked at, and not there: what a filter has refused does not come later.
    sent_ms = sights.some((each) => each.via !== undefined) ? (sent_ms ?? clock.now().getTime()) : undefined
    const refused = sent_ms !== undefined && clock.now().getTime() - sent_ms >= refused_ms
    if (refused || clock.now().getTime() >= end) throw unmet(action, status, sights, context.site)
    await clock.sleep(100, context.signal)
  }

  async function look(
    prefixes: readonly string[],
    next_hops: Readonly<Record<Family, string>>,
    status: AnnouncerStatus,
    { site, signal }: Performing,
  ): Promise<readonly [boolean, readonly Sight[]]> {
    const sent = prefixes.every((prefix) => status.prefixes.get(prefix)?.announced && isUp(status, familyOf(prefix)))
    if (!sent) return [false, []]
    const sights = await Promise.all(
      prefixes.map(async (prefix): Promise<readonly Sight[]> => {
        const next_hop = next_hops[familyOf(prefix)]
        const seen = await outside.routes(site, prefix, signal)
        return seen.map((each) => ({ ...each, prefix, has: each.via?.includes(next_hop) === true }))
      }),
    )
    const good = (of: readonly Sight[]) => {
      const looked = of.filter((each) => each.via !== undefined)
      return looked.every((each) => each.has) && (looked.length > 0 || of.length === 0)
    }
    return [sights.every(good), sights.flat()]
  }
}

/** What a route server has of one of the prefixes; `has`: it leads to this firewall. */
type Sight = RouteSight & { readonly prefix: string; readonly has: boolean }

const isUp = ({ established }: AnnouncerStatus, family: Family): boolean =>
  established.some((address) => familyOf(address) === family)

/** A route server counts where it has all that it was asked for. */
function acceptedBy(sights: readonly Sight[]): string {
  const places = [...new Set(sights.map((each) => each.place))]
  const all = places.filter((place) => sights.every((each) => each.place !== place || each.has))
  return `${all.length} of ${places.length} route servers`
}

/** A route server takes milliseconds; a looking glass may lag. */
const refused_ms = 15_000

/** What is withdrawn is gone from the route servers, as far as they can be looked at. */
export async function announcing(action: Extract<Action, { do: 'announcing' }>, context: Performing): Promise<Found> {
  const { clock, outside } = context.world
  const engine = context.world.engine(context.site)
  const argv = ['/usr/local/bin/lifeboat-announce', action.announce ? 'announce' : 'withdraw']
  const withdrawn_at = clock.now().toISOString()
  const result = await engine.exec(action.instance, argv, action.within_s).catch((error: unknown) => {
    // What does not run announces nothing.
    if (error instanceof EngineError && (error.code === 'not-found' || error.code === 'rejected')) return undefined
    throw error
  })
  if (result === undefined) return {}
  if (result.exit !== 0) throw new Unmet(`${action.instance.name} does not ${argv[1]}: ${result.stderr.trim()}`)
  if (action.announce) return {}
  const end = clock.now().getTime() + action.within_s * 1000
  for (;;) {
    const sights = (
      await Promise.all(action.prefixes.map((prefix) => outside.routes(context.site, prefix, context.signal)))
    ).flat()
    const left = sights.filter((each) => each.via !== undefined && each.via.length > 0)
    if (left.length === 0)
      return { withdrawn_at, gone_at: sights.length === 0 ? 'not looked at' : clock.now().toISOString() }
    if (clock.now().getTime() >= end)
      throw new Unmet(
        `${action.prefixes.join(' ')} withdrawn, and still at ${left.map((each) => each.place).join(', ')} after ${action.within_s} s`,
      )
    await clock.sleep(100, context.signal)
  }
}

/** In a bubble nobody listens: what can be seen is that the firewall would say it, and no session in which it does. */
export async function offered(action: Extract<Action, { do: 'offered' }>, context: Performing): Promise<Found> {
  const { clock } = context.world
  const end = clock.now().getTime() + action.within_s * 1000
  for (;;) {
    const status = await statusOf(action.instance, context)
    const held = action.prefixes.filter((prefix) => status.prefixes.get(prefix)?.announced !== true)
    if (held.length === 0) return { offered: action.prefixes.join(' '), sessions: status.established.length }
    if (clock.now().getTime() >= end) throw unserved(action.instance.name, action.within_s, held, status, status.said)
    await clock.sleep(100, context.signal)
  }
}

type AnnouncerStatus = {
  /** When it spoke. */
  readonly at_ms: number
  readonly prefixes: ReadonlyMap<string, { readonly announced: boolean; readonly for_s: number; readonly why: string }>
  readonly peers: readonly { readonly address: string; readonly state: string }[]
  readonly established: readonly string[]
  readonly said: string
}

/** See lifeboat-announce: a line per prefix, then the summary of the sessions as FRR has it. */
async function statusOf(instance: InstanceRef, context: Performing): Promise<AnnouncerStatus> {
  const { clock } = context.world
  const engine = context.world.engine(context.site)
  const asked_ms = clock.now().getTime()
  const { stdout, stderr } = await engine.exec(instance, ['/usr/local/bin/lifeboat-announce', 'status'], 10)
  return parseStatus(stdout, stderr, asked_ms, clock.now().getTime())
}

/** The firewall's own clock tells when it spoke, as far as it can be right: between question and answer. */
export function parseStatus(stdout: string, stderr = '', asked_ms = 0, answered_ms = 0): AnnouncerStatus {
  const said_ms = Number(/^now ([\d.]+)$/m.exec(stdout)?.[1] ?? Number.NaN) * 1000
  const at_ms = said_ms >= asked_ms && said_ms <= answered_ms ? said_ms : answered_ms
  const prefixes = new Map(
    [...stdout.matchAll(/^(\S+\/\d+) (announced|withdrawn) ([\d.]+) ?(.*)$/gm)].map(
      ([, prefix = '', what, for_s, why = '']) =>
        [prefix, { announced: what === 'announced', for_s: Number(for_s), why }] as const,
    ),
  )
  const peers = peersIn(stdout.slice(Math.max(0, stdout.indexOf('{'))))
  const established = peers.filter(({ state }) => state === 'Established').map(({ address }) => address)
  return { at_ms, prefixes, peers, established, said: stderr.trim() }
}

function peersIn(text: string): AnnouncerStatus['peers'] {
  try {
    const summary = JSON.parse(text) as Partial<
      Record<'ipv4Unicast' | 'ipv6Unicast', { readonly peers?: Readonly<Record<string, { readonly state?: string }>> }>
    >
    const peers = { ...summary.ipv4Unicast?.peers, ...summary.ipv6Unicast?.peers }
    return Object.entries(peers).map(([address, { state = 'unknown' }]) => ({ address, state }))
  } catch {
    // bgpd is not up yet.
    return []
  }
}

/** Which of the three it is: nothing to announce, nobody to tell, or told and refused. */
function unmet(
  action: Extract<Action, { do: 'announced' }>,
  status: AnnouncerStatus,
  sights: readonly Sight[],
  site: string,
): Unmet {
  const { name } = action.instance
  const held = action.prefixes.filter((prefix) => status.prefixes.get(prefix)?.announced !== true)
  const sessions = status.peers.map((peer) => `session with ${peer.address}: ${peer.state}`)
  const looked = sights.map(
    (each) =>
      `${each.prefix} at ${each.place}: ${each.error ?? (each.via?.length === 0 ? 'has no such route' : `leads to ${each.via?.join(', ')}`)}`,
  )
  const detail = [...sessions, ...looked, status.said].filter((line) => line !== '').join('\n')
  if (held.length > 0) return unserved(name, action.within_s, held, status, detail)
  const alone = action.prefixes.map(familyOf).find((family) => !isUp(status, family))
  if (alone !== undefined)
    return new Unmet(
      `${name} has no BGP session over IPv${alone} with a route server of ${site} within ${action.within_s} s`,
      `${detail}\nthe AS, the password and the addresses in the site file have to be those of the route servers`,
    )
  const refused = sights.filter((each) => each.via !== undefined && !each.has)
  const prefixes = [...new Set(refused.map((each) => each.prefix))]
  const places = [...new Set(refused.map((each) => each.place))]
  return new Unmet(
    `${prefixes.join(' ')} was sent to the route servers of ${site} and not accepted (${places.join(', ')})`,
    `${detail}\ntheir filter has to be what lifeboat site routes ${site} prints`,
  )
}

function unserved(
  name: string,
  within_s: number,
  held: readonly string[],
  status: AnnouncerStatus,
  detail: string,
): Unmet {
  const why = held.map((prefix) => `${prefix}: ${status.prefixes.get(prefix)?.why ?? 'not watched yet'}`).join('; ')
  return new Unmet(`${name} does not announce within ${within_s} s, as nothing is served behind it (${why})`, detail)
}
