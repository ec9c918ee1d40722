import { Buffer } from 'node:buffer'
import { randomInt } from 'node:crypto'
import { isIPv4 } from 'node:net'
import { type Clock, systemClock } from '../lib/clock.ts'
import { address6 } from '../lib/ip6.ts'
import { type DnsServerAddress, exchangeTcp, exchangeUdp } from './dns-exchange.ts'
import { CLASS, encodeHeader, encodeName, encodeRecord, TYPE, u16 } from './dns-wire.ts'
import { OutsideError } from './error.ts'
import { type Signature, sign, TSIG_ERROR, type TsigKey, verify } from './tsig.ts'

export type UpdateTarget = DnsServerAddress & {
  readonly zone: string
  readonly key: TsigKey
  readonly name: string
  /** Limit for all tries together. */
  readonly within_s: number
  readonly clock?: Clock
}

/**
 * Makes `address` the only A record of a name (`none`: it has no A record), and `ipv6` its only AAAA record, in one
 * transaction: nobody sees the name without an address, nor one family at another site than the other. Tries until the
 * server has acknowledged it with a valid signature; doing it twice is the same as once. RFC 2136, RFC 8945.
 */
export async function replaceAddress(
  target: UpdateTarget & { readonly ttl_s: number; readonly address: string; readonly ipv6?: Ipv6Record },
): Promise<void> {
  const { name, ttl_s, address, ipv6 } = target
  await update(target, [
    deleteAddresses(name, TYPE.A),
    ...(address === 'none' ? [] : [encodeRecord(name, TYPE.A, CLASS.IN, ttl_s, bytesOf4(target, address))]),
    ...(ipv6 === undefined ? [] : [deleteAddresses(name, TYPE.AAAA)]),
    ...(ipv6 === undefined || ipv6 === 'none'
      ? []
      : [encodeRecord(name, TYPE.AAAA, CLASS.IN, ttl_s, bytesOf(address6(ipv6)))]),
  ])
}

/** An IPv6 address; `none`: there is to be no AAAA record; undefined: that is nobody's matter here. */
export type Ipv6Record = string | 'none' | undefined

/** Removes all A records of a name, and all AAAA records where they are ours; a name that has none is no error. */
export async function removeAddress(target: UpdateTarget & { readonly ipv6?: boolean }): Promise<void> {
  const { name, ipv6 = false } = target
  await update(target, [deleteAddresses(name, TYPE.A), ...(ipv6 ? [deleteAddresses(name, TYPE.AAAA)] : [])])
}

/** Removes these addresses of a name and no others (RFC 2136 section 2.5.4); what is not there is no error. */
export async function dropAddress(
  target: UpdateTarget & { readonly address: string; readonly ipv6?: Ipv6Record },
): Promise<void> {
  const { name, address, ipv6 } = target
  const updates = [
    ...(address === 'none' ? [] : [encodeRecord(name, TYPE.A, CLASS.NONE, 0, bytesOf4(target, address))]),
    ...(ipv6 === undefined || ipv6 === 'none'
      ? []
      : [encodeRecord(name, TYPE.AAAA, CLASS.NONE, 0, bytesOf(address6(ipv6)))]),
  ]
  if (updates.length > 0) await update(target, updates)
}

/**
 * Asks whether the key may update the name, by an update that changes nothing: the removal of an A record that no name
 * can have. It is signed, checked and allowed as a real one; nothing is to remove, so zone and serial stay (RFC 2136
 * section 3.4.2.4). Throws what `replaceAddress` would.
 */
export async function tryUpdate(target: UpdateTarget & { readonly ipv6?: boolean }): Promise<void> {
  const { name, ipv6 = false } = target
  await update(target, [
    encodeRecord(name, TYPE.A, CLASS.NONE, 0, Buffer.alloc(4, 255)),
    ...(ipv6 ? [encodeRecord(name, TYPE.AAAA, CLASS.NONE, 0, Buffer.alloc(16, 255))] : []),
  ])
}

/** "Delete an RRset": class ANY, TTL 0, no data. RFC 2136 section 2.5.2. */
function deleteAddresses(name: string, type: number): Buffer {
  return encodeRecord(name, type, CLASS.ANY, 0, Buffer.alloc(0))
}

function bytesOf4({ server, name }: UpdateTarget, address: string): Buffer {
  if (!isIPv4(address)) throw new OutsideError(server, `${name}: ${address} is no IPv4 address`)
  return Buffer.from(address.split('.').map(Number))
}

function bytesOf(address: bigint): Buffer {
  return Buffer.from(address.toString(16).padStart(32, '0'), 'hex')
}

/** Milliseconds that one try waits for its answer; the last goes on for all later tries. */
const TRY_MS = [500, 1_000, 2_000]
const OPCODE_UPDATE = 5 << 11

async function update(target: UpdateTarget, updates: readonly Buffer[]): Promise<void> {
  const { zone, key, name, within_s, clock = systemClock } = target
  const where = `${target.server}:${target.port ?? 53}`
  const until_ms = clock.now().getTime() + within_s * 1_000
  const zoneSection = Buffer.concat([encodeName(zone), u16(TYPE.SOA), u16(CLASS.IN)])
  let last = 'nothing was tried'
  let silent = true
  for (let attempt = 0; ; attempt++) {
    const left_ms = until_ms - clock.now().getTime()
    if (left_ms <= 0)
      throw new OutsideError(
        where,
        `${where} did not take the update of ${name} within ${within_s} s: ${last}`,
        silent ? { said: 'silent' } : {},
      )
    const now_s = Math.floor(clock.now().getTime() / 1_000)
    const header = encodeHeader(randomInt(65_536), OPCODE_UPDATE, [1, 0, updates.length, 0])
    const { message, mac } = sign(Buffer.concat([header, zoneSection, ...updates]), key, now_s)
    // Every third try over TCP: a path may lose what is large or what is UDP.
    const exchange = attempt % 3 === 2 ? exchangeTcp : exchangeUdp
    const limit_ms = Math.min(left_ms, TRY_MS[attempt] ?? TRY_MS.at(-1)!)
    const began_ms = clock.now().getTime()
    const exchanged = await exchange(target, message, limit_ms, (answer) => isCredible(answer, key, mac, now_s))
    if ('answer' in exchanged) {
      const rcode = exchanged.answer.readUInt16BE(2) & 0x0f
      if (rcode === 0) return
      silent = false
      const signature = verify(exchanged.answer, key, mac, now_s)
      const problem = explain(target, where, rcode, signature, now_s)
      if (rcode !== RCODE.SERVFAIL) throw new OutsideError(where, problem, { said: said(signature) })
      last = problem
    } else {
      last = exchanged.failed
    }
    // A port that refuses answers at once: not a loop without rest.
    const rest_ms = Math.min(200, until_ms - clock.now().getTime())
    if (clock.now().getTime() - began_ms < 200 && rest_ms > 0) await clock.sleep(rest_ms)
  }
}

/** A refusal may be unsigned (the server may not know the key); "done" only counts with a valid signature. */
function isCredible(answer: Buffer, key: TsigKey, mac: Buffer, now_s: number): boolean {
  try {
    const rcode = answer.readUInt16BE(2) & 0x0f
    return rcode !== 0 || verify(answer, key, mac, now_s)?.valid === true
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

/** RFC 1035 section 4.1.1, RFC 2136 section 2.2. */
const RCODE = { FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, NOTAUTH: 9, NOTZONE: 10 } as const

function said(signature: Signature | undefined): OutsideError['said'] {
  switch (signature?.error) {
    case TSIG_ERROR.BADSIG:
    case TSIG_ERROR.BADKEY:
      return 'bad-key'
    case TSIG_ERROR.BADTIME:
      return 'clock'
    default:
      return 'refused'
  }
}

function explain(
  { zone, key, name }: UpdateTarget,
  where: string,
  rcode: number,
  signature: Signature | undefined,
  now_s: number,
): string {
  switch (rcode) {
    case RCODE.FORMERR:
      return `${where} could not read the update of ${name} (FORMERR): is a DNS server with RFC 2136 updates there?`
    case RCODE.SERVFAIL:
      return `${where} failed inside when it took the update of ${name} (SERVFAIL): its log says why; often it cannot write the journal of zone ${zone}`
    case RCODE.NOTIMP:
      return `${where} does not take updates at all (NOTIMP)`
    case RCODE.REFUSED:
      return `${where} refuses the update of ${name} (REFUSED): allow key ${key.name} to update A and AAAA records of that name in zone ${zone}`
    case RCODE.NOTZONE:
      return `${where}: ${name} is not in zone ${zone} (NOTZONE)`
    case RCODE.NOTAUTH:
      return explainNotAuth(where, zone, key, signature, now_s)
    default:
      return `${where} answered the update of ${name} with code ${rcode}`
  }
}

function explainNotAuth(
  where: string,
  zone: string,
  key: TsigKey,
  signature: Signature | undefined,
  now_s: number,
): string {
  switch (signature?.error) {
    case TSIG_ERROR.BADSIG:
      return `${where} has another secret for key ${key.name} (NOTAUTH, BADSIG): compare the key file with the server's`
    case TSIG_ERROR.BADKEY:
      return `${where} does not know a key ${key.name} with ${key.algorithm} (NOTAUTH, BADKEY)`
    case TSIG_ERROR.BADTIME: {
      const ahead_s = signature.server_time_s - now_s
      return `the clocks differ too much (NOTAUTH, BADTIME): that of ${where} is ${Math.abs(ahead_s)} s ${ahead_s > 0 ? 'ahead of' : 'behind'} ours, 300 s are allowed`
    }
    default:
      return `${where} is not authoritative for zone ${zone} (NOTAUTH): is it the primary server, and is that the zone's name?`
  }
}
