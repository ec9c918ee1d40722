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
  const address = String(context.found(action.lease_step).address)
  let sent_ms: number | undefined
  for (;;) {
    const status = await statusOf(action.instance, context)
    const [seen, sights] = await look(action.prefixes, address, status, context)
    if (seen) {
      const age_s = Math.min(...action.prefixes.map((prefix) => status.prefixes.get(prefix)?.for_s ?? 0))
      return {
        announced_at: new Date(clock.now().getTime() - age_s * 1000).toISOString(),
        sessions: `${status.established.length} of ${status.peers.length}`,
        accepted:
          sights.length === 0
            ? 'not looked at'
            : `${sights.filter((each) => has(each, address)).length} of ${sights.length} route servers`,
      }
    }
    // Told, looked at, and not there: what a filter has refused does not come later.
    sent_ms = sights.some((each) => each.via !== undefined) ? (sent_ms ?? clock.now().getTime()) : undefined
    const refused = sent_ms !== undefined && clock.now().getTime() - sent_ms >= refused_ms
    if (refused || clock.now().getTime() >= end) throw unmet(action, address, status, sights, context.site)
    await clock.sleep(100, context.signal)
  }

  async function look(
    prefixes: readonly string[],
    next_hop: string,
    status: AnnouncerStatus,
    { site, signal }: Performing,
  ): Promise<readonly [boolean, readonly RouteSight[]]> {
    const sent = status.established.length > 0 && prefixes.every((prefix) => status.prefixes.get(prefix)?.announced)
    if (!sent) return [false, []]
    const sights = (await Promise.all(prefixes.map((prefix) => outside.routes(site, prefix, signal)))).flat()
    const looked = sights.filter((each) => each.via !== undefined)
    return [looked.every((each) => has(each, next_hop)) && (looked.length > 0 || sights.length === 0), sights]
  }
}

/** A route server takes milliseconds; a looking glass may lag. */
const refused_ms = 15_000

/** What is withdrawn is gone from the route servers, as far as they can be looked at. */
export async function announcing(action: Extract<Action, { do: 'announcing' }>, context: Performing): Promise<Found> {
  const { clock, outside } = context.world
  const engine = context.world.engine(context.site)
  const argv = ['/usr/local/bin/lifeboat-announce', action.announce ? 'announce' : 'withdraw']
  const result = await engine.exec(action.instance, argv, action.within_s).catch((error: unknown) => {
    // What does not run announces nothing.
    if (error instanceof EngineError && (error.code === 'not-found' || error.code === 'rejected')) return undefined
    throw error
  })
  if (result === undefined) return {}
  if (result.exit !== 0) throw new Unmet(`${action.instance.name} does not ${argv[1]}: ${result.stderr.trim()}`)
  if (action.announce) return {}
  const withdrawn_at = clock.now().toISOString()
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

type AnnouncerStatus = {
  readonly prefixes: ReadonlyMap<string, { readonly announced: boolean; readonly for_s: number; readonly why: string }>
  readonly peers: readonly { readonly address: string; readonly state: string }[]
  readonly established: readonly string[]
  readonly said: string
}

/** See lifeboat-announce: a line per prefix, then the summary of the sessions as FRR has it. */
async function statusOf(instance: InstanceRef, context: Performing): Promise<AnnouncerStatus> {
  const engine = context.world.engine(context.site)
  const { stdout, stderr } = await engine.exec(instance, ['/usr/local/bin/lifeboat-announce', 'status'], 10)
  return parseStatus(stdout, stderr)
}

export function parseStatus(stdout: string, stderr = ''): AnnouncerStatus {
  const prefixes = new Map(
    [...stdout.matchAll(/^(\S+\/\d+) (announced|withdrawn) ([\d.]+) ?(.*)$/gm)].map(
      ([, prefix = '', what, for_s, why = '']) =>
        [prefix, { announced: what === 'announced', for_s: Number(for_s), why }] as const,
    ),
  )
  const peers = peersIn(stdout.slice(Math.max(0, stdout.indexOf('{'))))
  const established = peers.filter(({ state }) => state === 'Established').map(({ address }) => address)
  return { prefixes, peers, established, said: stderr.trim() }
}

function peersIn(text: string): AnnouncerStatus['peers'] {
  try {
    const summary = JSON.parse(text) as { ipv4Unicast?: { peers?: Record<string, { state?: string }> } }
    return Object.entries(summary.ipv4Unicast?.peers ?? {}).map(([address, { state = 'unknown' }]) => ({
      address,
      state,
    }))
  } catch {
    // bgpd is not up yet.
    return []
  }
}

const has = (sight: RouteSight, next_hop: string): boolean => sight.via?.includes(next_hop) === true

/** Which of the three it is: nothing to announce, nobody to tell, or told and refused. */
function unmet(
  action: Extract<Action, { do: 'announced' }>,
  address: string,
  status: AnnouncerStatus,
  sights: readonly RouteSight[],
  site: string,
): Unmet {
  const { name } = action.instance
  const held = action.prefixes.filter((prefix) => status.prefixes.get(prefix)?.announced !== true)
  const sessions = status.peers.map((peer) => `session with ${peer.address}: ${peer.state}`)
  const looked = sights.map(
    (each) =>
      `${each.place}: ${each.error ?? (each.via?.length === 0 ? 'has no such route' : `leads to ${each.via?.join(', ')}`)}`,
  )
  const detail = [...sessions, ...looked, status.said].filter((line) => line !== '').join('\n')
  if (held.length > 0) {
    const why = held.map((prefix) => `${prefix}: ${status.prefixes.get(prefix)?.why ?? 'not watched yet'}`).join('; ')
    return new Unmet(
      `${name} does not announce within ${action.within_s} s, as nothing is served behind it (${why})`,
      detail,
    )
  }
  if (status.established.length === 0)
    return new Unmet(
      `${name} has no BGP session with a route server of ${site} within ${action.within_s} s`,
      `${detail}\nthe AS, the password and the addresses in the site file have to be those of the route servers`,
    )
  const refused = sights.filter((each) => each.via !== undefined && !has(each, address)).map((each) => each.place)
  return new Unmet(
    `${action.prefixes.join(' ')} was sent to the route servers of ${site} and not accepted (${refused.join(', ')})`,
    `${detail}\ntheir filter has to be what lifeboat site routes ${site} prints`,
  )
}
