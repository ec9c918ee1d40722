import type { InstanceObject, InstanceRef, Owner } from '../../state/objects.ts'
import { rateWords } from '../../state/wan.ts'
import type { Received, Transfer } from '../contract.ts'
import { refLabel } from '../describe.ts'
import { EngineError } from '../error.ts'
import { type Operation, succeeded } from './client.ts'
import { engineError } from './errors.ts'
import { load, lookup, patchConfig, path, removeInstance, snapshot, wanted } from './instances.ts'
import { type Config, FETCHER, instanceMarks, ORIGIN, place, projectOf, refuse, SEEDED } from './names.ts'
import type { IncusSite } from './site.ts'
import type { Metered, WireMeter } from './wire-meter.ts'

/** What the receiving site needs of the sending one; engines that wrap an Incus engine pass it on by its symbol. */
export type Sender = { readonly site: IncusSite; readonly meter: WireMeter }
export const sender = Symbol('lifeboat.incus.sender')

/** How often bytes and operations are looked at; an operation that ends is noticed at once. */
const LOOK_S = 1
/** Less than this in one look is no progress: asking for the counter is traffic too. */
const NOISE_BYTES = 16_384
/** The source's own end of a transfer follows the target's. */
const SOURCE_END_S = 15

/**
 * A pull migration with `refresh`, as `incus copy --refresh` makes it: the target asks the source for the snapshots
 * that it does not have and gets each as the difference to the one before (`btrfs send -p`), then the source's current
 * state as the difference to the newest snapshot. Never `live`: that would ask for CRIU.
 */
export async function receive(
  site: IncusSite,
  transfer: Transfer,
  progress: ((bytes: number) => void) | undefined,
  signal: AbortSignal | undefined,
): Promise<Received> {
  const from = senderOf(site, transfer)
  const source = await load(from.site, transfer.from)
  await snapshot(from.site, transfer.from, transfer.snapshot)
  const origin = source.value.config['volatile.uuid'] ?? ''
  await others(site, from, transfer, (bytes) => progress?.(bytes), signal)
  const before = await replicaBefore(site, transfer.to, origin, signal)
  if (before !== undefined) await patchConfig(site, transfer.to, fetcherMark(site))
  const sent = await snapshotNames(from.site, transfer.from)
  const incremental = before?.some((name) => sent.includes(name)) ?? false

  const meter = await from.meter.begin()
  let bytes = 0
  const report = (now: number) => {
    bytes = now
    progress?.(now)
  }
  const way = await wayTo(site, from)
  try {
    const { architecture } = source.value
    await migrate(site, from, transfer, { architecture, origin, meter, report, signal, url: way.url })
  } finally {
    way.close()
    bytes = (await meter?.end()) ?? bytes
  }
  await snapshot(site, transfer.to, transfer.snapshot)
  await patchConfig(site, transfer.to, { ...instanceMarks(transfer.to), [ORIGIN]: origin, [SEEDED]: 'true' })
  return { bytes, incremental, ...(way.limit === undefined ? {} : { limit: way.limit }) }
}

function fetcherMark(site: IncusSite): Config {
  const self = site.options.processes?.self
  return self === undefined ? {} : { [FETCHER]: JSON.stringify(self) }
}

type Through = { readonly url: string; readonly limit: string | undefined; close(): void }

/** Where the target fetches from: by the relay where there is a limit, and at the source itself where nobody can hold it. */
async function wayTo(site: IncusSite, from: Sender): Promise<Through> {
  const url = (from.site.options.replicationUrl ?? '').replace(/\/$/, '')
  const rates = [site.options.limit_bps, from.site.options.limit_bps].flatMap((each) => each ?? [])
  const straight = (limit: string | undefined): Through => ({ url, limit, close: () => {} })
  if (rates.length === 0) return straight(undefined)
  const rate_bps = () => Math.min(...rates.map((rate) => rate()))
  const { relay } = site.options
  if (relay === undefined)
    return straight(
      `${rateWords(rate_bps())} was not held: the engine cannot, and ${site.options.site} has no wan.relay`,
    )
  const { hostname, port } = new URL(url)
  try {
    const way = await relay.open({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 443) }, rate_bps)
    const host = way.host.includes(':') ? `[${way.host}]` : way.host
    return { url: `https://${host}:${way.port}`, limit: `${rateWords(rate_bps())}, held here`, close: way.close }
  } catch (error) {
    // A point is worth more than a limit.
    return straight(`${rateWords(rate_bps())} was not held: ${(error as Error).message}`)
  }
}

function senderOf(site: IncusSite, transfer: Transfer): Sender {
  const from = (transfer.source as { readonly [sender]?: Sender })[sender]
  if (from === undefined)
    throw refuse(site.options.site, 'unsupported', `${transfer.source.site} is not an Incus site: it cannot send here`)
  if (from.site.options.replicationUrl === undefined)
    throw refuse(site.options.site, 'unsupported', `site ${transfer.source.site} has no replication-url to fetch from`)
  return from
}

/** The snapshots of the replica if there is one. One of another origin is left alone: a refresh would destroy it. */
async function replicaBefore(
  site: IncusSite,
  to: InstanceObject,
  origin: string,
  signal: AbortSignal | undefined,
): Promise<readonly string[] | undefined> {
  const found = await lookup(site, to)
  if (found === undefined) return undefined
  if (found.value.config[ORIGIN] !== origin)
    throw refuse(
      site.options.site,
      'conflict',
      `${place(to)} holds the snapshots of another instance: set it aside first, a transfer would destroy them`,
    )
  if (found.value.config[SEEDED] === 'true') return await snapshotNames(site, to)
  // What an interrupted first transfer left behind. Nothing was ever complete in it.
  await removeAbandoned(site, to, signal)
  return undefined
}

/** Incus notices late that the other end of a transfer is gone; until then the half-made replica is busy being created. */
const abandoned_limit_ms = 60_000

async function removeAbandoned(site: IncusSite, to: InstanceObject, signal: AbortSignal | undefined): Promise<void> {
  for (const end = performance.now() + abandoned_limit_ms; ; ) {
    signal?.throwIfAborted()
    try {
      return await removeInstance(site, to)
    } catch (thrown) {
      const error = engineError(site.options.site, `remove ${refLabel(to)}`, thrown)
      if (!(error instanceof EngineError) || error.code !== 'busy' || performance.now() > end) throw thrown
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
  }
}

/**
 * A transfer whose controller died goes on between the two sites: it is ended. One that somebody may wait for is waited for as
 * long as it moves, for it brings what is wanted here too; of a process on another machine nobody can know more than that.
 */
async function others(
  site: IncusSite,
  from: Sender,
  transfer: Transfer,
  report: (bytes: number) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const sending = async () =>
    (await runningOn(from.site, transfer.from)).filter(({ description }) => /^Migrating/.test(description))
  let found = await sending()
  if (found.length === 0) return
  const meter = await from.meter.begin()
  try {
    let [bytes, words, moved] = [0, '', performance.now()]
    while (found.length > 0) {
      signal?.throwIfAborted()
      const now = (await meter?.sample()) ?? 0
      const said = JSON.stringify((await runningOn(site, transfer.to)).map(({ metadata }) => metadata))
      if (now - bytes >= NOISE_BYTES || said !== words) moved = performance.now()
      bytes = now
      words = said
      report(now)
      const stalled = performance.now() - moved >= transfer.stall_s * 1000
      if (stalled || (await fetcherOf(site, transfer.to)) === 'gone') break
      await new Promise((resolve) => setTimeout(resolve, LOOK_S * 1000))
      found = await sending()
    }
  } finally {
    await meter?.end()
  }
  if (found.length === 0) return seeded(site, transfer.to, signal)
  await Promise.all(found.map(({ id }) => from.site.client.cancel(id)))
  for (const end = performance.now() + abandoned_limit_ms; performance.now() < end; ) {
    signal?.throwIfAborted()
    if ((await runningOn(site, transfer.to)).length === 0) return
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

/** Whoever fetched for the first time says at its end that it is complete: without that word it would be removed as abandoned. */
async function seeded(site: IncusSite, to: InstanceObject, signal: AbortSignal | undefined): Promise<void> {
  for (const end = performance.now() + word_limit_ms; performance.now() < end; ) {
    signal?.throwIfAborted()
    const found = await lookup(site, to)
    if (found === undefined || found.value.config[SEEDED] === 'true') return
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

const word_limit_ms = 15_000

async function fetcherOf(site: IncusSite, to: InstanceObject): Promise<'alive' | 'gone' | 'unknown'> {
  const text = (await lookup(site, to))?.value.config[FETCHER]
  const { processes } = site.options
  if (text === undefined || text === '' || processes === undefined) return 'unknown'
  const owner = ownerIn(text)
  return owner === undefined ? 'unknown' : processes.lives(owner)
}

/** Undefined where somebody else has written there. */
function ownerIn(text: string): Owner | undefined {
  try {
    const said: unknown = JSON.parse(text)
    return typeof said === 'object' && said !== null ? (said as Owner) : undefined
  } catch {
    return undefined
  }
}

async function runningOn(site: IncusSite, ref: InstanceRef): Promise<readonly Listed[]> {
  const call = { project: projectOf(ref.area) }
  const { value } = await site.client.get<{ readonly running?: readonly Listed[] }>('/1.0/operations?recursion=1', call)
  return (value.running ?? []).filter(({ resources }) =>
    (resources?.instances ?? []).some((url) => url.split('?')[0] === path(ref)),
  )
}

type Listed = {
  readonly id: string
  readonly description: string
  readonly metadata?: unknown
  readonly resources?: { readonly instances?: readonly string[] } | null
}

async function snapshotNames(
  site: IncusSite,
  ref: { readonly area: InstanceObject['area']; readonly name: string },
): Promise<readonly string[]> {
  const { value } = await site.client.get<readonly string[]>(`${path(ref)}/snapshots`, {
    project: projectOf(ref.area),
  })
  return value.map((url) => decodeURIComponent((url.split('?')[0] ?? '').split('/').at(-1) ?? ''))
}

type Course = {
  readonly architecture: string
  readonly origin: string
  readonly meter: Metered | undefined
  readonly report: (bytes: number) => void
  readonly signal: AbortSignal | undefined
  /** Where the target fetches from. */
  readonly url: string
}

async function migrate(site: IncusSite, from: Sender, transfer: Transfer, course: Course): Promise<void> {
  const { options } = from.site
  const source = await from.site.client.begin(
    'POST',
    path(transfer.from),
    { name: transfer.from.name, migration: true, live: false, instance_only: false, allow_inconsistent: false },
    { project: projectOf(transfer.from.area) },
  )
  let target: Operation | undefined
  try {
    const request = wanted(site, transfer.to)
    target = await site.client.begin(
      'POST',
      '/1.0/instances',
      {
        ...request,
        architecture: course.architecture,
        config: { ...request.config, [ORIGIN]: course.origin, ...fetcherMark(site) },
        source: {
          type: 'migration',
          mode: 'pull',
          operation: `${course.url}/1.0/operations/${source.id}`,
          certificate: options.replicationCertificate ?? options.serverCertificate ?? '',
          secrets: source.metadata,
          refresh: true,
          live: false,
          instance_only: false,
        },
      },
      { project: projectOf(transfer.to.area) },
    )
    await follow(site, from, transfer, { source, target }, course)
  } catch (thrown) {
    // The target's end cannot always be cancelled; it ends when the source hangs up.
    await Promise.all([
      from.site.client.cancel(source.id),
      target === undefined ? undefined : site.client.cancel(target.id),
    ])
    throw thrown
  }
  await from.site.client.wait(source.id, SOURCE_END_S).catch(() => undefined)
}

/** Until the target is done. Neither bytes nor words of progress for `stall_s`: a dead link gives no error for minutes. */
async function follow(
  site: IncusSite,
  from: Sender,
  transfer: Transfer,
  ends: { readonly source: Operation; readonly target: Operation },
  course: Course,
): Promise<void> {
  let bytes = 0
  let words = ''
  let moved = performance.now()
  for (;;) {
    const target = await site.client.wait(ends.target.id, LOOK_S, course.signal)
    if (target.status_code >= 200) {
      succeeded(await withCause(from, ends.source, target))
      return
    }
    course.signal?.throwIfAborted()
    const now = (await course.meter?.sample()) ?? 0
    const said = JSON.stringify(target.metadata)
    if (now - bytes >= NOISE_BYTES || said !== words) moved = performance.now()
    bytes = now
    words = said
    course.report(now)
    if (performance.now() - moved >= transfer.stall_s * 1000)
      throw refuse(
        site.options.site,
        'timed-out',
        `nothing of ${refLabel(transfer.to)} arrived from ${transfer.source.site} for ${transfer.stall_s} s ` +
          `(${Math.round(now)} bytes before): is the link between the sites up?`,
      )
  }
}

/** Where the target only says that the other end hung up, the source knows why. */
async function withCause(from: Sender, source: Operation, target: Operation): Promise<Operation> {
  if (target.status_code === 200) return target
  const end = await from.site.client.wait(source.id, LOOK_S).catch(() => undefined)
  if (end?.err === undefined || end.err === '' || target.err.includes(end.err)) return target
  return { ...target, err: `${target.err} (the source says: ${end.err})` }
}
