import type { PowerVerb } from '../contract.ts'
import { refLabel } from '../describe.ts'
import type { Place, Work } from './call.ts'
import type { FakeInstance } from './site.ts'

/** Switches an instance, taking the time that its guest takes. */
export async function switchPower(
  { site, clock }: Place,
  work: Work,
  instance: FakeInstance,
  verb: PowerVerb,
  within_s: number,
): Promise<void> {
  const { object } = instance
  const is = instance.power
  switch (verb) {
    case 'start': {
      if (object.area.kind === 'replica' || object.area.kind === 'keep')
        throw work.error('rejected', `${refLabel(object)} is a copy that is never started; launch a clone of it`)
      if (instance.half_made) throw work.error('conflict', `${refLabel(object)} was not made to the end`)
      if (is === 'running') return
      if (is === 'paused') throw work.error('conflict', `${refLabel(object)} is paused: resume it`)
      await work.pass(130)
      const now = clock.now()
      instance.power = 'running'
      instance.started_ms = now.getTime()
      instance.started_at = new Date(now.getTime() + site.clock_ahead_ms).toISOString()
      instance.console.push(`${object.name} booting`, `${object.name} login:`)
      return
    }
    case 'stop': {
      if (is === 'stopped') return
      const { stop_ms } = site.behaviour(object.name)
      // A paused guest cannot hear the request.
      const takes_ms = is === 'paused' || stop_ms === 'never' ? Number.POSITIVE_INFINITY : stop_ms
      await work.pass(Math.min(takes_ms, within_s * 1_000))
      instance.power = 'stopped'
      return
    }
    case 'kill':
      instance.power = 'stopped'
      return
    case 'pause':
    case 'resume': {
      if (is !== 'running' && is !== 'paused') throw work.error('conflict', `${refLabel(object)} is ${is}`)
      instance.power = verb === 'pause' ? 'paused' : 'running'
      return
    }
  }
}
