import type { Logger } from 'pino'
import type { Controller } from './controller.ts'

/** Between two rounds; a round of many stacks takes its own time on top. */
const pause_ms = 5_000

/** Looks at everything, again and again, and takes up at the start what an end of this controller has interrupted. */
export function openRounds(controller: Controller, logger: Logger): { stop(): Promise<void> } {
  const over = new AbortController()
  const { clock } = controller.lifeboat
  const going = (async () => {
    let first = true
    while (!over.signal.aborted) {
      try {
        await controller.lookout.round(over.signal)
        if (first) await takeUp(controller, logger)
        first = false
      } catch (error) {
        // One that fails must not be the last.
        logger.error({ err: error }, 'round')
      }
      await clock.sleep(pause_ms, over.signal).catch(() => {})
    }
  })()
  return {
    async stop() {
      over.abort(new Error('the controller ends'))
      await going
    },
  }
}

/** Operations that this controller had begun when it ended, in whatever way, go on from their journals. */
async function takeUp({ history, runner, audit, site }: Controller, logger: Logger): Promise<void> {
  for (const { operation, by } of history.interrupted()) {
    try {
      await runner.resume(operation, by)
      audit.add({
        who: `controller@${site}`,
        origin: undefined,
        what: 'operation.resume',
        about: operation,
        details: {},
      })
      logger.info({ operation }, 'goes on after a restart')
    } catch (error) {
      logger.warn({ operation, why: error instanceof Error ? error.message : String(error) }, 'cannot go on')
    }
  }
}
