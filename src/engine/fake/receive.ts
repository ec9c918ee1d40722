import type { Received, Transfer } from '../contract.ts'
import { refLabel } from '../describe.ts'
import type { Place, Work } from './call.ts'
import { type FakeArea, type FakeInstance, type FakeSite, type FakeSnapshot, IMAGE_BYTES } from './site.ts'

/** A transfer with the habits of a real one: listed before it has arrived, stalling on a cut link, undone when cancelled. */
export async function receiveInto(
  place: Place,
  work: Work,
  area: FakeArea,
  transfer: Transfer,
  progress: ((bytes: number) => void) | undefined,
  signal: AbortSignal | undefined,
): Promise<Received> {
  const sourceSite = place.siteOf(transfer.source.site)
  const { source, wanted } = await sourceOf(place, work, sourceSite, transfer, signal)
  const known = area.instances.get(transfer.to.name)
  if (known?.foreign === true || (known !== undefined && known.replicaOf !== source.lineage))
    throw work.error(
      'conflict',
      `${refLabel(transfer.to)} is no replica of ${sourceSite.name}:${refLabel(transfer.from)}`,
    )
  if (known?.receiving === true) throw work.error('busy', `${refLabel(transfer.to)} is being received already`)

  const snapshots = upTo(source, transfer.snapshot)
  const incremental = known !== undefined && snapshots.some(([, each]) => arrived(known, each))
  const missing = snapshots.filter(([, each]) => known === undefined || !arrived(known, each))
  const bytes = incremental ? sum(missing) : IMAGE_BYTES + sum(missing)
  if (place.site.freeBytes() < bytes)
    throw work.error('no-space', `pool default has ${place.site.freeBytes()} bytes left and needs ${bytes}`)

  const replica = known ?? { ...place.site.newInstance(transfer.to), replicaOf: source.lineage }
  const before = new Map(replica.snapshots)
  area.instances.set(transfer.to.name, replica)
  replica.receiving = true
  replica.snapshots.set(transfer.snapshot, { ...wanted, arrived: false })
  try {
    await send(place, work, sourceSite, transfer, bytes, progress, signal)
  } catch (error) {
    const phantom = !place.site.powered || work.fault?.kind === 'break-midway'
    if (!phantom) undo(area, replica, before, known === undefined)
    throw error
  } finally {
    replica.receiving = false
  }

  replica.object = transfer.to
  replica.files = wanted.files
  replica.version = wanted.version
  replica.own_bytes += bytes
  replica.snapshots.clear()
  for (const [name, each] of snapshots) replica.snapshots.set(name, { ...each })
  return { bytes, incremental }
}

async function sourceOf(
  place: Place,
  work: Work,
  sourceSite: FakeSite,
  transfer: Transfer,
  signal: AbortSignal | undefined,
): Promise<{ source: FakeInstance; wanted: FakeSnapshot }> {
  if (!sourceSite.powered || !place.linked(sourceSite.name, place.site.name)) {
    await work.pass(transfer.stall_s * 1_000, signal)
    throw work.error('timed-out', `nothing came from ${sourceSite.name} within ${transfer.stall_s} s`)
  }
  const source = sourceSite.find(transfer.from)
  const wanted = source?.snapshots.get(transfer.snapshot)
  if (source === undefined || source.foreign || wanted === undefined)
    throw work.error(
      'not-found',
      `${sourceSite.name} has no ${refLabel({ ...transfer.from, snapshot: transfer.snapshot })}`,
    )
  return { source, wanted }
}

async function send(
  place: Place,
  work: Work,
  sourceSite: FakeSite,
  transfer: Transfer,
  bytes: number,
  progress: ((bytes: number) => void) | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const pieces = 8
  const boots = sourceSite.boots
  let stalled_ms = 0
  for (let piece = 1; piece <= pieces; ) {
    if (sourceSite.boots !== boots) throw work.error('unreachable', `the connection to ${sourceSite.name} broke`)
    if (work.fault?.kind === 'break-midway' && piece > pieces / 2)
      throw work.error('unreachable', `the connection to ${sourceSite.name} broke`)
    if (place.linked(sourceSite.name, place.site.name)) {
      stalled_ms = 0
      await work.pass((bytes / pieces / place.wan_bytes_per_s) * 1_000 + 5, signal)
      progress?.(Math.round((bytes * piece) / pieces))
      piece += 1
    } else {
      // The link gives no error: only the missing progress tells.
      await work.pass(500, signal)
      stalled_ms += 500
      if (stalled_ms >= transfer.stall_s * 1_000)
        throw work.error('timed-out', `no progress from ${sourceSite.name} for ${transfer.stall_s} s`)
    }
  }
}

function undo(area: FakeArea, replica: FakeInstance, before: ReadonlyMap<string, FakeSnapshot>, isNew: boolean): void {
  if (isNew) area.instances.delete(replica.object.name)
  replica.snapshots.clear()
  for (const [name, each] of before) replica.snapshots.set(name, each)
}

function upTo(source: FakeInstance, last: string): [string, FakeSnapshot][] {
  const all = [...source.snapshots]
  return all.slice(0, all.findIndex(([name]) => name === last) + 1)
}

function arrived(replica: FakeInstance, wanted: FakeSnapshot): boolean {
  return [...replica.snapshots.values()].some((each) => each.id === wanted.id && each.arrived)
}

/** Metadata of an increment, as measured with a copy-on-write pool, plus what was written. */
function sum(snapshots: readonly [string, FakeSnapshot][]): number {
  return snapshots.reduce((bytes, [, each]) => bytes + each.changed_bytes + 2_000, 0)
}
