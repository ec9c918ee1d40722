import type { Engine, EngineFacts } from '../contract.ts'
import { describeCall, type EngineCall } from '../describe.ts'
import { EngineError, NotAsked } from '../error.ts'
import { ensureArea, ensureNetwork, removeArea, removeNetwork } from './areas.ts'
import { capacity, spaceOf } from './capacity.ts'
import { checkpoint } from './checkpoint.ts'
import { readClaim, removeClaim, swapClaim } from './claims.ts'
import { incusClient } from './client.ts'
import { engineError } from './errors.ts'
import { exec } from './exec.ts'
import { consoleTail, cutLegs, leaseOf, power, put } from './guest.ts'
import { clone, ensureInstance, removeInstance, removeSnapshot, rename, setDigest } from './instances.ts'
import { observe, stacks } from './observe.ts'
import type { IncusOptions } from './options.ts'
import { receive, type Sender, sender } from './receive.ts'
import type { IncusSite } from './site.ts'
import { survey } from './survey.ts'
import { wireMeter } from './wire-meter.ts'

/** Incus 6.0 or later with btrfs pools, over its REST API. How our words map is in `names.ts`. */
export function incusEngine(options: IncusOptions): Engine {
  const site: IncusSite = { options, client: incusClient(options) }
  const own: Sender = { site, meter: wireMeter(site) }
  const calls: Calls = {
    observe: (stack, signal) => observe(site, stack, signal),
    stacks: () => stacks(site),
    survey: () => survey(site),
    capacity: (stack) => capacity(site, stack),
    spaceOf: (instances) => spaceOf(site, instances),
    ensureArea: (area) => ensureArea(site, area),
    ensureNetwork: (network) => ensureNetwork(site, network),
    ensureInstance: (instance) => ensureInstance(site, instance),
    put: (instance, files) => put(site, instance, files),
    setDigest: (instance, digest) => setDigest(site, instance, digest),
    clone: (from, target) => clone(site, from, target),
    power: (instance, verb, within_s) => power(site, instance, verb, within_s),
    cutLegs: (instance, cut, which) => cutLegs(site, instance, cut, which),
    rename: (instance, name) => rename(site, instance, name),
    exec: (instance, argv, within_s) => exec(site, instance, argv, within_s),
    leaseOf: (instance, interfaceName, family) => leaseOf(site, instance, interfaceName, family),
    consoleTail: (instance, lines) => consoleTail(site, instance, lines),
    checkpoint: (instances, name, consistency) => checkpoint(site, instances, name, consistency),
    receive: (transfer, progress, signal) => receive(site, transfer, progress, signal),
    removeSnapshot: (instance, snapshot) => removeSnapshot(site, instance, snapshot),
    removeInstance: (instance) => removeInstance(site, instance),
    removeNetwork: (network) => removeNetwork(site, network),
    removeArea: (area) => removeArea(site, area),
    readClaim: (stack) => readClaim(site, stack),
    swapClaim: (stack, expect, next) => swapClaim(site, stack, expect, next),
    removeClaim: (stack, expect) => removeClaim(site, stack, expect),
    close: () => site.client.close(),
  }
  const engine: Engine & { readonly [sender]: Sender } = {
    site: options.site,
    facts,
    ...withErrors(options.site, calls),
    [sender]: own,
  }
  return engine
}

type Calls = Pick<Engine, EngineCall>

const facts: EngineFacts = {
  name: 'incus',
  version: '6.0',
  // A refresh in the other direction resends everything and deletes what it meets: it matches snapshots by the UUID
  // that they were received with, and originals have none.
  reverse_incremental: false,
  copy_on_write: true,
}

/** Every failure leaves as an `EngineError` that says at which site and in which call. */
function withErrors(site: string, calls: Calls): Calls {
  const wrapped = Object.entries(calls).map(([name, work]) => {
    const call = name as EngineCall
    const run = work as (...args: readonly unknown[]) => Promise<unknown>
    return [
      name,
      async (...args: readonly unknown[]) => {
        try {
          return await run(...args)
        } catch (thrown) {
          const where = `${call} ${describeCall(call, args)}`.trim()
          const error = engineError(site, where, thrown)
          if (!(error instanceof EngineError) || error instanceof NotAsked || error.call !== '') throw error
          throw new EngineError(error.code, site, where, error.message, { cause: error.cause })
        }
      },
    ]
  })
  return Object.fromEntries(wrapped) as Calls
}
