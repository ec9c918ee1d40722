import type { Area, HandChange, InstanceObject } from '../../state/objects.ts'
import { segmentConfig } from './areas.ts'
import { wanted } from './instances.ts'
import { type Config, isMarked, networkOf } from './names.ts'
import type { IncusInstance, IncusNetwork, IncusSite } from './site.ts'

/** What somebody changed in Incus of what Lifeboat made there. Keys that Incus writes itself are none of it. */
export function instanceChanges(site: IncusSite, object: InstanceObject, found: IncusInstance): readonly HandChange[] {
  const made = wanted(site, object)
  const profiles = changes('profiles', { '': '' }, { '': found.profiles.join(' ') })
  const devices = [...new Set([...Object.keys(made.devices), ...Object.keys(found.devices)])].sort()
  return [
    ...changes('config', settings(made.config), settings(found.config)),
    ...profiles,
    ...devices.flatMap((name) => {
      const [was, is] = [made.devices[name], found.devices[name]]
      if (was === undefined || is === undefined)
        return [{ place: `device ${name}`, made: words(was), found: words(is) }]
      return changes(`device ${name}`, was, is)
    }),
  ]
}

export function networkChanges(
  area: Area,
  networks: readonly IncusNetwork[],
): readonly { readonly segment: string; readonly changes: readonly HandChange[] }[] {
  return networks.flatMap((each) => {
    const network = isMarked(each.config, area) ? networkOf(each.config) : undefined
    if (network === undefined) return []
    const found = changes('config', segmentConfig, settings(each.config))
    return found.length === 0 ? [] : [{ segment: network.segment, changes: found }]
  })
}

function settings(config: Config): Config {
  const own = /^(volatile|image|user\.lifeboat)\./
  return Object.fromEntries(Object.entries(config).filter(([key]) => !own.test(key)))
}

function changes(what: string, made: Config, found: Config): readonly HandChange[] {
  const keys = [...new Set([...Object.keys(made), ...Object.keys(found)])].sort()
  return keys
    .filter((key) => made[key] !== found[key])
    .map((key) => ({ place: `${what} ${key}`.trim(), made: made[key], found: found[key] }))
}

function words(device: Config | undefined): string | undefined {
  if (device === undefined) return undefined
  return Object.entries(device)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ')
}
