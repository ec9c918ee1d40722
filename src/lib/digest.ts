import { createHash } from 'node:crypto'

/** What JSON can hold; optional members that are `undefined` count as absent. */
export type Digestible =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly Digestible[]
  | { readonly [name: string]: Digestible }

/** sha256 over the canonical JSON of a value, in hex: member order does not matter, order in lists does. */
export function digest(value: Digestible): string {
  return sha256(canonical(value))
}

/** sha256 of bytes, or of text as UTF-8, in hex. */
export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

/** RFC 8785 for what we digest: sorted members, no white space. */
export function canonical(value: Digestible): string {
  if (value === undefined) throw new Error('undefined outside of an object has no digest')
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`${value} has no digest`)
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (isList(value)) return `[${value.map(canonical).join(',')}]`
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  members.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`
}

function isList(value: object): value is readonly Digestible[] {
  return Array.isArray(value)
}
