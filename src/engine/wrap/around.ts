import type { Engine, Transfer } from '../contract.ts'
import { describeCall, type EngineCall } from '../describe.ts'

export type MadeCall = { readonly site: string; readonly call: EngineCall; readonly object: string }

/** An engine whose every call goes through `interpose`: the one way to wrap, so that no call can be forgotten. */
export function around(
  engine: Engine,
  interpose: (made: MadeCall, next: () => Promise<unknown>) => Promise<unknown>,
): Engine {
  const through = (call: EngineCall) => {
    const method = engine[call].bind(engine) as (...args: unknown[]) => Promise<unknown>
    return (...args: unknown[]) =>
      interpose({ site: engine.site, call, object: describeCall(call, args) }, () => method(...unwrapped(call, args)))
  }
  const calls = Object.fromEntries((Object.keys(CALLS) as EngineCall[]).map((call) => [call, through(call)]))
  const wrapped = { site: engine.site, facts: engine.facts, ...calls } as unknown as Engine
  inner.set(wrapped, innermost(engine))
  return wrapped
}

/** The driver's own engine under all wrappers: a driver needs it to receive from a source of its kind. */
export function innermost(engine: Engine): Engine {
  return inner.get(engine) ?? engine
}

const inner = new WeakMap<Engine, Engine>()

function unwrapped(call: EngineCall, args: readonly unknown[]): readonly unknown[] {
  if (call !== 'receive') return args
  const [transfer, ...rest] = args as [Transfer, ...unknown[]]
  return [{ ...transfer, source: innermost(transfer.source) }, ...rest]
}

/** A record, so that the compiler misses a call that is missing here. */
const CALLS: Readonly<Record<EngineCall, true>> = {
  observe: true,
  stacks: true,
  survey: true,
  capacity: true,
  spaceOf: true,
  ensureArea: true,
  ensureNetwork: true,
  ensureInstance: true,
  put: true,
  setDigest: true,
  clone: true,
  power: true,
  cutLegs: true,
  rename: true,
  exec: true,
  leaseOf: true,
  consoleTail: true,
  checkpoint: true,
  receive: true,
  removeSnapshot: true,
  removeInstance: true,
  removeNetwork: true,
  removeArea: true,
  readClaim: true,
  swapClaim: true,
  removeClaim: true,
  close: true,
}
