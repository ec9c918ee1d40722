import type { Logger } from 'pino'
import type { Controller } from './controller.ts'

/** Between two rounds; a round of many stacks takes its own time on top. */
const pauses = { look: 5_000, judge: 4_000, peers: 5_000, probe: 30_000, outside: 500, prune: 3_600_000 } as const

/** All that goes on by itself, beside the schedules; at the start it takes up what an end of this controller interrupted. */
export function openRounds(
  controller: Controller,
  logger: Logger,
  options: { readonly probe: boolean },
): { stop(): Promise<void> } {
  const over = new AbortController()
  const { clock } = controller.lifeboat
  let looked = false
  // Not waited for at the end: what it has begun goes on with the next start.
  takeUp(controller, logger, over.signal).catch((error: unknown) => logger.error({ err: error }, 'taking up'))
  const loops = [
    every(pauses.look, async () => {
      await controller.lookout.round(over.signal)
      if (looked) return
      looked = true
      // Who does what depends on whether the other controller is there.
      await controller.peers.ask()
      controller.schedules.start()
    }),
    // Before the first look everything would be silent.
    every(pauses.judge, async () => {
      if (looked) controller.judge()
    }),
    every(pauses.peers, () => controller.peers.ask()),
    ...(options.probe ? [every(pauses.probe, () => controller.probe())] : []),
    every(pauses.outside, async () => {
      controller.ingress.tick()
      controller.services.tick()
      controller.inspections?.tick()
    }),
    every(pauses.prune, async () => controller.history.prune(clock.now())),
  ]
  return {
    async stop() {
      over.abort(new Error('the controller ends'))
      await Promise.all(loops)
    },
  }

  async function every(pause_ms: number, work: () => Promise<void>): Promise<void> {
    while (!over.signal.aborted) {
      // One that fails must not be the last.
      await work().catch((error: unknown) => logger.error({ err: error }, 'round'))
      await clock.sleep(pause_ms, over.signal).catch(() => {})
    }
  }
}

/** Operations that this controller had begun when it ended, in whatever way, go on from their journals. */
async function takeUp(
  { history, runner, audit, site }: Controller,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  const who = `controller@${site}`
  const interrupted = history.interrupted()
  // Before anything goes on: what ends from now on begins its next part itself.
  const halfway = history.halfway()
  const why = (error: unknown) => (error instanceof Error ? error.message : String(error))
  await Promise.all([
    ...interrupted.map(async ({ operation, by }) => {
      try {
        await runner.takeUp(operation, by, signal)
        audit.add({ who, origin: undefined, what: 'operation.resume', about: operation, details: {} })
        logger.info({ operation }, 'goes on after a restart')
      } catch (error) {
        logger.warn({ operation, why: why(error) }, 'cannot go on: resume or abort it')
      }
    }),
    ...halfway.map(async ({ entry, goal }) => {
      // Whatever comes of it: it is not begun again with each start.
      history.setGoal(entry.operation, undefined)
      try {
        const next = await runner.start(goal, entry.by)
        logger.info({ operation: entry.operation, next: next.operation }, 'its next part begins after a restart')
      } catch (error) {
        logger.warn({ operation: entry.operation, why: why(error) }, 'its next part cannot begin')
      }
    }),
  ])
}
