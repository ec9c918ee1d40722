import { Buffer } from 'node:buffer'

/** The bytes of DNS messages as far as updates and their signatures need them. RFC 1035 section 4. */

/** A resource record in a message; `start` is where it begins, `data` its RDATA. */
export type WireRecord = {
  readonly start: number
  readonly type: number
  readonly class: number
  readonly ttl_s: number
  readonly data: Buffer
}

export const TYPE = { A: 1, SOA: 6, AAAA: 28, TSIG: 250 } as const
export const CLASS = { IN: 1, NONE: 254, ANY: 255 } as const

/** Lower case and uncompressed: the canonical form that signatures are made over. */
export function encodeName(name: string): Buffer {
  const labels = name.toLowerCase().replace(/\.$/, '').split('.')
  if (labels.some((label) => label.length === 0 || Buffer.byteLength(label) > 63))
    throw new Error(`${JSON.stringify(name)} is no DNS name`)
  const parts = labels.map((label) => Buffer.concat([u8(Buffer.byteLength(label)), Buffer.from(label)]))
  return Buffer.concat([...parts, u8(0)])
}

export function encodeRecord(name: string, type: number, klass: number, ttl_s: number, data: Buffer): Buffer {
  return Buffer.concat([encodeName(name), u16(type), u16(klass), u32(ttl_s), u16(data.length), data])
}

export function encodeHeader(id: number, flags: number, counts: readonly [number, number, number, number]): Buffer {
  return Buffer.concat([u16(id), u16(flags), ...counts.map(u16)])
}

/** All resource records behind the question (or zone) section. Throws RangeError where the message ends too early. */
export function recordsOf(message: Buffer): readonly WireRecord[] {
  const questions = message.readUInt16BE(4)
  const count = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10)
  let at = 12
  for (let i = 0; i < questions; i++) at = skipName(message, at) + 4
  const records: WireRecord[] = []
  for (let i = 0; i < count; i++) {
    const start = at
    at = skipName(message, at)
    const length = message.readUInt16BE(at + 8)
    if (at + 10 + length > message.length) throw new RangeError('a record reaches beyond its message')
    records.push({
      start,
      type: message.readUInt16BE(at),
      class: message.readUInt16BE(at + 2),
      ttl_s: message.readUInt32BE(at + 4),
      data: message.subarray(at + 10, at + 10 + length),
    })
    at += 10 + length
  }
  return records
}

/** Where what follows a name begins; a pointer ends a name (RFC 1035 section 4.1.4). */
export function skipName(message: Buffer, at: number): number {
  for (let next = at; ; ) {
    const length = message.readUInt8(next)
    if (length === 0) return next + 1
    if ((length & 0xc0) === 0xc0) return next + 2
    next += 1 + length
  }
}

export const u8 = (value: number): Buffer => Buffer.from([value])

export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export function u48(value: number): Buffer {
  const bytes = Buffer.alloc(6)
  bytes.writeUIntBE(value, 0, 6)
  return bytes
}
