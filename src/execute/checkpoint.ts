import type { Engine } from '../engine/contract.ts'
import { EngineError, remedyOf } from '../engine/error.ts'
import type { Action, GuestFreeze } from '../plan/plan.ts'
import type { InstanceRef } from '../state/objects.ts'
import { Unmet } from './failure.ts'
import type { Found } from './journal.ts'
import type { Performing } from './perform.ts'

/** A machine that stays frozen is an outage: while its site can not be reached, thawing is tried again for so long. */
const thaw_tries_s = 30

/**
 * Freezes inside the machines that run, has them paused, snapshotted and resumed by the engine, and thaws: whatever
 * failed, and before anything is said about it.
 */
export async function checkpoint(action: Of<'checkpoint'>, context: Performing): Promise<Found> {
  const engine = context.world.engine(context.site)
  const { instances, name, consistency, guests = [] } = action
  if (context.again) {
    // The instant of a checkpoint whose answer was lost is not known: it is taken again.
    await unpause({ do: 'unpause', stack: instances[0]?.area.stack ?? '', instances, guests }, context)
    await Promise.all(instances.map((each) => engine.removeSnapshot(each, name)))
  }
  if (guests.length === 0) return { ...(await engine.checkpoint(instances, name, consistency)) }
  const now = () => context.world.clock.now().getTime()
  const running = await inPower(engine, instances, 'running')
  const frozen = guests.filter((guest) => running.has(guest.instance.name))
  const began = now()
  const outcome = await taken(engine, action, frozen).then(
    (found) => ({ found }),
    (error: unknown) => ({ error }),
  )
  const left = await thawAll(frozen, context)
  if ('error' in outcome) throw left === undefined ? outcome.error : withBoth(outcome.error, left)
  if (left !== undefined) throw left
  return { ...outcome.found, frozen_ms: now() - began }
}

/** Resumes those that are paused, and thaws: a command that finds nothing to thaw may well fail, which says nothing. */
export async function unpause(action: Of<'unpause'>, context: Performing): Promise<Found> {
  const engine = context.world.engine(context.site)
  const paused = await inPower(engine, action.instances, 'paused')
  const left = action.instances.filter((each) => paused.has(each.name))
  await Promise.all(left.map((each) => engine.power(each, 'resume', 10)))
  if (action.guests !== undefined && action.guests.length > 0) {
    const running = await inPower(engine, action.instances, 'running')
    const guests = action.guests.filter((guest) => running.has(guest.instance.name))
    await Promise.all(guests.map((guest) => run(engine, guest.instance, guest.thaw, guest.within_s)))
  }
  return { resumed: left.map((each) => each.name).join(' ') }
}

type Of<Name extends Action['do']> = Extract<Action, { do: Name }>

async function inPower(
  engine: Engine,
  instances: readonly InstanceRef[],
  power: 'running' | 'paused',
): Promise<ReadonlySet<string>> {
  const area = instances[0]?.area
  if (area === undefined) return new Set()
  const { areas } = await engine.observe(area.stack)
  const there = areas.find((each) => JSON.stringify(each.area) === JSON.stringify(area))?.instances ?? []
  return new Set(there.filter((each) => each.power === power).map((each) => each.object.name))
}

async function taken(engine: Engine, action: Of<'checkpoint'>, guests: readonly GuestFreeze[]): Promise<Found> {
  const freezes = await Promise.allSettled(
    guests.map(async (guest) => {
      const result = await run(engine, guest.instance, guest.freeze, guest.within_s)
      if (result.exit !== 0) throw unmet('freeze', guest, result)
    }),
  )
  const failed = freezes.find((each) => each.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  return { ...(await engine.checkpoint(action.instances, action.name, action.consistency)) }
}

/** Thaws all of them; what could not be thawed is one failure that names it. Anything but a failure of the world is thrown. */
async function thawAll(guests: readonly GuestFreeze[], context: Performing): Promise<Unmet | undefined> {
  const thaws = await Promise.allSettled(guests.map((guest) => thaw(guest, context)))
  const failed = thaws.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []))
  const bug = failed.find((each) => !(each instanceof Unmet))
  if (bug !== undefined) throw bug
  const left = failed.filter((each) => each instanceof Unmet)
  return left.length === 0
    ? undefined
    : new Unmet(left.map((each) => each.message).join('; '), left.flatMap((each) => each.detail ?? []).join('\n'))
}

async function thaw(guest: GuestFreeze, context: Performing): Promise<void> {
  const { clock } = context.world
  const engine = context.world.engine(context.site)
  const end = clock.now().getTime() + thaw_tries_s * 1000
  for (;;) {
    try {
      const result = await run(engine, guest.instance, guest.thaw, guest.within_s)
      if (result.exit !== 0) throw unmet('thaw', guest, result)
      return
    } catch (error) {
      if (!(error instanceof EngineError)) throw error
      if (remedyOf(error.code).again !== 'later' || clock.now().getTime() >= end)
        throw new Unmet(`${guest.instance.name} at ${context.site} could not be thawed: ${error.message}`, guest.thaw)
      await clock.sleep(500)
    }
  }
}

const run = (engine: Engine, instance: InstanceRef, command: string, within_s: number) =>
  engine.exec(instance, ['/bin/sh', '-c', command], within_s)

function unmet(what: 'freeze' | 'thaw', guest: GuestFreeze, result: { exit: number; stdout: string; stderr: string }) {
  const said = `${result.stdout}${result.stderr}`.trim()
  return new Unmet(
    `the ${what} command of ${guest.instance.name} ended with exit code ${result.exit}`,
    `${guest[what]}\n${said}`,
  )
}

/** A bug or the end of this program goes on as it is. */
function withBoth(error: unknown, left: Unmet): unknown {
  if (!(error instanceof Unmet) && !(error instanceof EngineError)) return error
  return new Unmet(`${error.message}; and ${left.message}`, left.detail)
}
