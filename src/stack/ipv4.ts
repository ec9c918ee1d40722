/** IPv4 as unsigned 32-bit numbers. Parsing gives undefined for what is not one: the caller knows the place. */
export type Prefix = { readonly first: number; readonly last: number; readonly length: number }

/** No octets with leading zeros: some readers take them for octal. */
const OCTET = '(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
export const ADDRESS_PATTERN = new RegExp(`^${OCTET}(\\.${OCTET}){3}$`)
export const PREFIX_PATTERN = new RegExp(`^${OCTET}(\\.${OCTET}){3}/(3[0-2]|[12]?\\d)$`)

export function parseAddress(text: string): number | undefined {
  if (!ADDRESS_PATTERN.test(text)) return undefined
  return text.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0)
}

/** `first` is the network address: host bits that the text had set are cleared (see `hostBitsSet`). */
export function parsePrefix(text: string): Prefix | undefined {
  const [head, tail] = text.split('/')
  const address = parseAddress(head ?? '')
  if (address === undefined || !PREFIX_PATTERN.test(text)) return undefined
  const length = Number(tail)
  const size = 2 ** (32 - length)
  const first = address - (address % size)
  return { first, last: first + size - 1, length }
}

/** `10.1.2.3/24` names a host, not a network. */
export function hostBitsSet(text: string, prefix: Prefix): boolean {
  return parseAddress(text.split('/')[0] ?? '') !== prefix.first
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.')
}

export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix.first)}/${prefix.length}`
}

export function overlaps(a: Prefix, b: Prefix): boolean {
  return a.first <= b.last && b.first <= a.last
}

export function contains(outer: Prefix, inner: Prefix): boolean {
  return outer.first <= inner.first && inner.last <= outer.last
}

/** Addresses that instances can have: without network and broadcast address. */
export function usableAddresses(prefix: Prefix): number {
  return Math.max(0, prefix.last - prefix.first - 1)
}
