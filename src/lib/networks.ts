import { address, contains, covers, formatPrefix, overlapOf, prefix } from './ip.ts'
import { address6, contains6, covers6, formatPrefix6, looksLike6, overlapOf6, prefix6 } from './ip6.ts'

/** Prefixes and addresses of either family, as text that was checked before. Those of different families have nothing in common. */

/** Prefixes are nested or apart, so the overlap of two is the longer one or nothing. */
export function commonOf(a: string, b: string): string | undefined {
  if (looksLike6(a) !== looksLike6(b)) return undefined
  if (looksLike6(a)) {
    const common = overlapOf6(prefix6(a), prefix6(b))
    return common && formatPrefix6(common)
  }
  const common = overlapOf(prefix(a), prefix(b))
  return common && formatPrefix(common)
}

/** True where every address of `inner` is in `outer`. */
export function isWithin(inner: string, outer: string): boolean {
  if (looksLike6(inner) !== looksLike6(outer)) return false
  return looksLike6(inner) ? covers6(prefix6(outer), prefix6(inner)) : covers(prefix(outer), prefix(inner))
}

export function isIn(value: string, network: string): boolean {
  if (looksLike6(value) !== looksLike6(network)) return false
  return looksLike6(value) ? contains6(prefix6(network), address6(value)) : contains(prefix(network), address(value))
}

/** For sorting prefixes or addresses: IPv4 first, then by number. */
export function byNumber(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => {
    const [base = ''] = text.split('/')
    return looksLike6(base) ? (1n << 128n) + address6(base) : BigInt(address(base))
  }) as [bigint, bigint]
  return left < right ? -1 : left > right ? 1 : 0
}

/** Every prefix that contains this one, itself first. */
export function networksAround(text: string): readonly string[] {
  const whole = looksLike6(text) ? prefix6(text) : prefix(text)
  return Array.from({ length: whole.bits + 1 }, (_, index) => shortened(text, whole.bits - index))
}

function shortened(text: string, bits: number): string {
  if (looksLike6(text)) {
    const host = BigInt(128 - bits)
    return formatPrefix6({ network: (prefix6(text).network >> host) << host, bits })
  }
  const size = 2 ** (32 - bits)
  return formatPrefix({ network: Math.floor(prefix(text).network / size) * size, bits })
}
