import { execFile } from 'node:child_process'
import { OutsideError } from './error.ts'
import type { Place } from './probe.ts'

/** The addresses of a name in one family as the programs at a place get them (getent: hosts file, resolv.conf, caches). Sorted. */
export function lookup(
  place: Place,
  name: string,
  signal?: AbortSignal,
  family: 4 | 6 = 4,
): Promise<readonly string[]> {
  const [program, ...args] = [...place.run, 'getent', `ahostsv${family}`, name]
  return new Promise((resolve, reject) => {
    execFile(
      program!,
      args,
      { timeout: 10_000, ...(signal === undefined ? {} : { signal }) },
      (error, stdout, stderr) => {
        if (signal?.aborted) return reject(signal.reason)
        // getent ends with 2 where the name does not exist.
        if (error !== null && error.code !== 2)
          return reject(
            new OutsideError(place.name, `getent cannot be run at ${place.name}: ${stderr.trim() || error.message}`, {
              cause: error,
            }),
          )
        const addresses = stdout.split('\n').flatMap((line) => /^\S+/.exec(line)?.[0] ?? [])
        // Without an AAAA record there are IPv4 addresses, mapped.
        resolve([...new Set(addresses)].filter((each) => !each.startsWith('::ffff:')).sort())
      },
    )
  })
}
