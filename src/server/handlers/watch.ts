import { PassThrough } from 'node:stream'
import type { Sent } from '../bus.ts'
import type { Controller } from '../controller.ts'
import { peerHeader } from '../peers.ts'
import type { Handlers } from '../route.ts'

const beat_ms = 15_000
/** A reader that takes so little is dropped: it comes back with the last id it saw. */
const most_waiting_bytes = 4_000_000

export function watchHandlers(
  controller: Controller,
): Pick<Handlers, 'events' | 'alarms' | 'schedules' | 'peer' | 'metrics'> {
  return {
    alarms: () => controller.alarms.list(),
    schedules: () => [...controller.schedules.list(), ...controller.plannedLooks()],
    peer: ({ request }) => {
      controller.peers.of(request.headers[peerHeader])
      return {
        site: controller.site,
        at: controller.lifeboat.clock.now().toISOString(),
        sees: controller.sites().map(({ site, answers, silence }) => ({ site, answers, silence })),
        runs: [...controller.runner.running.values()].map(({ stack, verb, operation }) => ({ stack, verb, operation })),
      }
    },
    metrics: async ({ reply }) => {
      const text = await controller.metrics.text(controller)
      return reply.type('text/plain; version=0.0.4; charset=utf-8').send(text)
    },
    events: ({ request, reply, me }) => {
      const stream = new PassThrough()
      const write = ({ id, event }: Sent) => {
        if (stream.writableLength > most_waiting_bytes) stream.destroy()
        else stream.write(`id: ${id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
      }
      const last = request.headers['last-event-id']
      const missed = typeof last === 'string' ? controller.bus.since(last) : []
      stream.write('retry: 1000\n\n')
      if (missed === undefined) stream.write('event: reset\ndata: {"type":"reset"}\n\n')
      for (const sent of missed ?? []) write(sent)
      const end = controller.bus.listen(write)
      // A line that nobody reads, so that a dead connection is noticed, and one of somebody who is no user any more is ended.
      const beat = setInterval(() => {
        if (controller.stillGood(me, request)) stream.write(': still here\n\n')
        else stream.end()
      }, beat_ms).unref()
      stream.on('close', () => {
        end()
        clearInterval(beat)
      })
      reply.raw.on('close', () => stream.destroy())
      controller.streams.add(stream)
      stream.on('close', () => controller.streams.delete(stream))
      return reply
        .header('content-type', 'text/event-stream; charset=utf-8')
        .header('x-accel-buffering', 'no')
        .send(stream)
    },
  }
}
