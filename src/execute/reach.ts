import type { WatchedService } from '../compile/watch.ts'
import type { Engine } from '../engine/contract.ts'
import type { InstanceRef } from '../state/objects.ts'

export type Reached = {
  /** Over TCP, and without an answer. */
  readonly silent: readonly string[]
  readonly answering: readonly string[]
  /** For a reader, with the place that it was seen from. */
  readonly words: string
}

/** Opens a connection to each central service from an instance at the site. A datagram that is not answered says nothing. */
export async function reach(
  engine: Engine,
  request: { readonly instance: InstanceRef; readonly services: readonly WatchedService[]; readonly within_s: number },
): Promise<Reached> {
  const { instance, services, within_s } = request
  const tcp = services.filter((each) => each.protocol === 'tcp')
  const url = ({ address, port }: WatchedService) => `tcp://${address.includes(':') ? `[${address}]` : address}:${port}`
  const ran =
    tcp.length === 0
      ? { exit: 0, stdout: '' }
      : await engine.exec(instance, ['/usr/local/bin/lifeboat-ready', String(within_s), ...tcp.map(url)], within_s + 5)
  const lines = ran.stdout.split('\n')
  const failed = (each: WatchedService) => lines.find((line) => line.startsWith(`${url(each)} not ready: `))
  const silent = ran.exit === 0 ? [] : tcp.filter((each) => failed(each) !== undefined)
  // A program that did not run has told nothing of any of them.
  const untold = ran.exit !== 0 && silent.length === 0
  const lease = await engine.leaseOf(instance, 'services')
  const words = [
    ...tcp.map((each) => {
      const where = `${each.name} (${each.address} tcp/${each.port})`
      if (untold) return `${where}: no evidence`
      const why = failed(each)?.slice(`${url(each)} not ready: `.length)
      return silent.includes(each) ? `${where} does not answer: ${why}` : `${where} answers`
    }),
    ...services
      .filter((each) => each.protocol === 'udp')
      .map((each) => `${each.name} (${each.address} udp/${each.port}): no evidence, datagrams need no answer`),
  ]
  return {
    silent: silent.map((each) => each.name),
    answering: untold ? [] : tcp.filter((each) => !silent.includes(each)).map((each) => each.name),
    words: `${words.join('; ')}; seen from the watch at ${engine.site}, ${lease ?? 'which has no lease on the services network'}`,
  }
}
