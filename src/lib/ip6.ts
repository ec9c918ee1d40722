import type { Parsed } from './ip.ts'

/**
 * IPv6 addresses and prefixes, read strictly and calculated on 128 bit integers. RFC 4291 section 2.2 says what may be
 * written, RFC 5952 how it is written here. A zone (`fe80::1%eth0`) and an IPv4 tail (`::ffff:10.0.0.1`) are refused:
 * neither means anything in a file that holds at every site.
 */
export type Prefix6 = { readonly network: bigint; readonly bits: number }

export function parseAddress6(text: string): Parsed<bigint> {
  const refused: Parsed<bigint> = { ok: false, why: `"${text}" is not an IPv6 address such as fd00:10:1::1` }
  const halves = text.split('::')
  if (halves.length > 2) return refused
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')))
  const missing = 8 - head.length - tail.length
  // `::` stands for one group of zeros at least, and there is none to stand for where all eight are written.
  if (halves.length === 2 ? missing < 1 : missing !== 0) return refused
  const groups = [...head, ...Array.from({ length: missing }, () => '0'), ...tail]
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return refused
  return { ok: true, value: groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n) }
}

export function parsePrefix6(text: string): Parsed<Prefix6> {
  const match = /^([^/]*)\/(0|[1-9]\d{0,2})$/.exec(text)
  if (match === null) return { ok: false, why: `"${text}" is not an IPv6 prefix such as fd00:10:1::/64` }
  const parsed = parseAddress6(match[1] ?? '')
  if (!parsed.ok) return { ok: false, why: `"${text}" is not an IPv6 prefix: ${parsed.why}` }
  const bits = Number(match[2])
  if (bits > 128) return { ok: false, why: `"${text}" has a prefix length above 128` }
  const network = networkOf(parsed.value, bits)
  if (network === parsed.value) return { ok: true, value: { network, bits } }
  return { ok: false, why: `"${text}" has host bits set; the network is ${formatPrefix6({ network, bits })}` }
}

/** For text that was checked before. Throws where it was not. */
export function address6(text: string): bigint {
  const parsed = parseAddress6(text)
  if (parsed.ok) return parsed.value
  throw new Error(parsed.why)
}

/** For text that was checked before. Throws where it was not. */
export function prefix6(text: string): Prefix6 {
  const parsed = parsePrefix6(text)
  if (parsed.ok) return parsed.value
  throw new Error(parsed.why)
}

/** RFC 5952: lower case, no leading zeros, the first longest run of two or more zero groups is `::`. */
export function formatAddress6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) => Number((value >> BigInt(112 - 16 * index)) & 0xffffn))
  let best = { start: 0, length: 1 }
  for (let start = 0; start < 8; start += 1) {
    let end = start
    while (end < 8 && groups[end] === 0) end += 1
    if (end - start > best.length) best = { start, length: end - start }
  }
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':')
  if (best.length < 2) return text(groups)
  return `${text(groups.slice(0, best.start))}::${text(groups.slice(best.start + best.length))}`
}

export function formatPrefix6({ network, bits }: Prefix6): string {
  return `${formatAddress6(network)}/${bits}`
}

export function contains6(prefix: Prefix6, value: bigint): boolean {
  return networkOf(value, prefix.bits) === prefix.network
}

/** Prefixes are nested or apart, so the overlap of two is the longer one or nothing. */
export function overlapOf6(a: Prefix6, b: Prefix6): Prefix6 | undefined {
  const [wide, narrow] = a.bits <= b.bits ? [a, b] : [b, a]
  return contains6(wide, narrow.network) ? narrow : undefined
}

/** True where every address of `inner` is in `outer`. */
export function covers6(outer: Prefix6, inner: Prefix6): boolean {
  return outer.bits <= inner.bits && contains6(outer, inner.network)
}

/** The /64 that an address or a longer prefix lies in. */
export function prefix64Of(value: bigint): Prefix6 {
  return { network: networkOf(value, 64), bits: 64 }
}

/**
 * The number of an address inside its prefix, written with the same digits: 10.10.2.11 in 10.10.2.0/24 and ::11. A
 * decimal number read as hexadecimal digits, so that no two are the same and a person sees that they belong together.
 */
export function sameDigits(prefix: Prefix6, number: number): bigint {
  return prefix.network + BigInt(`0x${number}`)
}

/** RFC 4291 appendix A: the address that stateless configuration gives to a MAC in a /64. */
export function fromMac(prefix: Prefix6, mac: string): bigint {
  const bytes = mac.split(':').map((byte) => Number.parseInt(byte, 16))
  const [first = 0, ...rest] = bytes
  const eui64 = [first ^ 2, ...rest.slice(0, 2), 0xff, 0xfe, ...rest.slice(2)]
  return eui64.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n) | prefix.network
}

/** Whether text is meant as IPv6, whatever is wrong with it. */
export function looksLike6(text: string): boolean {
  return text.includes(':')
}

function networkOf(value: bigint, bits: number): bigint {
  const host = BigInt(128 - bits)
  return (value >> host) << host
}
