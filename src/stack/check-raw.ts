import { linesOf } from './balanced.ts'
import { clip } from './problems-of-schema.ts'
import type { ApplianceFile } from './schema.ts'
import type { BalancedServiceFile } from './schema-balancer.ts'
import type { Path } from './source.ts'
import type { Report } from './view.ts'

/** HAProxy configuration manual, sections 3 and 4: a line that starts with one of these ends the section that it is in. */
const SECTIONS = new Set([
  ...['global', 'defaults', 'frontend', 'backend', 'listen', 'userlist', 'peers', 'resolvers', 'mailers', 'cache'],
  ...['program', 'http-errors', 'ring', 'log-forward', 'fcgi-app'],
])
/** What the packet filter would have to know of. */
const PLACES = new Set(['bind', 'server', 'server-template', 'mode'])
const SECRET = /passw(or)?d|secret|token|private[ _-]?key|authorization|api-?key/i

/** Lines that nobody understands for the writer: at least they stay where they are, and hold no secret. */
export function checkRaw(name: string, service: BalancedServiceFile, at: Path, report: Report): void {
  for (const part of ['frontend', 'backend'] as const) {
    const here = [...at, part]
    for (const line of linesOf(service.raw?.[part])) {
      const first = line.split(/\s/)[0] ?? ''
      if (SECTIONS.has(first))
        report(
          'error',
          here,
          `"${clip(first)}" would start another section`,
          'raw lines stay within the section they are in',
        )
      else if (PLACES.has(first))
        report(
          'error',
          here,
          `"${clip(first)}" can not be raw`,
          'say it with listen, mode, pool and backup: the packet filter has to know',
        )
      if (SECRET.test(line))
        report('error', here, `"${clip(first)} ..." looks like a secret`, 'a stack file holds no secrets')
      if (!isWhole(line))
        report('error', here, `"${clip(line)}" goes on in the next line`, 'a quote is open, or a backslash ends it')
    }
  }
  if (service.raw?.backend !== undefined && service.pool === undefined)
    report('error', [...at, 'backend'], `service "${clip(name)}" has no pool, so no backend`, 'remove it')
}

/** nft(8): words with which a line is no rule of the chain that it is in. */
const COMMANDS = new Set([
  ...[
    'add',
    'chain',
    'create',
    'define',
    'delete',
    'destroy',
    'flush',
    'include',
    'insert',
    'map',
    'policy',
    'redefine',
  ],
  ...['rename', 'replace', 'reset', 'set', 'table', 'type', 'undefine'],
])

/** Rules that nobody understands for the writer: at least each is one rule, of the chain that it is for. */
export function checkRawRules(firewall: NonNullable<ApplianceFile['firewall']>, at: Path, report: Report): void {
  for (const chain of ['translate', 'forward'] as const) {
    for (const line of linesOf(firewall.raw?.[chain])) {
      const here = [...at, chain]
      const first = line.split(/\s/)[0] ?? ''
      const bare = line.replace(/"[^"]*"/g, '""')
      if (COMMANDS.has(first))
        report(
          'error',
          here,
          `"${clip(first)}" is no rule`,
          'a raw line is one rule of its chain: matches, then a verdict',
        )
      else if (/;|\b(jump|goto)\b/.test(bare) || !isBalanced(bare))
        report(
          'error',
          here,
          `"${clip(line)}" is more, or less, than one rule`,
          'a raw line is one rule of its chain: matches, then a verdict; sets in braces end where they began',
        )
      if (SECRET.test(line))
        report('error', here, `"${clip(first)} ..." looks like a secret`, 'a stack file holds no secrets')
      if ((line.match(/"/g) ?? []).length % 2 === 1 || line.endsWith('\\'))
        report('error', here, `"${clip(line)}" goes on in the next line`, 'a quote is open, or a backslash ends it')
    }
  }
}

function isBalanced(line: string): boolean {
  let depth = 0
  for (const letter of line) {
    if (letter === '{') depth++
    if (letter === '}' && --depth < 0) return false
  }
  return depth === 0
}

/** HAProxy configuration manual, section 2.2, "Quoting and escaping". */
function isWhole(line: string): boolean {
  const bare = line.replace(/\\./g, '').replace(/'[^']*'|"[^"]*"/g, '')
  const open = /["'\\]/.test(bare)
  return !open
}
