import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { looksLike6 } from '../lib/ip6.ts'
import type { RouteServerSight, RouteSight } from '../operations/situation.ts'

const execute = promisify(execFile)

/** A route server answers at once; what hangs is not waited for. */
const limit_ms = 5000

/** Looks into the table of one route server: FRR's vtysh, run at the place that the site file names. */
export async function lookInto(
  place: { readonly name: string; readonly run: readonly string[] },
  prefix: string,
  signal: AbortSignal,
): Promise<RouteSight> {
  const family = looksLike6(prefix) ? 'ipv6' : 'ipv4'
  const [program = 'vtysh', ...args] = [...place.run, 'vtysh', '-c', `show bgp ${family} unicast ${prefix} json`]
  try {
    const { stdout } = await execute(program, args, { timeout: limit_ms, killSignal: 'SIGKILL', signal })
    return { place: place.name, via: nextHopsIn(stdout), error: undefined }
  } catch (error) {
    if (signal.aborted) throw error
    const said = (error as { readonly stderr?: string }).stderr?.trim().split('\n')[0]
    return { place: place.name, via: undefined, error: said || (error as Error).message.split('\n')[0] }
  }
}

/** What one route server says of itself, and of the firewalls that it takes sessions from. */
export async function askWho(
  place: { readonly name: string; readonly run: readonly string[] },
  signal: AbortSignal,
): Promise<RouteServerSight> {
  const ask = async (words: string): Promise<string> => {
    const [program = 'vtysh', ...args] = [...place.run, 'vtysh', '-c', words]
    const limits = { timeout: limit_ms, killSignal: 'SIGKILL', signal } as const
    return (await execute(program, args, limits)).stdout
  }
  try {
    const [summary, groups] = await Promise.all([ask('show bgp summary json'), ask('show bgp peer-group json')])
    return { place: place.name, ...whoIn(summary, groups) }
  } catch (error) {
    if (signal.aborted) throw error
    return { place: place.name, as: undefined, firewalls_as: undefined }
  }
}

/** The peer groups are those that `lifeboat site routes` prints; by other names nothing is known of them. */
export function whoIn(summary: string, groups: string): Omit<RouteServerSight, 'place'> {
  const families = JSON.parse(summary) as Partial<Record<'ipv4Unicast' | 'ipv6Unicast', { readonly as?: number }>>
  const named = JSON.parse(groups) as Partial<Record<'lifeboat' | 'lifeboat6', { readonly remoteAs?: number }>>
  return {
    as: families.ipv4Unicast?.as ?? families.ipv6Unicast?.as,
    firewalls_as: named.lifeboat?.remoteAs ?? named.lifeboat6?.remoteAs,
  }
}

/** Next hops of the paths that the route server would use itself: one that is refused by a filter is no path. */
export function nextHopsIn(text: string): readonly string[] {
  const { paths = [] } = JSON.parse(text) as {
    readonly paths?: readonly { readonly valid?: boolean; readonly nexthops?: readonly { readonly ip?: string }[] }[]
  }
  return paths
    .filter(({ valid }) => valid === true)
    .flatMap(({ nexthops = [] }) => nexthops.flatMap(({ ip }) => (ip === undefined ? [] : [ip])))
}
