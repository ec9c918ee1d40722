import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LabController } from '../../lab/controllers.ts'
import { processId } from '../../lab/processes.ts'
import type { JournalEvent } from '../../src/execute/journal.ts'

/** Asks for an operation by the API and answers its id. */
export async function begin(controller: LabController, request: object): Promise<string> {
  const { status, body } = await controller.ask('POST', '/operations', request)
  const { operation } = body as { readonly operation?: string }
  if (status !== 202 || operation === undefined)
    throw new Error(`${JSON.stringify(request)}: ${status} ${JSON.stringify(body)}`)
  return operation
}

/** Sends a signal to a controller as soon as so many of the steps of an operation are done; answers how many there were. */
export async function signalAt(
  controller: LabController,
  pid: number,
  operation: string,
  share: number,
  signal: 'SIGKILL' | 'SIGTERM',
): Promise<{ readonly done: number; readonly steps: number }> {
  const journal = join(controller.state, 'operations', operation, 'journal.jsonl')
  for (const end = Date.now() + 180_000; Date.now() < end; await sleep(5)) {
    const { done, steps, ended } = progressOf(journal)
    if (ended) throw new Error(`${operation} had ended before it was ${share * 100} % done`)
    if (steps === 0 || done < share * steps) continue
    process.kill(pid, signal)
    return { done, steps }
  }
  throw new Error(`${operation} was not ${share * 100} % done within three minutes`)
}

/** Waits until a process is gone. */
export async function gone(pid: number, limit_ms: number): Promise<void> {
  const end = Date.now() + limit_ms
  while (processId(pid) !== undefined) {
    if (Date.now() > end) throw new Error(`process ${pid} is there after ${limit_ms / 1000} s`)
    await sleep(20)
  }
}

export type Seen = {
  readonly outcome: string
  readonly by: string
  readonly steps: readonly { readonly state: string }[]
}

export async function reportOf(controller: LabController, operation: string): Promise<Seen> {
  return (await controller.ask('GET', `/operations/${operation}`)).body as Seen
}

/** Cycles that a controller has begun by itself. */
export async function cyclesBy(controller: LabController): Promise<number> {
  const { body } = await controller.ask('GET', '/operations?limit=1000')
  const all = body as readonly { readonly verb: string; readonly by: string; readonly outcome: string }[]
  return all.filter(({ verb, by, outcome }) => {
    return verb === 'replicate' && outcome === 'done' && by === `controller@${controller.site}`
  }).length
}

function progressOf(journal: string): { readonly done: number; readonly steps: number; readonly ended: boolean } {
  if (!existsSync(journal)) return { done: 0, steps: 0, ended: false }
  const lines = readFileSync(journal, 'utf8').split('\n').slice(0, -1)
  const events = lines.map((line) => JSON.parse(line) as JournalEvent)
  const planned = events.find((event) => event.type === 'planned')
  const done = events.filter((event) => event.type === 'step-done').length
  return { done, steps: planned?.plan.steps.length ?? 0, ended: events.some((event) => event.type === 'ended') }
}
