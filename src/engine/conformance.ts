import { afterAll, afterEach, beforeAll, beforeEach, describe } from 'vitest'
import type { InstanceRef } from '../state/objects.ts'
import { claims } from './conformance/claims.ts'
import { instances } from './conformance/instances.ts'
import { objects } from './conformance/objects.ts'
import { replication } from './conformance/replication.ts'
import { purge, type Workbench, workbench } from './conformance/workbench.ts'
import type { Engine } from './contract.ts'

/** Two empty sites that reach each other, and what only their owner can do to them. */
export type EnginePair = {
  readonly east: Engine
  readonly west: Engine
  /** Alias of a small Linux with /bin/sh, at both sites. */
  readonly image: string
  /** Kills the engine at a site while `during` runs, and brings it back before it resolves; `during` does not throw. */
  readonly testEngineKilled?: (site: 'east' | 'west', during: () => Promise<void>) => Promise<void>
  /** Makes a stopped instance of `image` without Lifeboat's mark in an area that exists. Answers whether it is still there; removes it. */
  readonly foreign?: (site: 'east' | 'west', ref: InstanceRef) => Promise<Foreign>
  /** Whether a leg of a running instance carries frames, as seen from the site. */
  readonly legCarries?: (site: 'east' | 'west', ref: InstanceRef, interfaceName: string) => Promise<boolean>
  cleanup(): Promise<void>
}

export type Foreign = { exists(): Promise<boolean>; remove(): Promise<void> }

/**
 * The promises of `contract.ts` as a suite; an engine that passes it can be used. Call it at the top level of a test
 * file. Every test works in a stack of its own name, `conf-N`, and removes it at both sites.
 */
export function engineConformance(name: string, makePair: () => Promise<EnginePair>): void {
  describe(`engine conformance: ${name}`, () => {
    let pair: EnginePair | undefined
    let number = 0
    let bench: Workbench | undefined

    beforeAll(async () => {
      pair = await makePair()
    }, 600_000)
    beforeEach(async () => {
      number += 1
      bench = workbench(pair!, `conf-${number}`)
      await purge(bench)
    }, 120_000)
    afterEach(async () => {
      if (bench !== undefined) await purge(bench)
    }, 120_000)
    afterAll(async () => {
      await pair?.cleanup()
    }, 120_000)

    const use = () => bench!
    describe('objects', () => objects(use))
    describe('instances', () => instances(use))
    describe('replication', () => replication(use))
    describe('claims', () => claims(use))
  })
}
