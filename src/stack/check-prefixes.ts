import { contains, formatPrefix, overlaps, type Prefix, parseAddress, parsePrefix, prefix } from '../lib/ip.ts'
import { clip } from './problems-of-schema.ts'
import { legsOf, type Report, type View } from './view.ts'

/** Longer prefixes are dropped by almost everybody on the Internet (RFC 7454 section 6.1.3). */
const longest_on_the_internet = 24

/** RFC 1918 and RFC 6598: between those who have agreed on it, any length travels. */
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'].map(prefix)

/** RFC 5735 and RFC 1112: nothing there can be announced to anybody. */
const NEVER = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3'].map(prefix)

type Own = {
  readonly name: string
  readonly prefix: Prefix
  readonly text: string
  readonly by: string | undefined
}

/** A prefix of the stack's own is one that can be announced, is announced by one firewall. */
export function checkPrefixes(view: View, report: Report): void {
  const before: Own[] = []
  for (const [name, entry] of Object.entries(view.file.ingress)) {
    const at = ['ingress', name]
    if (!entry.by.includes('bgp')) {
      for (const key of ['prefix', 'address'] as const)
        if (entry[key] !== undefined)
          report('error', [...at, key], `${key} without \`by: bgp\``, 'add `by: bgp`, or `by: [dns, bgp]`')
      continue
    }
    if (entry.prefix === undefined) {
      report('error', at, 'by bgp, but without a prefix', 'such as prefix: 203.0.113.16/28', 'key')
      continue
    }
    const parsed = parsePrefix(entry.prefix)
    if (!parsed.ok) {
      report('error', [...at, 'prefix'], parsed.why, 'such as 203.0.113.16/28')
      continue
    }
    if (!checkAddress(entry.address, parsed.value, [...at, 'address'], report)) continue
    const found: Own = {
      name,
      prefix: parsed.value,
      text: entry.prefix,
      by: firewallOf(view, entry.to),
    }
    checkUse(view, found, report)
    checkBeside(found, before, report)
    before.push(found)
  }
}

function checkAddress(
  text: string | undefined,
  within: Prefix,
  at: readonly (string | number)[],
  report: Report,
): boolean {
  if (text === undefined) return true
  const parsed = parseAddress(text)
  if (parsed.ok && contains(within, parsed.value)) return true
  const what = parsed.ok ? `${clip(text)} is not in ${formatPrefix(within)}` : parsed.why
  report('error', at, what, `an address of ${formatPrefix(within)}, or none for its first one`)
  return false
}

/** On its own: what it may be, and how far it travels. */
function checkUse(view: View, own: Own, report: Report): void {
  const at = ['ingress', own.name, 'prefix']
  const inside = [...view.prefixes].find(([, segment]) => overlaps(segment, own.prefix))
  if (inside !== undefined)
    report('error', at, `${own.text} overlaps segment "${inside[0]}"`, 'what is announced is outside of every segment')
  if (NEVER.some((each) => overlaps(each, own.prefix)))
    report(
      'error',
      at,
      `${own.text} can not be announced: it is no address of a host`,
      'take one that was given to you',
    )
  else if (own.prefix.bits > longest_on_the_internet && !PRIVATE.some((each) => overlaps(each, own.prefix)))
    report(
      'warning',
      at,
      `${own.text} is longer than /${longest_on_the_internet}: it does not travel across the Internet`,
      'it reaches networks that have agreed to take it; for all others give the stack a /24',
    )
}

/** Beside the others of the same stack; one problem of a kind is enough. */
function checkBeside(own: Own, others: readonly Own[], report: Report): void {
  const at = ['ingress', own.name, 'prefix']
  const near = others.find((other) => other.text !== own.text && overlaps(own.prefix, other.prefix))
  if (near !== undefined)
    report(
      'error',
      at,
      `${own.text} overlaps ${near.text} of "${clip(near.name)}"`,
      'one prefix for both, or two that are apart',
    )
  const same = others.filter((other) => other.text === own.text)
  const elsewhere = same.find((other) => own.by !== undefined && other.by !== undefined && own.by !== other.by)
  if (elsewhere !== undefined)
    report(
      'error',
      at,
      `${own.text} would be announced by ${own.by} and by ${elsewhere.by}`,
      'one prefix for each firewall',
    )
}

/** The firewall that lets clients in to a service, as far as the file tells. */
function firewallOf(view: View, service: string): string | undefined {
  const segment = view.balanced.get(service)?.service.listen.segment
  const names = Object.keys(view.file.appliances).filter((name) => {
    const firewall = view.file.appliances[name]?.firewall
    return firewall !== undefined && segment !== undefined && legsOf(view, name).includes(segment)
  })
  return (
    names.find((name) => view.file.appliances[name]?.firewall?.rules.some((rule) => rule.to.includes(service))) ??
    names[0]
  )
}
