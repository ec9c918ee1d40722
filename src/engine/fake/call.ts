import type { VirtualClock } from '../../lib/clock.ts'
import type { EngineCall } from '../describe.ts'
import { EngineError, type EngineErrorCode } from '../error.ts'
import { Crash, type Fault, type faultSchedule } from './faults.ts'
import type { FakeSite } from './site.ts'
import type { FakeCall } from './world.ts'

/** What an engine at one site needs of the world. */
export type Place = {
  readonly site: FakeSite
  readonly siteOf: (name: string) => FakeSite
  readonly clock: VirtualClock
  /** The controller that holds this handle. */
  readonly controller: { readonly alive: boolean }
  readonly crash: () => void
  readonly faults: ReturnType<typeof faultSchedule>
  readonly calls: FakeCall[]
  readonly linked: (one: string, other: string) => boolean
  readonly wan_bytes_per_s: number
  readonly jitter: () => number
}

/** What the work of one call may do besides changing its site. */
export type Work = {
  readonly fault: Fault | undefined
  error(code: EngineErrorCode, message: string): EngineError
  /** Kills the controller. */
  killed(): Crash
  /** Lets time pass; throws when the site lost its power meanwhile. */
  pass(ms: number, signal?: AbortSignal): Promise<void>
}

export type CallLimits = {
  readonly takes_ms: number
  readonly limit_s: number
  readonly signal?: AbortSignal | undefined
}

/** Milliseconds until a site that does not answer is given up. */
const CONNECT_MS = 5_000

/** One call through everything that can happen to it: dead controller, fault, dead site, cut link, lost power. */
export async function makeCall<T>(
  place: Place,
  call: EngineCall,
  object: string,
  limits: CallLimits,
  work: (work: Work) => T | Promise<T>,
): Promise<T> {
  const { site, clock, controller, calls } = place
  const where = `${call} ${object}`.trim()
  if (!controller.alive) throw new Crash(`${where} at ${site.name}`)
  const fault = place.faults.take(call, site.name, object)
  const began_ms = clock.elapsed_ms()
  const entry: FakeCall = {
    n: calls.length + 1,
    at_ms: began_ms,
    site: site.name,
    call,
    object,
    outcome: 'open',
    took_ms: 0,
    fault: fault?.kind,
  }
  calls.push(entry)
  try {
    const value = await struck()
    entry.outcome = 'ok'
    return value
  } catch (thrown) {
    entry.outcome =
      thrown instanceof EngineError ? thrown.code : thrown instanceof Crash || !controller.alive ? 'crash' : 'aborted'
    throw thrown
  } finally {
    entry.took_ms = clock.elapsed_ms() - began_ms
  }

  function error(code: EngineErrorCode, message: string): EngineError {
    return new EngineError(code, site.name, where, message)
  }

  function reachable(): boolean {
    return site.powered && place.linked('controller', site.name)
  }

  function killed(): Crash {
    if (controller.alive) place.crash()
    return new Crash(`${where} at ${site.name}`)
  }

  async function struck(): Promise<T> {
    if (fault?.kind === 'crash' && (fault.when ?? 'before') === 'before') throw killed()
    if (fault?.kind === 'fail-before') throw error(fault.code ?? 'rejected', 'refused (scheduled fault, no effect)')
    if (fault?.kind === 'hang') {
      await clock.sleep(limits.limit_s * 1_000, limits.signal)
      throw error('timed-out', `no answer within ${limits.limit_s} s`)
    }
    const value = await answered()
    if (fault?.kind === 'crash') throw killed()
    if (fault?.kind === 'fail-after')
      throw error(fault.code ?? 'rejected', 'failed (scheduled fault, after its effect)')
    if (fault?.kind === 'lose-answer') throw error('unreachable', 'the connection broke before the answer came')
    return value
  }

  async function answered(): Promise<T> {
    if (!reachable()) {
      await clock.sleep(CONNECT_MS, limits.signal)
      throw error('unreachable', `no connection to ${site.name} within ${CONNECT_MS / 1_000} s`)
    }
    const boots = site.boots
    const pass = async (ms: number, signal?: AbortSignal) => {
      await clock.sleep(ms, signal)
      if (site.boots !== boots) throw error('unreachable', `the connection to ${site.name} broke`)
    }
    await pass(limits.takes_ms * place.jitter(), limits.signal)
    const value = await work({ fault, error, killed, pass })
    if (!controller.alive) throw new Crash(`${where} at ${site.name}`)
    if (!reachable()) throw error('unreachable', 'the connection broke before the answer came')
    return value
  }
}
