import type { InstanceObject, InstanceRef, Nic } from '../../state/objects.ts'
import { refLabel } from '../describe.ts'
import { isStatus } from './errors.ts'
import {
  bridgeOf,
  type Config,
  DIGEST,
  instanceMarks,
  instanceOf,
  isMarked,
  notOurs,
  place,
  projectOf,
  refuse,
} from './names.ts'
import { isHalfMade, powerOf } from './observe.ts'
import type { IncusInstance, IncusSite } from './site.ts'

/** Unpacking an image for the first time takes longest: 3 s for 500 MB here. */
const CREATE_S = 300
const REMOVE_S = 120

export async function ensureInstance(site: IncusSite, object: InstanceObject): Promise<void> {
  try {
    await create(site, object, { type: 'image', alias: object.image }, {})
  } catch (thrown) {
    await requireImage(site, object.image)
    throw thrown
  }
}

export async function clone(
  site: IncusSite,
  from: InstanceRef & { readonly snapshot?: string },
  target: InstanceObject,
): Promise<void> {
  const source = await load(site, from)
  const devices =
    from.snapshot === undefined ? source.value.devices : (await snapshot(site, from, from.snapshot)).devices
  await create(
    site,
    target,
    {
      type: 'copy',
      source: from.snapshot === undefined ? from.name : `${from.name}/${from.snapshot}`,
      project: projectOf(from.area),
      instance_only: true,
    },
    // A copy takes over every device of its source that is not named in the request.
    Object.fromEntries(Object.keys(devices).map((device) => [device, { type: 'none' }])),
  )
}

export async function setDigest(site: IncusSite, ref: InstanceRef, digest: string): Promise<void> {
  await load(site, ref)
  await patchConfig(site, ref, { [DIGEST]: digest })
}

/**
 * Incus renames only what is stopped. 6.0 also moves its folder of logs onto itself, which fails ("file exists") where a
 * request for the state of the instance made that folder anew in between; it takes its renaming back then.
 */
export async function rename(site: IncusSite, ref: InstanceRef, name: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await renameOnce(site, ref, name)
      return
    } catch (thrown) {
      if (attempt === RENAME_TRIES || !/\/logs\/.*: file exists/.test(String(thrown))) throw thrown
      await new Promise((resolve) => setTimeout(resolve, 50 * attempt))
    }
  }
}

const RENAME_TRIES = 6

async function renameOnce(site: IncusSite, ref: InstanceRef, name: string): Promise<void> {
  const target = { area: ref.area, name }
  const [from, to] = await Promise.all([lookup(site, ref), lookup(site, target)])
  if (from === undefined && to !== undefined) return
  if (to !== undefined) throw refuse(site.options.site, 'conflict', `${place(target)} is there already`)
  const found = from ?? (await load(site, ref))
  if (powerOf(found.value.status) !== 'stopped')
    throw refuse(site.options.site, 'conflict', `${place(ref)} is ${found.value.status.toLowerCase()}: stop it first`)
  await site.client.run('POST', path(ref), { name }, { project: projectOf(ref.area), operation_s: REMOVE_S })
}

export async function removeInstance(site: IncusSite, ref: InstanceRef): Promise<void> {
  const found = await lookup(site, ref)
  if (found === undefined) return
  if (powerOf(found.value.status) !== 'stopped')
    throw refuse(site.options.site, 'conflict', `${place(ref)} is ${found.value.status.toLowerCase()}: stop it first`)
  await unlessGone(
    site.client.run('DELETE', path(ref), undefined, { project: projectOf(ref.area), operation_s: REMOVE_S }),
  )
}

export async function removeSnapshot(site: IncusSite, ref: InstanceRef, name: string): Promise<void> {
  if ((await lookup(site, ref)) === undefined) return
  await unlessGone(
    site.client.run('DELETE', `${path(ref)}/snapshots/${encodeURIComponent(name)}`, undefined, {
      project: projectOf(ref.area),
      operation_s: REMOVE_S,
    }),
  )
}

export type FoundInstance = { readonly value: IncusInstance; readonly etag: string }

/** The instance if it exists; one without our mark is a `conflict`. */
export async function lookup(site: IncusSite, ref: InstanceRef): Promise<FoundInstance | undefined> {
  try {
    const found = await site.client.get<IncusInstance>(path(ref), { project: projectOf(ref.area) })
    if (!isMarked(found.value.config, ref.area)) throw notOurs(place(ref))
    return found
  } catch (thrown) {
    if (isStatus(thrown, 404)) return undefined
    throw thrown
  }
}

export async function load(site: IncusSite, ref: InstanceRef): Promise<FoundInstance> {
  const found = await lookup(site, ref)
  if (found === undefined) throw refuse(site.options.site, 'not-found', `there is no ${place(ref)}`)
  return found
}

/** A snapshot as Incus lists it, which proves nothing about its data. */
export async function snapshot(site: IncusSite, ref: InstanceRef, name: string): Promise<IncusInstance> {
  try {
    const call = { project: projectOf(ref.area) }
    return (await site.client.get<IncusInstance>(`${path(ref)}/snapshots/${encodeURIComponent(name)}`, call)).value
  } catch (thrown) {
    if (!isStatus(thrown, 404)) throw thrown
    throw refuse(site.options.site, 'not-found', `${place(ref)} has no snapshot ${name}`)
  }
}

export function path(ref: InstanceRef): string {
  return `/1.0/instances/${encodeURIComponent(ref.name)}`
}

/** Keys that are not named stay as they are. */
export async function patchConfig(site: IncusSite, ref: InstanceRef, config: Config): Promise<void> {
  await site.client.send('PATCH', path(ref), { config }, { project: projectOf(ref.area) })
}

/** What Incus is asked to make of an object, apart from where its root comes from. */
export function wanted(site: IncusSite, object: InstanceObject) {
  return {
    name: object.name,
    type: 'container',
    profiles: [],
    ephemeral: false,
    config: { 'boot.autostart': 'false', 'security.privileged': 'false', ...instanceMarks(object) },
    devices: devicesOf(site, object),
  }
}

/** The legs of an instance as devices. What is never started is connected to nothing. */
export function legsOf(site: IncusSite, object: InstanceObject): Readonly<Record<string, Config>> {
  if (object.area.kind === 'replica' || object.area.kind === 'keep') return {}
  return Object.fromEntries(object.nics.map((nic) => [deviceName(nic), leg(site, object, nic)]))
}

export function deviceName(nic: Nic): string {
  return `nic-${nic.interface}`
}

function devicesOf(site: IncusSite, object: InstanceObject): Readonly<Record<string, Config>> {
  return { root: { type: 'disk', path: '/', pool: site.options.pool }, ...legsOf(site, object) }
}

function leg(site: IncusSite, object: InstanceObject, nic: Nic): Config {
  const common = { type: 'nic', name: nic.interface, hwaddr: nic.mac }
  if (nic.network === 'segment')
    return { ...common, network: bridgeOf({ type: 'network', area: object.area, segment: nic.segment }) }
  // A drill must not meet the outside: its legs end in networks of the bubble that are called like the real ones.
  if (object.area.kind === 'bubble' && nic.network !== 'site-services')
    return { ...common, network: bridgeOf({ type: 'network', area: object.area, segment: nic.network }) }
  const parent = nic.network === 'outside' ? site.options.outsideBridge : site.options.servicesBridge
  return { ...common, nictype: 'bridged', parent }
}

async function create(
  site: IncusSite,
  object: InstanceObject,
  source: Readonly<Record<string, unknown>>,
  absent: Readonly<Record<string, Config>>,
): Promise<void> {
  await removeHalfMade(site, object)
  if (await isThere(site, object)) return
  const request = wanted(site, object)
  try {
    await site.client.run(
      'POST',
      '/1.0/instances',
      { ...request, devices: { ...absent, ...request.devices }, source },
      { project: projectOf(object.area), operation_s: CREATE_S },
    )
  } catch (thrown) {
    // Another call may have made it in the meantime: then that one decides.
    if (!(await isThere(site, object).catch(() => false))) throw thrown
  }
}

/** One that is being made at this moment is busy, and stays. */
async function removeHalfMade(site: IncusSite, object: InstanceObject): Promise<void> {
  const found = await lookup(site, object)
  if (found !== undefined && isHalfMade(found.value)) await removeInstance(site, object)
}

/** Incus itself only says that no image was provided. */
async function requireImage(site: IncusSite, alias: string): Promise<void> {
  try {
    await site.client.get(`/1.0/images/aliases/${encodeURIComponent(alias)}`)
  } catch (thrown) {
    if (!isStatus(thrown, 404)) return
    throw refuse(site.options.site, 'not-found', `${site.options.site} has no image ${alias}: import it there first`)
  }
}

async function isThere(site: IncusSite, object: InstanceObject): Promise<boolean> {
  const found = await lookup(site, object)
  if (found === undefined) return false
  const digest = instanceOf(object.name, found.value.config)?.digest
  if (digest === object.digest) return true
  throw refuse(
    site.options.site,
    'conflict',
    `${refLabel(object)} exists with digest ${digest}, wanted is ${object.digest}: replace it or set its digest`,
  )
}

async function unlessGone(removal: Promise<unknown>): Promise<void> {
  try {
    await removal
  } catch (thrown) {
    if (!isStatus(thrown, 404)) throw thrown
  }
}
