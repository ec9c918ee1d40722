import type { CompiledAppliance } from '../compile/compiled.ts'
import { sha256 } from '../lib/digest.ts'
import type { LoadUnit } from '../plan/plan.ts'
import type { Inspection } from '../state/inspection.ts'

/** Something of a running appliance that is not as Lifeboat wrote it. */
export type HandMade = {
  /** A file, or what the kernel or a program has: `rules in the kernel`. */
  readonly place: string
  readonly what: string
  /** As it was written and as it was found, where both are text. */
  readonly written?: string
  readonly found?: string
  /** A program that does not run: nothing is lost by starting it. */
  readonly down?: true
  /** What loads it again; undefined where only another appliance helps. */
  readonly unit: LoadUnit | undefined
}

const haproxyFile = '/etc/haproxy/haproxy.cfg'
const dnsmasqFile = '/etc/dnsmasq.conf'

/** What was changed in the appliance itself, whatever the stack file says now. */
export function handMade(appliance: CompiledAppliance, found: Inspection): readonly HandMade[] {
  return [...changedFiles(found), ...changedRules(found), ...changedPrograms(appliance, found)]
}

/** Paths whose content is not what is compiled now, or that are not compiled any more. */
export function unlike(
  appliance: CompiledAppliance,
  found: Inspection,
  secrets: Readonly<Record<string, string>>,
): { readonly changed: readonly string[]; readonly gone: readonly string[] } {
  const wanted = new Map([
    ...appliance.files.map(({ path, text }) => [path, sha256(text)] as const),
    ...appliance.secrets.map(({ path, secret }) => [path, secrets[secret]] as const),
  ])
  return {
    // A secret of which nothing is known here, such as a site's own, is not compared.
    changed: [...wanted].flatMap(([path, digest]) =>
      digest === undefined || found.files[path]?.sha256 === digest ? [] : [path],
    ),
    gone: Object.keys(found.files).filter((path) => !wanted.has(path)),
  }
}

/** What makes a changed file take effect without another appliance; undefined where nothing does. */
export function unitOf(path: string): LoadUnit | undefined {
  if (path === '/etc/nftables.conf') return 'nft'
  if (path === dnsmasqFile) return 'dnsmasq'
  return path.startsWith('/etc/haproxy/') || /^\/etc\/lifeboat\/secrets\/[^/]+\.pem$/.test(path) ? 'haproxy' : undefined
}

function changedFiles({ written, files }: Inspection): readonly HandMade[] {
  if (written === undefined) return []
  const paths = [...new Set([...Object.keys(written), ...Object.keys(files)])].sort()
  return paths.flatMap((place) => {
    const [was, is] = [written[place], files[place]]
    if (was === is?.sha256) return []
    const what = was === undefined ? 'added by hand' : is === undefined ? 'removed by hand' : 'changed by hand'
    return [{ place, what, unit: unitOf(place), ...(is?.text === undefined ? {} : { found: is.text }) }]
  })
}

function changedRules({ ruleset }: Inspection): readonly HandMade[] {
  if (ruleset === undefined) return []
  const [written, found] = [steady(ruleset.meant), steady(ruleset.loaded)]
  if (written === found) return []
  return [{ place: 'rules in the kernel', what: 'not those of /etc/nftables.conf', written, found, unit: 'nft' }]
}

/** Without what packets put into sets. */
function steady(listing: string): string {
  return listing.replace(/^\t(?:set|map) [^\n]*\{\n[\s\S]*?^\t\}\n/gm, (block) =>
    /^\t\tflags [^\n]*(dynamic|timeout)/m.test(block)
      ? block.replace(/^\t\telements = \{[\s\S]*?\}\n(?=\t)/m, '')
      : block,
  )
}

function changedPrograms({ files, secrets }: CompiledAppliance, found: Inspection): readonly HandMade[] {
  const has = (path: string) => files.some((file) => file.path === path)
  const pems = secrets.map(({ path }) => path).filter((path) => unitOf(path) === 'haproxy')
  return [
    ...(has(haproxyFile) ? staleness('haproxy', [haproxyFile, ...pems], found) : []),
    ...(has(dnsmasqFile) ? staleness('dnsmasq', [dnsmasqFile], found) : []),
    ...serverChanges(found.servers ?? ''),
  ]
}

/** Clocks and start times count whole seconds. */
const slack_s = 1

function staleness(unit: 'haproxy' | 'dnsmasq', paths: readonly string[], found: Inspection): readonly HandMade[] {
  const began_s = found.began_s[unit]
  if (began_s === undefined) return [{ place: unit, what: 'does not run', down: true, unit }]
  const later = paths.filter((path) => (found.files[path]?.changed_s ?? 0) > began_s + slack_s)
  return later.length === 0 ? [] : [{ place: unit, what: `runs with an earlier ${later.join(', ')}`, unit }]
}

/**
 * Columns of `show servers state` (HAProxy management guide, 9.3): 2 backend, 4 server, 7 administrative state (1: forced
 * maintenance, 8: forced drain), 8 weight now, 9 weight of the file.
 */
function serverChanges(table: string): readonly HandMade[] {
  return table.split('\n').flatMap((line): readonly HandMade[] => {
    const [id, backend, , server, , , state, weight, initial] = line.split(' ')
    if (id === undefined || !/^\d+$/.test(id) || server === undefined) return []
    const flags = Number(state)
    const place = `haproxy server ${backend}/${server}`
    return [
      ...((flags & 1) !== 0 ? [{ place, what: 'put into maintenance by hand', unit: 'haproxy' as const }] : []),
      ...((flags & 8) !== 0 ? [{ place, what: 'drained by hand', unit: 'haproxy' as const }] : []),
      ...(weight === initial ? [] : [{ place, what: `weight ${weight}, not ${initial}`, unit: 'haproxy' as const }]),
    ]
  })
}
