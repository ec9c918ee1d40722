import { type Prefix, parsePrefix } from '../lib/ip.ts'
import { looksLike6, type Prefix6, parsePrefix6 } from '../lib/ip6.ts'
import { type Group, groupsOf } from './groups.ts'
import type { ApplianceFile, StackFile } from './schema.ts'
import type { Path } from './source.ts'

/**
 * What the checks look at. Entries that are broken in themselves are not in `file`, but their names are still known, so
 * that one mistake is one problem. `whole` is false where something was left out: checks for absence then stay silent.
 */
export type View = {
  readonly file: StackFile
  readonly whole: boolean
  readonly names: Readonly<Record<Kind, Names>>
  readonly prefixes: ReadonlyMap<string, Prefix>
  /** Of the segments that have one. */
  readonly prefixes6: ReadonlyMap<string, Prefix6>
  /** Where a prefix of a segment is written: as the value, or as one of a list. */
  readonly prefixAt: (segment: string, text: string) => Path
  readonly groups: ReadonlyMap<string, Group>
  readonly balanced: ReadonlyMap<string, Balanced>
  /** Instance name to group. */
  readonly instances: ReadonlyMap<string, string>
}

export type Kind = 'segment' | 'machine' | 'appliance' | 'balanced' | 'central' | 'secret' | 'group'

/** Declared names; `any` where the whole section is unreadable, so that nothing can be called unknown. */
export type Names = { readonly declared: ReadonlySet<string>; readonly any: boolean }

export type Balanced = {
  readonly path: Path
  readonly appliance: string
  readonly service: NonNullable<ApplianceFile['load-balancer']>['services'][string]
}

/** `at` is the path of the offending value; of its key where `part` says so. */
export type Report = (
  level: 'error' | 'warning',
  at: Path,
  what: string,
  hint?: string | undefined,
  part?: 'key' | 'value',
) => void

/** More instances than this are a slip of the keyboard. */
export const MAX_INSTANCES = 20_000

export function viewOf(file: StackFile, raw: unknown, whole: boolean): View {
  const prefixes = new Map<string, Prefix>()
  const prefixes6 = new Map<string, Prefix6>()
  for (const [name, texts] of Object.entries(file.segments)) {
    const { v4, v6 } = byFamily(texts)
    const prefix = v4 === undefined ? undefined : parsePrefix(v4)
    if (prefix?.ok) prefixes.set(name, prefix.value)
    const prefix6 = v6 === undefined ? undefined : parsePrefix6(v6)
    if (prefix6?.ok) prefixes6.set(name, prefix6.value)
  }
  const balanced = new Map<string, Balanced>()
  for (const [appliance, { 'load-balancer': balancer }] of Object.entries(file.appliances)) {
    for (const [name, service] of Object.entries(balancer?.services ?? {})) {
      const path = ['appliances', appliance, 'load-balancer', 'services', name]
      if (!balanced.has(name)) balanced.set(name, { path, appliance, service })
    }
  }
  const instances = new Map<string, string>()
  for (const [group, { count }] of Object.entries(file.machines)) {
    // More is a problem of its own (check-names.ts); here it must only not exhaust the memory.
    if (instances.size + (count ?? 1) > MAX_INSTANCES) break
    for (const instance of instancesOf(group, count)) instances.set(instance, group)
  }
  const names = {
    segment: namesIn(raw, 'segments'),
    machine: namesIn(raw, 'machines'),
    appliance: namesIn(raw, 'appliances'),
    balanced: balancedIn(raw),
    central: namesIn(raw, 'services'),
    secret: namesIn(raw, 'secrets'),
    group: namesIn(raw, 'groups'),
  }
  const prefixAt = (segment: string, text: string): Path => {
    const written = member(member(raw, 'segments'), segment)
    return Array.isArray(written) ? ['segments', segment, written.indexOf(text)] : ['segments', segment]
  }
  const groups = groupsOf(file.groups)
  return { file, whole, names, prefixes, prefixes6, prefixAt, groups, balanced, instances }
}

/** The first prefix of each family; a second one is a problem (check-segments.ts). */
export function byFamily(prefixes: readonly string[]): {
  readonly v4: string | undefined
  readonly v6: string | undefined
} {
  return { v4: prefixes.find((text) => !looksLike6(text)), v6: prefixes.find(looksLike6) }
}

export function instancesOf(group: string, count: number | undefined): readonly string[] {
  return count === undefined ? [group] : Array.from({ length: count }, (_, index) => `${group}${index + 1}`)
}

/** Segments that an appliance has a leg in, each once. */
export function legsOf(view: View, name: string): readonly string[] {
  const appliance = own(view.file.appliances, name)
  if (appliance === undefined) return []
  const legs = [...(appliance.firewall?.inside ?? []), ...(appliance.nat?.inside ?? [])]
  for (const service of Object.values(appliance['load-balancer']?.services ?? {})) {
    legs.push(service.listen.segment)
    for (const { pool } of poolsOf(service)) {
      const machine = own(view.file.machines, pool.machine)
      if (machine !== undefined) legs.push(machine.segment)
    }
  }
  return [...new Set(legs)]
}

/** Every pool and backup that a service names, with the place below the service where it does. */
export function poolsOf(service: Balanced['service']): readonly PlacedPool[] {
  const own = poolsIn(service, [])
  return [...own, ...service.routes.flatMap((route, index) => poolsIn(route, ['routes', index]))]
}

export type PlacedPool = {
  readonly pool: { readonly machine: string; readonly port: number }
  readonly at: Path
  readonly backup: boolean
}

function poolsIn({ pool, backup = [] }: Pick<Balanced['service'], 'pool' | 'backup'>, at: Path): PlacedPool[] {
  const first = pool === undefined ? [] : [{ pool, at: [...at, 'pool'], backup: false }]
  return [...first, ...backup.map((each, index) => ({ pool: each, at: [...at, 'backup', index], backup: true }))]
}

/** An entry by a name from the file, which may well be `constructor`. */
export function own<T>(map: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(map, name) ? map[name] : undefined
}

function namesIn(raw: unknown, section: string): Names {
  const map = member(raw, section)
  if (map === undefined) return { declared: new Set(), any: false }
  return isMap(map) ? { declared: new Set(Object.keys(map)), any: false } : { declared: new Set(), any: true }
}

function balancedIn(raw: unknown): Names {
  const appliances = member(raw, 'appliances')
  if (appliances === undefined) return { declared: new Set(), any: false }
  if (!isMap(appliances)) return { declared: new Set(), any: true }
  const declared = new Set<string>()
  let any = false
  for (const appliance of Object.values(appliances)) {
    const services = member(member(appliance, 'load-balancer'), 'services')
    if (isMap(services)) for (const name of Object.keys(services)) declared.add(name)
    else if (!isMap(appliance) || Object.hasOwn(appliance, 'load-balancer')) any = true
  }
  return { declared, any }
}

function member(value: unknown, key: string): unknown {
  return isMap(value) && Object.hasOwn(value, key) ? value[key] : undefined
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
