import type { Engine } from '../engine/contract.ts'
import { EngineError } from '../engine/error.ts'
import type { Action } from '../plan/plan.ts'
import type { Claim, Point } from '../state/objects.ts'

/** Another writer may come in between so often before we give up. */
const tries = 4

/**
 * Changes a claim from the version that the plan saw. An answer may be lost after the change took effect: then the claim
 * is read, and if it is the one that was to be written, it is done.
 */
export async function takeClaim(engine: Engine, expect: string | undefined, next: Claim): Promise<void> {
  try {
    await engine.swapClaim(next.stack, expect, next)
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    const now = await engine.readClaim(next.stack).catch(() => undefined)
    if (now === undefined || !same(now.claim, next))
      throw error.code === 'conflict' && now !== undefined ? lost(engine.site, now.claim) : error
  }
}

/** Reads, changes and writes a claim, again when somebody else wrote in between. */
export async function changeClaim(engine: Engine, stack: string, change: (claim: Claim) => Claim): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const now = await engine.readClaim(stack)
    if (now === undefined)
      throw new EngineError('not-found', engine.site, 'claim', `${engine.site} has no claim for ${stack}`)
    const next = change(now.claim)
    if (same(next, now.claim)) return
    try {
      await engine.swapClaim(stack, now.version, next)
      return
    } catch (error) {
      if (!(error instanceof EngineError)) throw error
      // As with taking a claim: an error may come after the change took effect.
      const found = await engine.readClaim(stack).catch(() => undefined)
      if (found !== undefined && same(found.claim, next)) return
      if (error.code !== 'conflict' || attempt === tries) throw error
    }
  }
}

/**
 * Changes what a site is to a stack if it still is what the plan saw, and keeps the points that it has got meanwhile.
 * Called again it finds its own decision and is done.
 */
export async function changeRole(
  engine: Engine,
  { stack, from, newest, to }: Extract<Action, { do: 'role' }>,
  born?: Point,
): Promise<void> {
  const now = await engine.readClaim(stack)
  if (now === undefined)
    throw new EngineError('not-found', engine.site, 'claim', `${engine.site} has no claim for ${stack}`)
  const { claim } = now
  const others = claim.points.filter((each) => each.name !== born?.name)
  const next = { ...claim, ...to, ...(born === undefined ? {} : { points: [born, ...others] }) }
  if (same(claim, next)) return
  if (claim.role !== from.role || claim.epoch !== from.epoch) throw lost(engine.site, claim)
  if (newest !== undefined && claim.points[0]?.name !== newest) {
    throw new EngineError(
      'conflict',
      engine.site,
      'claim',
      `the newest point of ${engine.site} is ${claim.points[0]?.name ?? 'none'} now, not ${newest}`,
    )
  }
  await takeClaim(engine, now.version, next)
}

export async function restoreClaim(engine: Engine, written: Claim, before: Claim): Promise<void> {
  const now = await engine.readClaim(before.stack)
  if (now === undefined || same(now.claim, before)) return
  if (!same(now.claim, written)) throw lost(engine.site, now.claim)
  await engine.swapClaim(before.stack, now.version, before)
}

function lost(site: string, claim: Claim): EngineError {
  return new EngineError(
    'conflict',
    site,
    'claim',
    `the claim changed: ${site} is ${claim.role} under epoch ${claim.epoch}, decided by ${claim.decided.by} at ${claim.decided.at} (${claim.decided.why})`,
  )
}

/** Claims are equal when their JSON is, whatever the order of keys and whether absent keys are written. */
export function same(a: Claim, b: Claim): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)]),
  )
}
