import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What the images are built from: this machine's own distribution, as its own apt is configured. */
export type Distribution = {
  /** Release name as in the archive: `bookworm`, `trixie`, `noble`. */
  readonly codename: string
  /** deb822 text with the distribution's suites only, keyrings as the machine has them. */
  readonly sources: string
}

/** Reads os-release and apt's sources below `etc`. Throws when nothing usable is configured. */
export function readDistribution(etc = '/etc'): Distribution {
  const codename = codenameOf(readFileSync(join(etc, 'os-release'), 'utf8'))
  const entries = sourceFiles(etc).flatMap((file) => {
    const text = readFileSync(file, 'utf8')
    return file.endsWith('.sources') ? parseDeb822(text) : parseOneLine(text)
  })
  const sources = entries.flatMap((entry) => keepDistribution(entry, codename))
  if (sources.length === 0) {
    throw new Error(
      `apt on this machine has no source for ${codename} main (looked in ${etc}/apt): the images cannot be built. Add the distribution's own archive to /etc/apt/sources.list.d`,
    )
  }
  return { codename, sources: `${sources.map(formatEntry).join('\n')}` }
}

type Entry = {
  readonly uris: readonly string[]
  readonly suites: readonly string[]
  readonly components: readonly string[]
  /** A path, a fingerprint, or an embedded key as deb822 has it (continuation lines included). */
  readonly signedBy: string | undefined
}

const wantedComponents: readonly string[] = ['main', 'universe']

function codenameOf(osRelease: string): string {
  const name = /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(osRelease)?.[1]
  if (name === undefined) throw new Error('os-release names no VERSION_CODENAME: which release to build is unknown')
  return name
}

function sourceFiles(etc: string): readonly string[] {
  const parts = join(etc, 'apt/sources.list.d')
  const listed = existsSync(parts) ? readdirSync(parts).sort() : []
  return [
    join(etc, 'apt/sources.list'),
    ...listed.filter((name) => /\.(list|sources)$/.test(name)).map((name) => join(parts, name)),
  ].filter((path) => existsSync(path))
}

/** sources.list(5), "deb822-style format": stanzas, continuation lines, comments, `Enabled: no`. */
export function parseDeb822(text: string): readonly Entry[] {
  return text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .split(/\n\s*\n/)
    .flatMap((stanza) => {
      const fields = new Map<string, string>()
      for (const field of stanza.split(/\n(?=\S)/)) {
        const match = /^\s*([A-Za-z-]+):[ \t]*([\s\S]*)$/.exec(field)
        if (match) fields.set(match[1]!.toLowerCase(), match[2]!.trimEnd())
      }
      const words = (name: string) => (fields.get(name) ?? '').split(/\s+/).filter(Boolean)
      if (!words('types').includes('deb') || /^(no|false|0)$/i.test(fields.get('enabled') ?? 'yes')) return []
      return [
        {
          uris: words('uris'),
          suites: words('suites'),
          components: words('components'),
          signedBy: fields.get('signed-by'),
        },
      ]
    })
}

/** sources.list(5), "one-line-style format". */
export function parseOneLine(text: string): readonly Entry[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)((?:\s+[^\s#]+)*)/.exec(line)
    if (!match) return []
    const signedBy = /(?:^|\s)signed-by=(\S+)/.exec(match[1] ?? '')?.[1]
    return [
      { uris: [match[2]!], suites: [match[3]!], components: (match[4] ?? '').split(/\s+/).filter(Boolean), signedBy },
    ]
  })
}

/** Only the release itself, its updates and its security updates: images need no third party's packages. */
function keepDistribution(entry: Entry, codename: string): readonly Entry[] {
  const suites = entry.suites.filter((suite) =>
    [codename, `${codename}-updates`, `${codename}-security`].includes(suite),
  )
  const components = entry.components.filter((component) => wantedComponents.includes(component))
  return suites.length > 0 && components.includes('main') ? [{ ...entry, suites, components }] : []
}

function formatEntry(entry: Entry): string {
  const signedBy = entry.signedBy === undefined ? '' : `Signed-By: ${entry.signedBy}\n`
  return `Types: deb\nURIs: ${entry.uris.join(' ')}\nSuites: ${entry.suites.join(' ')}\nComponents: ${entry.components.join(' ')}\n${signedBy}`
}
