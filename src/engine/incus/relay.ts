import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Clock, systemClock } from '../../lib/clock.ts'

/** Passes transfers on, all together no faster than a rate that may change meanwhile. */
export type Relay = {
  /** A way to a host and port, for as long as it is not closed; answers where it begins. */
  open(to: { readonly host: string; readonly port: number }, rate_bps: () => number | undefined): Promise<Way>
}
export type Way = { readonly host: string; readonly port: number; close(): void }

/**
 * The engine has no limit for what `btrfs send` puts on a line: the receiving site is told to fetch from here instead, and
 * what comes is passed on in time with the rate; TCP does the rest back to the sender. What passes stays encrypted from
 * server to server, with the certificate pinned as before. It listens only while something is transferred.
 */
export function openRelay(at: { readonly host: string; readonly port: number }, clock: Clock = systemClock): Relay {
  const pace = openPace(clock)
  const ways = new Map<
    string,
    { readonly server: Server; readonly rate_bps: () => number | undefined; users: number }
  >()
  return {
    async open(to, rate_bps) {
      const key = `${to.host}:${to.port}`
      const known = ways.get(key) ?? { server: passing(to, pace, () => ways.get(key)?.rate_bps()), rate_bps, users: 0 }
      known.users++
      ways.set(key, known)
      try {
        if (known.users === 1) {
          known.server.listen({ host: at.host, port: at.port })
          await once(known.server, 'listening')
        } else if (!known.server.listening) await once(known.server, 'listening')
      } catch (error) {
        end(key)
        throw error
      }
      const { port } = known.server.address() as AddressInfo
      return { host: at.host, port, close: () => end(key) }
    },
  }

  function end(key: string): void {
    const known = ways.get(key)
    if (known === undefined || --known.users > 0) return
    ways.delete(key)
    known.server.close()
  }
}

function passing(
  to: { readonly host: string; readonly port: number },
  pace: Pace,
  rate_bps: () => number | undefined,
): Server {
  return createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ ...to, allowHalfOpen: true })
    const paced = new Transform({
      transform: (chunk: Buffer, _encoding, done) => void pace(chunk.length, rate_bps()).then(() => done(null, chunk)),
    })
    // A connection that breaks ends its other half: the two servers tell each other why.
    const both = [pipeline(near, far), pipeline(far, paced, near)]
    for (const half of both)
      half.catch(() => {
        near.destroy()
        far.destroy()
      })
  })
}

type Pace = (bytes: number, rate_bps: number | undefined) => Promise<void>

/** What a timer that fires late has missed may be made up for, and no more. */
const burst_ms = 100

function openPace(clock: Clock): Pace {
  let free_ms = 0
  return async (bytes, rate_bps) => {
    if (rate_bps === undefined) return
    const now_ms = clock.now().getTime()
    free_ms = Math.max(free_ms, now_ms - burst_ms) + (bytes * 8000) / rate_bps
    if (free_ms > now_ms) await clock.sleep(free_ms - now_ms)
  }
}
