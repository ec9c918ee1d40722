import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { RouteSight } from '../operations/situation.ts'

const execute = promisify(execFile)

/** A route server answers at once; what hangs is not waited for. */
const limit_ms = 5000

/** Looks into the table of one route server: FRR's vtysh, run at the place that the site file names. */
export async function lookInto(
  place: { readonly name: string; readonly run: readonly string[] },
  prefix: string,
  signal: AbortSignal,
): Promise<RouteSight> {
  const [program = 'vtysh', ...args] = [...place.run, 'vtysh', '-c', `show bgp ipv4 unicast ${prefix} json`]
  try {
    const { stdout } = await execute(program, args, { timeout: limit_ms, killSignal: 'SIGKILL', signal })
    return { place: place.name, via: nextHopsIn(stdout), error: undefined }
  } catch (error) {
    if (signal.aborted) throw error
    const said = (error as { readonly stderr?: string }).stderr?.trim().split('\n')[0]
    return { place: place.name, via: undefined, error: said || (error as Error).message.split('\n')[0] }
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
