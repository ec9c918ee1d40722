import { clip } from './problems-of-schema.ts'
import type { BalancedServiceFile } from './schema-balancer.ts'
import type { Path } from './source.ts'
import type { Report } from './view.ts'

/** What the load balancer says of the client: a server must be able to believe it. */
const OURS = new Set(['x-forwarded-for', 'x-forwarded-proto'])
/** Their values are secrets. */
const SECRET = /^(proxy-)?authorization$|^cookie$|^set-cookie$|api-?key|token|secret|password/i

export function checkHeaders(headers: BalancedServiceFile['headers'], at: Path, report: Report): void {
  for (const way of ['request', 'response'] as const) {
    const rules = headers?.[way]
    if (rules === undefined) continue
    for (const [index, name] of rules.remove.entries()) checkName(name, [...at, way, 'remove', index], 'value', report)
    for (const [name, value] of Object.entries(rules.set)) {
      const here = [...at, way, 'set', name]
      if (!checkName(name, here, 'key', report)) continue
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they end the line, and the header
      if (/[\x00-\x1f\x7f]/.test(value))
        report('error', here, `the value of "${name}" is more than one line`, 'a header is one line of text')
      if (SECRET.test(name))
        report(
          'error',
          here,
          `"${name}" looks like a secret`,
          'a stack file holds no secrets: let the application add it',
        )
    }
  }
}

function checkName(name: string, at: Path, part: 'key' | 'value', report: Report): boolean {
  if (!/^[A-Za-z0-9_-]+$/.test(name)) {
    report(
      'error',
      at,
      `"${clip(name)}" is no name of a header`,
      'letters, digits and hyphens, such as X-Frame-Options',
      part,
    )
    return false
  }
  if (!OURS.has(name.toLowerCase())) return true
  report('error', at, `"${name}" is written by the load balancer`, 'it says who asked, and how: remove it here', part)
  return false
}
