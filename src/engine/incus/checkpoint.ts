import type { InstanceRef } from '../../state/objects.ts'
import type { Checkpoint } from '../contract.ts'
import { load, path, removeSnapshot } from './instances.ts'
import { projectOf } from './names.ts'
import { powerOf } from './observe.ts'
import type { IncusSite } from './site.ts'

const PAUSE_S = 10
const SNAPSHOT_S = 60
/** A machine that stays paused is an outage: resuming is tried for as long as anyone could bear to wait. */
const RESUME_TRIES = 60
const RESUME_WAIT_MS = 500

/** Incus means by this time that a snapshot never expires. */
const NEVER = '0001-01-01T00:00:00Z'

/** `pause_ms` is an upper bound: from asking to pause until Incus says that it runs again, of the slowest machine. */
export async function checkpoint(
  site: IncusSite,
  refs: readonly InstanceRef[],
  name: string,
  consistency: 'together' | 'each',
): Promise<Checkpoint> {
  const found = await Promise.all(refs.map(async (ref) => ({ ref, now: await load(site, ref) })))
  const running = found.filter(({ now }) => powerOf(now.value.status) === 'running').map(({ ref }) => ref)
  const pauses = consistency === 'together' ? running : []
  const since = new Map<InstanceRef, number>()
  let pause_ms = 0
  let taken_at = new Date()
  try {
    await everyOne(pauses, async (ref) => {
      since.set(ref, performance.now())
      await freeze(site, ref, 'freeze')
    })
    taken_at = new Date()
    await snapshotAll(site, refs, name)
  } finally {
    await everyOne([...since.keys()], async (ref) => {
      await resume(site, ref)
      pause_ms = Math.max(pause_ms, performance.now() - (since.get(ref) ?? 0))
    })
  }
  return { taken_at: taken_at.toISOString(), pause_ms: Math.ceil(pause_ms) }
}

/** Either all of them or none: what was made is removed when one failed. */
async function snapshotAll(site: IncusSite, refs: readonly InstanceRef[], name: string): Promise<void> {
  const made: InstanceRef[] = []
  try {
    await everyOne(refs, async (ref) => {
      await site.client.run(
        'POST',
        `${path(ref)}/snapshots`,
        { name, stateful: false, expires_at: NEVER },
        { project: projectOf(ref.area), operation_s: SNAPSHOT_S },
      )
      made.push(ref)
    })
  } catch (thrown) {
    await Promise.allSettled(made.map((ref) => removeSnapshot(site, ref, name)))
    throw thrown
  }
}

async function freeze(site: IncusSite, ref: InstanceRef, action: 'freeze' | 'unfreeze'): Promise<void> {
  await site.client.run(
    'PUT',
    `${path(ref)}/state`,
    { action, timeout: PAUSE_S, force: false },
    { project: projectOf(ref.area), operation_s: PAUSE_S },
  )
}

/** Cannot be cancelled. A machine that was stopped or removed in the meantime is not paused either. */
async function resume(site: IncusSite, ref: InstanceRef): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await freeze(site, ref, 'unfreeze')
    } catch (thrown) {
      const now = await load(site, ref).then(
        (found) => powerOf(found.value.status),
        () => undefined,
      )
      if (now !== undefined && now !== 'paused') return
      if (tries === RESUME_TRIES) throw thrown
      await new Promise((resolve) => setTimeout(resolve, RESUME_WAIT_MS))
    }
  }
}

/** Waits for all of them, also when one failed, so that nothing goes on behind the caller's back. */
async function everyOne(refs: readonly InstanceRef[], work: (ref: InstanceRef) => Promise<void>): Promise<void> {
  const results = await Promise.allSettled(refs.map(work))
  const failed = results.find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}
