/**
 * IPv4 addresses and prefixes, read strictly and calculated on numbers.
 *
 * Strict because the usual libraries are not: some read `010.0.0.1` as octal, some take `1` for an address, some turn
 * `10.0.0.300/24` into 10.0.1.44/24 without a word. What is not exactly four decimal numbers of 0-255 without leading
 * zeros is refused, and so is a prefix whose host bits are not zero.
 */
export type Prefix = { readonly network: number; readonly bits: number }

/** `why` is one clause for a problem: `"10.0.0.5/24" has host bits set; the network is 10.0.0.0/24`. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string }

/** An address as an unsigned 32 bit number. */
export function parseAddress(text: string): Parsed<number> {
  const parts = text.split('.')
  if (parts.length !== 4) return { ok: false, why: `"${text}" is not an IPv4 address such as 10.0.0.1` }
  let value = 0
  for (const part of parts) {
    if (!/^\d{1,3}$/.test(part)) return { ok: false, why: `"${text}" is not an IPv4 address such as 10.0.0.1` }
    if (part.length > 1 && part.startsWith('0')) return { ok: false, why: `"${text}" has a number with a leading zero` }
    if (Number(part) > 255) return { ok: false, why: `"${text}" has a number above 255` }
    value = value * 256 + Number(part)
  }
  return { ok: true, value }
}

export function parsePrefix(text: string): Parsed<Prefix> {
  const match = /^([^/]*)\/(0|[1-9]\d?)$/.exec(text)
  if (match === null) return { ok: false, why: `"${text}" is not an IPv4 prefix such as 10.0.0.0/24` }
  const address = parseAddress(match[1] ?? '')
  if (!address.ok) return { ok: false, why: `"${text}" is not an IPv4 prefix: ${address.why}` }
  const bits = Number(match[2])
  if (bits > 32) return { ok: false, why: `"${text}" has a prefix length above 32` }
  const network = networkOf(address.value, bits)
  if (network === address.value) return { ok: true, value: { network, bits } }
  return { ok: false, why: `"${text}" has host bits set; the network is ${formatPrefix({ network, bits })}` }
}

/** For text that was checked before. Throws where it was not. */
export function address(text: string): number {
  return unwrap(parseAddress(text))
}

/** For text that was checked before. Throws where it was not. */
export function prefix(text: string): Prefix {
  return unwrap(parsePrefix(text))
}

export function formatAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.')
}

export function formatPrefix({ network, bits }: Prefix): string {
  return `${formatAddress(network)}/${bits}`
}

/** Number of addresses in it, network and broadcast address included. */
export function sizeOf({ bits }: Prefix): number {
  return 2 ** (32 - bits)
}

export function lastOf(p: Prefix): number {
  return p.network + sizeOf(p) - 1
}

/**
 * What hosts may have: without network and broadcast address. RFC 3021 (/31 links) is for routers without broadcast, so
 * a /31 or /32 has room for nobody: `first` is then above `last`.
 */
export function hostsOf(p: Prefix): { readonly first: number; readonly last: number; readonly count: number } {
  const first = p.network + 1
  const last = lastOf(p) - 1
  return { first, last, count: Math.max(0, last - first + 1) }
}

/** The fewest prefixes that hold the addresses from `first` to `last` and no other, in their order. */
export function prefixesOf(first: number, last: number): readonly Prefix[] {
  const found: Prefix[] = []
  for (let at = first; at <= last; ) {
    let size = 1
    while (at % (size * 2) === 0 && at + size * 2 - 1 <= last && size < 2 ** 32) size *= 2
    found.push({ network: at, bits: 32 - Math.log2(size) })
    at += size
  }
  return found
}

export function contains(p: Prefix, value: number): boolean {
  return value >= p.network && value <= lastOf(p)
}

/** Prefixes are nested or apart, so the overlap of two is the longer one or nothing. */
export function overlapOf(a: Prefix, b: Prefix): Prefix | undefined {
  const [wide, narrow] = a.bits <= b.bits ? [a, b] : [b, a]
  return contains(wide, narrow.network) ? narrow : undefined
}

export function overlaps(a: Prefix, b: Prefix): boolean {
  return overlapOf(a, b) !== undefined
}

/** True where every address of `inner` is in `outer`. */
export function covers(outer: Prefix, inner: Prefix): boolean {
  return outer.bits <= inner.bits && contains(outer, inner.network)
}

export function netmaskOf({ bits }: Prefix): string {
  return formatAddress(2 ** 32 - 2 ** (32 - bits))
}

function networkOf(value: number, bits: number): number {
  const size = 2 ** (32 - bits)
  return Math.floor(value / size) * size
}

function unwrap<T>(parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value
  throw new Error(parsed.why)
}
