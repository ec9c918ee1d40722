import { posix } from 'node:path'
import type { InstanceRef } from '../../state/objects.ts'
import type { PowerVerb, PutFile } from '../contract.ts'
import { IncusFailure, isStatus } from './errors.ts'
import { deviceName, legsOf, load, path } from './instances.ts'
import { instanceOf, place, projectOf, refuse } from './names.ts'
import { isHalfMade, powerOf } from './observe.ts'
import type { IncusSite } from './site.ts'

const START_S = 60
const KILL_S = 30
const CUT_TRIES = 5

export async function power(site: IncusSite, ref: InstanceRef, verb: PowerVerb, within_s: number): Promise<void> {
  if ((verb === 'start' || verb === 'resume') && (ref.area.kind === 'replica' || ref.area.kind === 'keep'))
    throw refuse(site.options.site, 'rejected', `${place(ref)} is a ${ref.area.kind}: it is never started, clone it`)
  const found = (await load(site, ref)).value
  if (verb === 'start' && isHalfMade(found))
    throw refuse(
      site.options.site,
      'conflict',
      `${place(ref)} was not made to the end, and is not started: run the verb again`,
    )
  const now = powerOf(found.status)
  const change = (action: string, force: boolean, timeout: number) =>
    site.client.run(
      'PUT',
      `${path(ref)}/state`,
      { action, force, timeout, stateful: false },
      { project: projectOf(ref.area), operation_s: timeout + START_S },
    )
  /** It may have ended by itself while it was asked to. */
  const kill = () =>
    change('stop', true, KILL_S).catch(async (thrown: unknown) => {
      if (powerOf((await load(site, ref)).value.status) !== 'stopped') throw thrown
    })
  switch (verb) {
    case 'start':
      if (now === 'paused') await change('unfreeze', false, within_s)
      else if (now !== 'running')
        await change('start', false, within_s).catch(async (thrown: unknown) => {
          // A controller that died may have asked for the same a moment before.
          if (powerOf((await load(site, ref)).value.status) !== 'running') await explain(site, ref, thrown)
        })
      return
    case 'stop': {
      if (now === 'stopped') return
      if (now === 'paused') await change('unfreeze', false, within_s)
      try {
        await change('stop', false, within_s)
      } catch (thrown) {
        if (powerOf((await load(site, ref)).value.status) === 'stopped') return
        if (!isStatus(thrown, 500) && !isStatus(thrown, 400) && !isStatus(thrown, 408)) throw thrown
        await kill()
      }
      return
    }
    case 'kill':
      if (now !== 'stopped') await kill()
      return
    case 'pause':
      if (now !== 'paused') await change('freeze', false, within_s)
      return
    case 'resume':
      if (now !== 'running') await change('unfreeze', false, within_s)
      return
  }
}

/** Incus says only that its helper failed; why is in the log of the container. */
async function explain(site: IncusSite, ref: InstanceRef, thrown: unknown): Promise<never> {
  if (!(thrown instanceof IncusFailure)) throw thrown
  const log = await site.client.text(`${path(ref)}/logs/lxc.log`, { project: projectOf(ref.area) }).catch(() => '')
  const errors = log.split('\n').filter((line) => / (ERROR|WARN) /.test(line))
  throw errors.length === 0
    ? thrown
    : new IncusFailure(thrown.status, `${thrown.message}\n${errors.slice(-5).join('\n')}`)
}

/** Takes the legs away or puts them back as devices: on a running instance the interface is gone when this returns. */
export async function cutLegs(
  site: IncusSite,
  ref: InstanceRef,
  cut: boolean,
  which: 'outer' | 'all' = 'outer',
): Promise<void> {
  for (let tries = 1; ; tries++) {
    const { value, etag } = await load(site, ref)
    const object = instanceOf(ref.name, value.config)
    if (object === undefined) throw refuse(site.options.site, 'conflict', `the marks of ${place(ref)} are incomplete`)
    const outer = new Set(object.nics.filter((nic) => which === 'all' || nic.network !== 'segment').map(deviceName))
    const legs = Object.entries(legsOf(site, object)).filter(([device]) => outer.has(device))
    const others = Object.fromEntries(Object.entries(value.devices).filter(([device]) => !outer.has(device)))
    const devices = cut ? others : { ...others, ...Object.fromEntries(legs) }
    if (legs.every(([device]) => device in value.devices !== cut)) return
    const { architecture, config, description, ephemeral, profiles } = value
    try {
      await site.client.run(
        'PUT',
        path(ref),
        { architecture, config, description, ephemeral, profiles, devices },
        { project: projectOf(ref.area), headers: { 'if-match': etag } },
      )
      return
    } catch (thrown) {
      if (!isStatus(thrown, 412) || tries === CUT_TRIES) throw thrown
    }
  }
}

export async function put(site: IncusSite, ref: InstanceRef, files: readonly PutFile[]): Promise<void> {
  await load(site, ref)
  for (const directories of parents(files.map((file) => file.path)))
    await Promise.all(directories.map((directory) => write(site, ref, directory, 'directory', 0o755, '')))
  await Promise.all(files.map((file) => putFile(site, ref, file)))
}

export async function leaseOf(
  site: IncusSite,
  ref: InstanceRef,
  interfaceName: string,
  family: 4 | 6 = 4,
): Promise<string | undefined> {
  await load(site, ref)
  const { value } = await site.client.get<InstanceState>(`${path(ref)}/state`, { project: projectOf(ref.area) })
  const addresses = value.network?.[interfaceName]?.addresses ?? []
  const wanted = family === 4 ? 'inet' : 'inet6'
  const found = addresses.filter((each) => each.family === wanted && each.scope === 'global')
  // Of an address that the world can reach and one of the site's own (RFC 4193) the former.
  return (found.find(({ address }) => !/^f[cd]/i.test(address)) ?? found[0])?.address
}

type InstanceState = {
  readonly network: Readonly<
    Record<string, { readonly addresses: readonly { family: string; address: string; scope: string }[] }>
  > | null
}

export async function consoleTail(site: IncusSite, ref: InstanceRef, lines: number): Promise<string> {
  await load(site, ref)
  try {
    const text = await site.client.text(`${path(ref)}/console`, { project: projectOf(ref.area) })
    return text.trimEnd().split('\n').slice(-lines).join('\n')
  } catch (thrown) {
    if (isStatus(thrown, 404)) return ''
    throw thrown
  }
}

/** Incus sets mode and owner only of a file that it makes, and only after writing it: so remove it, and fill what not
 * everybody may read only when it has its mode. */
async function putFile(site: IncusSite, ref: InstanceRef, file: PutFile): Promise<void> {
  const url = `${path(ref)}/files?path=${encodeURIComponent(file.path)}`
  await site.client.send('DELETE', url, undefined, { project: projectOf(ref.area) }).catch((thrown: unknown) => {
    if (!isStatus(thrown, 404)) throw thrown
  })
  if ((file.mode & 0o004) === 0) await write(site, ref, file.path, 'file', file.mode, '')
  await write(site, ref, file.path, 'file', file.mode, file.content)
}

async function write(
  site: IncusSite,
  ref: InstanceRef,
  file: string,
  type: 'file' | 'directory',
  mode: number,
  content: Uint8Array | string,
): Promise<void> {
  await site.client.send('POST', `${path(ref)}/files?path=${encodeURIComponent(file)}`, content, {
    project: projectOf(ref.area),
    headers: {
      'content-type': 'application/octet-stream',
      'x-incus-type': type,
      'x-incus-mode': mode.toString(8).padStart(4, '0'),
      'x-incus-uid': '0',
      'x-incus-gid': '0',
    },
  })
}

/** All directories above the files, level by level from the root. */
function parents(paths: readonly string[]): readonly (readonly string[])[] {
  const levels: Set<string>[] = []
  for (const path of paths) {
    const steps = posix.dirname(path).split('/').filter(Boolean)
    steps.forEach((_, depth) => {
      levels[depth] ??= new Set()
      levels[depth].add(`/${steps.slice(0, depth + 1).join('/')}`)
    })
  }
  return levels.map((level) => [...level])
}
