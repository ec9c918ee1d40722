import { expect } from 'vitest'
import type { Area, InstanceObject, InstanceRef, NetworkObject, ObservedInstance } from '../../state/objects.ts'
import type { EnginePair } from '../conformance.ts'
import type { Engine } from '../contract.ts'
import { areaLabel } from '../describe.ts'
import { EngineError, type EngineErrorCode } from '../error.ts'

/** What every test of the suite works with: a pair of sites and one stack. */
export type Workbench = EnginePair & {
  readonly stack: string
  readonly area: Extract<Area, { kind: 'stack' }>
  readonly replica: Extract<Area, { kind: 'replica' }>
  readonly keep: Extract<Area, { kind: 'keep' }>
}

/** Seconds that a guest may take for what is asked of it. */
export const WITHIN_S = 20
/** Where tests write in a guest; /var/lib is there in every Linux. */
export const DATA = '/var/lib/conformance'

export function workbench(pair: EnginePair, stack: string): Workbench {
  return {
    ...pair,
    stack,
    area: { kind: 'stack', stack },
    replica: { kind: 'replica', stack },
    keep: { kind: 'keep', stack },
  }
}

export function machine(
  bench: Workbench,
  area: Area,
  name: string,
  more: Partial<InstanceObject> = {},
): InstanceObject {
  return { type: 'instance', area, name, role: 'machine', image: bench.image, nics: [], digest: 'sha256:one', ...more }
}

/** A running machine of the stack at a site, whose data file holds `data`. */
export async function running(bench: Workbench, engine: Engine, name: string, data?: string): Promise<InstanceObject> {
  const object = machine(bench, bench.area, name)
  await engine.ensureArea(bench.area)
  await engine.ensureInstance(object)
  await engine.power(object, 'start', WITHIN_S)
  if (data !== undefined) await write(engine, object, data)
  return object
}

export async function write(engine: Engine, ref: InstanceRef, data: string): Promise<void> {
  const result = await engine.exec(ref, ['/bin/sh', '-c', `echo ${data} > ${DATA}; sync`], WITHIN_S)
  expect(result).toMatchObject({ exit: 0 })
}

/** What a machine that was cloned from `ref` finds in its data file when it is started. */
export async function dataInClone(
  bench: Workbench,
  engine: Engine,
  from: InstanceRef & { readonly snapshot?: string },
): Promise<string> {
  const probe = machine(bench, bench.area, 'probe')
  await engine.ensureArea(bench.area)
  await engine.removeInstance(probe)
  await engine.clone(from, probe)
  await engine.power(probe, 'start', WITHIN_S)
  const { stdout } = await engine.exec(probe, ['/bin/sh', '-c', `cat ${DATA}`], WITHIN_S)
  await engine.power(probe, 'kill', WITHIN_S)
  await engine.removeInstance(probe)
  return stdout.trim()
}

export async function seen(engine: Engine, ref: InstanceRef): Promise<ObservedInstance | undefined> {
  const { areas } = await engine.observe(ref.area.stack)
  const area = areas.find((candidate) => areaLabel(candidate.area) === areaLabel(ref.area))
  return area?.instances.find((instance) => instance.object.name === ref.name)
}

/** The call fails with an `EngineError` of one of the codes, which says at which site and in which call. */
export async function refused(engine: Engine, call: Promise<unknown>, ...codes: EngineErrorCode[]): Promise<void> {
  const error = await call.then(
    (value) => expect.fail(`expected ${codes.join(' or ')}, but the call answered ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof EngineError)) throw error
  expect(codes, error.message).toContain(error.code)
  expect(error.site).toBe(engine.site)
  expect(error.call).not.toBe('')
  expect(error.message).not.toBe('')
}

/** Removes everything of the stack at both sites by the contract's own calls. */
export async function purge(bench: Workbench): Promise<void> {
  for (const engine of [bench.east, bench.west]) {
    const { areas, claim } = await engine.observe(bench.stack)
    for (const area of areas) {
      for (const { object, power } of area.instances) {
        if (power !== 'stopped') await engine.power(object, 'kill', WITHIN_S)
        await engine.removeInstance(object)
      }
      for (const network of area.networks) await engine.removeNetwork(network)
    }
    if (claim !== undefined) await engine.removeClaim(bench.stack, claim.version)
    for (const area of areas) await engine.removeArea(area.area)
  }
}

export function segment(area: Area, name: string): NetworkObject {
  return { type: 'network', area, segment: name }
}
