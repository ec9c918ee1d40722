import { execFile } from 'node:child_process'
import { OutsideError } from './error.ts'
import type { Place } from './probe.ts'

/** The IPv4 addresses of a name as the programs at a place get them (getent: hosts file, resolv.conf, caches). Sorted. */
export function lookup(place: Place, name: string, signal?: AbortSignal): Promise<readonly string[]> {
  const [program, ...args] = [...place.run, 'getent', 'ahostsv4', name]
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
        resolve([...new Set(addresses)].sort())
      },
    )
  })
}
