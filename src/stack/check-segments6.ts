import { covers6, formatPrefix6, type Prefix6, parsePrefix6, prefix6, prefix64Of } from '../lib/ip6.ts'
import { clipTo } from './problems-of-schema.ts'
import type { Path } from './source.ts'
import { byFamily, type Report, type View } from './view.ts'

/** What hosts take for ordinary unicast: RFC 4193 (unique local) and RFC 4291 section 2.4 (global). */
const UNICAST = ['fc00::/7', '2000::/3'].map(prefix6)

type Usable = { readonly name: string; readonly prefix: Prefix6; readonly at: Path }

/** IPv6 prefixes of segments are unicast, a /64 each, and do not overlap. */
export function checkSegments6(view: View, report: Report): void {
  const usable: Usable[] = []
  for (const [name, texts] of Object.entries(view.file.segments)) {
    const { v6 } = byFamily(texts)
    if (v6 === undefined) continue
    const at = view.prefixAt(name, v6)
    const prefix = checkPrefix(v6, at, report)
    if (prefix === undefined) continue
    usable.push({ name, prefix, at })
  }
  const first = new Map<bigint, Usable>()
  for (const each of usable) {
    const other = first.get(each.prefix.network)
    if (other === undefined) first.set(each.prefix.network, each)
    else {
      const what = `segment "${each.name}" and segment "${other.name}" are both ${formatPrefix6(each.prefix)}`
      report('error', each.at, what, 'give each segment a prefix of its own')
    }
  }
}

function checkPrefix(text: string, at: Path, report: Report): Prefix6 | undefined {
  const parsed = parsePrefix6(text)
  if (!parsed.ok) {
    report('error', at, clipTo(160, parsed.why), 'such as fd00:10:1::/64')
    return undefined
  }
  const prefix = parsed.value
  if (!UNICAST.some((whole) => covers6(whole, prefix))) {
    const hint = 'take one of your own of fd00::/8 (RFC 4193), or one that is routed to you'
    report(
      'error',
      at,
      `${formatPrefix6(prefix)} is not for segments: hosts do not take it for ordinary addresses`,
      hint,
    )
    return undefined
  }
  if (prefix.bits !== 64) {
    const meant = formatPrefix6(prefix64Of(prefix.network))
    report(
      'error',
      at,
      `${formatPrefix6(prefix)} is no /64: on a link that machines are told of by router advertisement it is (RFC 7421)`,
      `did you mean ${meant}?`,
    )
    return undefined
  }
  return prefix
}
