import { Buffer } from 'node:buffer'
import { createHmac, timingSafeEqual } from 'node:crypto'
import { CLASS, encodeName, encodeRecord, recordsOf, skipName, TYPE, u16, u32, u48 } from './dns-wire.ts'

/** Shared key of transaction signatures, RFC 8945. The secret is base64, as in BIND's key files; never log it. */
export type TsigKey = { readonly name: string; readonly algorithm: 'hmac-sha256'; readonly secret: string }

/** Seconds that clocks may differ; the value that RFC 8945 section 10 recommends. */
const FUDGE_S = 300

export type Signed = { readonly message: Buffer; readonly mac: Buffer }

/** What the signature of an answer says. `valid` where it was made with our key over this answer to our request. */
export type Signature = { readonly valid: boolean; readonly error: number; readonly server_time_s: number }

/** Appends a TSIG record (section 4). */
export function sign(message: Buffer, key: TsigKey, now_s: number): Signed {
  const timers = Buffer.concat([u48(now_s), u16(FUDGE_S)])
  const mac = hmac(key, [message, variables(key, timers, 0, Buffer.alloc(0))])
  const id = message.subarray(0, 2)
  const data = Buffer.concat([encodeName(key.algorithm), timers, u16(mac.length), mac, id, u16(0), u16(0)])
  const signed = Buffer.concat([message, encodeRecord(key.name, TYPE.TSIG, CLASS.ANY, 0, data)])
  signed.writeUInt16BE(message.readUInt16BE(10) + 1, 10)
  return { message: signed, mac }
}

/** Reads and checks the signature of an answer; undefined where it has none. Throws RangeError for a broken message. */
export function verify(answer: Buffer, key: TsigKey, requestMac: Buffer, now_s: number): Signature | undefined {
  const record = recordsOf(answer).at(-1)
  if (record?.type !== TYPE.TSIG) return undefined
  const { data } = record
  const at = skipName(data, 0)
  const timers = data.subarray(at, at + 8)
  const macLength = data.readUInt16BE(at + 8)
  const mac = data.subarray(at + 10, at + 10 + macLength)
  const rest = data.subarray(at + 10 + macLength)
  const error = rest.readUInt16BE(2)
  const other = rest.subarray(6, 6 + rest.readUInt16BE(4))

  // As it was before signing: the original id, and one record less (section 4.3.2).
  const unsigned = Buffer.from(answer.subarray(0, record.start))
  rest.copy(unsigned, 0, 0, 2)
  unsigned.writeUInt16BE(answer.readUInt16BE(10) - 1, 10)
  const expected = hmac(key, [u16(requestMac.length), requestMac, unsigned, variables(key, timers, error, other)])

  const time_s = timers.readUIntBE(0, 6)
  // BADTIME carries the server's own time beside ours (section 5.2.3), and is judged by it.
  const server_time_s = error === TSIG_ERROR.BADTIME && other.length === 6 ? other.readUIntBE(0, 6) : time_s
  const inTime = error === TSIG_ERROR.BADTIME || Math.abs(time_s - now_s) <= timers.readUInt16BE(6)
  const valid = mac.length === expected.length && timingSafeEqual(mac, expected) && inTime
  return { valid, error, server_time_s }
}

/** RFC 8945 section 3. */
export const TSIG_ERROR = { BADSIG: 16, BADKEY: 17, BADTIME: 18 } as const

function variables(key: TsigKey, timers: Buffer, error: number, other: Buffer): Buffer {
  return Buffer.concat([
    encodeName(key.name),
    u16(CLASS.ANY),
    u32(0),
    encodeName(key.algorithm),
    timers,
    u16(error),
    u16(other.length),
    other,
  ])
}

function hmac(key: TsigKey, parts: readonly Buffer[]): Buffer {
  const digest = createHmac('sha256', Buffer.from(key.secret, 'base64'))
  for (const part of parts) digest.update(part)
  return digest.digest()
}
