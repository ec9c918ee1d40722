import type { FakeWorld } from '../../src/engine/fake/world.ts'
import type { VirtualClock } from '../../src/lib/clock.ts'
import type { Request } from '../../src/lifeboat.ts'
import type { Controller } from '../../src/server/controller.ts'
import { fileOf, names, type TourStack } from './stacks.ts'

export const day_ms = 24 * 3_600_000
/** Those with a short target. */
const often: readonly TourStack[] = ['shop', 'invoices']
const step_ms = 15 * 60_000

/** A day as it could have been: stacks were deployed, replicated, drilled, lost and brought back. Ends at the real now. */
export async function liveADay(controller: Controller, world: FakeWorld, dir: string, end: Date): Promise<void> {
  const clock = world.clock as VirtualClock
  const go = async (request: Request, by = 'controller@east') => {
    const { ended } = await controller.runner.start(request, by, true)
    const ran = await ended
    if (ran !== undefined && ran.outcome !== 'done')
      throw new Error(`${request.verb} of the tour ended ${ran.outcome}: ${JSON.stringify(ran.report.failures)}`)
  }
  const replicate = (stack: TourStack) => go({ verb: 'replicate', stack })
  const drill = (stack: TourStack) => go({ verb: 'drill', stack, point: undefined, keep: false, remove: false })
  for (const name of names) await go({ verb: 'deploy', file: fileOf(dir, name), site: 'east', remove: [] }, 'ada')
  // What happens beside the cycles, by quarter of an hour from the start.
  const events: Readonly<Record<number, () => Promise<void>>> = {
    4: () => drill('mail'),
    10: async () => {
      for (const name of ['shop', 'wiki', 'invoices', 'crm'] as const) await drill(name)
    },
    40: async () => {
      await go({ verb: 'move', stack: 'wiki', to: 'west' }, 'grace')
    },
    60: async () => {
      await go({ verb: 'failover', stack: 'invoices', to: undefined, point: undefined, down: ['east'] }, 'grace')
      await go({ verb: 'reprotect', stack: 'invoices' }, 'grace')
    },
    // A new image came and nobody drilled since.
    80: async () => void world.site('west').images.set('mail-web', 'fake-mail-web-2'),
    88: async () => {
      for (const name of ['shop', 'crm'] as const) await drill(name)
    },
  }
  for (let quarter = 1; ; quarter++) {
    const next = end.getTime() - day_ms + quarter * step_ms
    if (next >= end.getTime()) break
    await clock.sleep(Math.max(0, next - clock.now().getTime()))
    for (const name of names) {
      await controller.lookout.look(name)
      // The intranet's cycles stopped at noon: its target is missed.
      if (name === 'intranet' && quarter > 60) continue
      if (quarter % 4 === 0 || quarter < 3 || often.includes(name)) await replicate(name)
      await controller.lookout.look(name)
    }
    await events[quarter]?.()
  }
  await clock.sleep(Math.max(0, end.getTime() - 60_000 - clock.now().getTime()))
  for (const name of names) if (name !== 'intranet') await replicate(name)
  // Why the intranet's cycles fail, so that they go on to fail.
  world.faults.at({ call: 'receive', object: 'intranet' }, 'fail-before', { times: Number.POSITIVE_INFINITY })
  await clock.sleep(Math.max(0, end.getTime() - clock.now().getTime()))
}
