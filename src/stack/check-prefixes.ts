import { parseAddress, parsePrefix } from '../lib/ip.ts'
import { formatPrefix6, looksLike6, parseAddress6, parsePrefix6 } from '../lib/ip6.ts'
import { commonOf, isIn, isWithin } from '../lib/networks.ts'
import { clip } from './problems-of-schema.ts'
import { firstIn } from './resolve.ts'
import type { Path } from './source.ts'
import { legsOf, type Report, type View } from './view.ts'

/** Longer prefixes are dropped by almost everybody on the Internet (RFC 7454 section 6.1.3). */
const longest_on_the_internet = { v4: 24, v6: 48 }

/** RFC 1918, RFC 6598 and RFC 4193: between those who have agreed on it, any length travels. */
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7']

/** RFC 5735, RFC 1112 and RFC 4291: nothing there can be announced to anybody. */
const NEVER = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3', '::/8', 'fe80::/9', 'ff00::/8']

type Own = {
  readonly name: string
  readonly text: string
  readonly address: string
  readonly at: Path
  /** The firewall that lets clients in. */
  readonly by: string | undefined
  /** Load balancer and segment of the service. */
  readonly behind: string | undefined
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
    const prefixes = oneOfEach(entry.prefix, [...at, 'prefix'], prefixOf, report)
    const addresses = oneOfEach(entry.address ?? [], [...at, 'address'], addressOf, report)
    if (prefixes === undefined || addresses === undefined) continue
    if (!checkAddresses(addresses, prefixes, report)) continue
    if (entry.by.includes('dns') && prefixes.every(({ text }) => looksLike6(text)))
      report(
        'warning',
        [...at, 'prefix'],
        `clients without IPv6 do not find ${clip(name)}: it has an IPv6 prefix alone`,
        'give it an IPv4 prefix too: prefix: [203.0.113.16/28, 2001:db8:100::/48]',
      )
    for (const { text, at: spot } of prefixes) {
      const address = addresses.find((each) => looksLike6(each.text) === looksLike6(text))?.text ?? firstIn(text)
      const found = { name, text, address, at: spot, by: firewallOf(view, entry.to), behind: behind(view, entry.to) }
      checkUse(view, found, report)
      if (looksLike6(text)) checkRouted(view, found, entry.to, report)
      checkBeside(found, before, report)
      before.push(found)
    }
  }
}

type Placed = { readonly text: string; readonly at: Path }
type Read = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly why: string }

/** Each well written, and one of a family; undefined where there was a problem. */
function oneOfEach(
  texts: readonly string[],
  at: Path,
  read: (text: string) => Read,
  report: Report,
): readonly Placed[] | undefined {
  const found: Placed[] = []
  for (const [index, text] of texts.entries()) {
    const spot = texts.length > 1 ? [...at, index] : at
    const parsed = read(text)
    if (!parsed.ok) {
      report('error', spot, parsed.why, looksLike6(text) ? 'such as 2001:db8:100::/48' : 'such as 203.0.113.16/28')
      return undefined
    }
    const other = found.find((each) => looksLike6(each.text) === looksLike6(parsed.text))
    if (other !== undefined) {
      report('error', spot, `${clip(parsed.text)} beside ${clip(other.text)}: one of each family`, 'remove one of them')
      return undefined
    }
    found.push({ text: parsed.text, at: spot })
  }
  return found
}

function prefixOf(text: string): Read {
  if (!looksLike6(text)) {
    const parsed = parsePrefix(text)
    return parsed.ok ? { ok: true, text } : parsed
  }
  const parsed = parsePrefix6(text)
  return parsed.ok ? { ok: true, text: formatPrefix6(parsed.value) } : parsed
}

function addressOf(text: string): Read {
  const parsed = looksLike6(text) ? parseAddress6(text) : parseAddress(text)
  return parsed.ok ? { ok: true, text } : parsed
}

function checkAddresses(addresses: readonly Placed[], prefixes: readonly Placed[], report: Report): boolean {
  const stray = addresses.find(({ text }) => !prefixes.some((each) => isIn(text, each.text)))
  if (stray === undefined) return true
  const near = prefixes.find(({ text }) => looksLike6(text) === looksLike6(stray.text)) ?? prefixes[0]
  const what = `${clip(stray.text)} is not in ${near?.text}`
  report('error', stray.at, what, `an address of ${near?.text}, or none for its first one`)
  return false
}

/** On its own: what it may be, and how far it travels. */
function checkUse(view: View, { text, at }: Own, report: Report): void {
  const inside = Object.entries(view.file.segments).find(([, prefixes]) =>
    prefixes.some((each) => prefixOf(each).ok && commonOf(each, text) !== undefined),
  )
  if (inside !== undefined)
    report('error', at, `${text} overlaps segment "${inside[0]}"`, 'what is announced is outside of every segment')
  const longest = looksLike6(text) ? longest_on_the_internet.v6 : longest_on_the_internet.v4
  if (NEVER.some((each) => commonOf(each, text) !== undefined))
    report('error', at, `${text} can not be announced: it is no address of a host`, 'take one that was given to you')
  else if (bitsOf(text) > longest && !PRIVATE.some((each) => commonOf(each, text) !== undefined))
    report(
      'warning',
      at,
      `${text} is longer than /${longest}: it does not travel across the Internet`,
      `it reaches networks that have agreed to take it; for all others give the stack a /${longest}`,
    )
}

/** Over IPv6 nothing is translated: packets are routed to the load balancer, which needs IPv6 there (docs/decisions/021). */
function checkRouted(view: View, { text, at }: Own, to: string, report: Report): void {
  const segment = view.balanced.get(to)?.service.listen.segment
  if (segment === undefined || !view.prefixes.has(segment) || view.prefixes6.has(segment)) return
  report(
    'error',
    at,
    `${text} can not be routed to "${clip(to)}": segment "${clip(segment)}" has no IPv6 prefix`,
    `give it one beside the other: ${clip(segment)}: [${view.file.segments[segment]?.[0]}, fd00:10:1::/64]`,
  )
}

/** Beside the others of the same stack; one problem of a kind is enough. */
function checkBeside(own: Own, others: readonly Own[], report: Report): void {
  const { text, at } = own
  const near = others.find((other) => other.text !== text && commonOf(text, other.text) !== undefined)
  if (near !== undefined)
    report(
      'error',
      at,
      `${text} overlaps ${near.text} of "${clip(near.name)}"`,
      'one prefix for both, or two that are apart',
    )
  const same = others.filter((other) => other.text === text)
  const elsewhere = same.find((other) => own.by !== undefined && other.by !== undefined && own.by !== other.by)
  if (elsewhere !== undefined)
    report(
      'error',
      at,
      `${text} would be announced by ${own.by} and by ${elsewhere.by}`,
      'one prefix for each firewall',
    )
  const shared = same.find(
    (other) =>
      looksLike6(text) && isWithin(`${other.address}/128`, `${own.address}/128`) && other.behind !== own.behind,
  )
  if (shared !== undefined && elsewhere === undefined)
    report(
      'error',
      at,
      `${own.address} would lead to ${own.behind} and, for "${clip(shared.name)}", to ${shared.behind}`,
      'nothing is translated over IPv6: give one of them another address of the prefix',
    )
}

const bitsOf = (text: string): number => Number(text.split('/')[1])

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

function behind(view: View, name: string): string | undefined {
  const found = view.balanced.get(name)
  return found && `${found.appliance} in ${found.service.listen.segment}`
}
