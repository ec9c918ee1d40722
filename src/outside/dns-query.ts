import type { Buffer } from 'node:buffer'
import { randomInt } from 'node:crypto'
import { AUTHORITATIVE_ANSWER, decode, encode, RECURSION_DESIRED } from 'dns-packet'
import { type Clock, systemClock } from '../lib/clock.ts'
import { formatAddress6, parseAddress6 } from '../lib/ip6.ts'
import { type DnsServerAddress, exchangeTcp, exchangeUdp } from './dns-exchange.ts'
import { OutsideError } from './error.ts'

/** What a server says of a name. No addresses where the name, or an A record of it, does not exist. */
export type Answered = {
  /** Sorted. */
  readonly addresses: readonly string[]
  /** Seconds that the answer may still be kept; undefined without an address. */
  readonly ttl_s: number | undefined
  readonly authoritative: boolean
}

type Question = {
  readonly name: string
  /** A by default. */
  readonly type?: 'A' | 'AAAA'
  readonly within_s?: number
  readonly clock?: Clock
}

/** Asks the authoritative server itself, without recursion. */
export async function readBack(question: Question & DnsServerAddress): Promise<Answered> {
  const answered = await ask(question, question, 0)
  if (answered.authoritative) return answered
  throw new OutsideError(question.server, `${question.server} is not authoritative for ${question.name}`)
}

/** What a client gets that asks this resolver now, from its cache or not. */
export function resolverView(
  question: Question & { readonly resolver: string; readonly port?: number },
): Promise<Answered> {
  const { resolver: server, port } = question
  return ask({ server, ...(port === undefined ? {} : { port }) }, question, RECURSION_DESIRED)
}

/** Waits until the resolver answers with this address and no other; with none, where that is undefined. */
export async function waitForResolver(
  question: Question & {
    readonly resolver: string
    readonly port?: number
    readonly address: string | undefined
    readonly within_s: number
    readonly signal?: AbortSignal
  },
): Promise<{ readonly at: string; readonly tries: number }> {
  const { resolver, name, address, within_s, signal, clock = systemClock } = question
  const until_ms = clock.now().getTime() + within_s * 1_000
  let last = 'it was not asked'
  for (let tries = 1; ; tries++) {
    signal?.throwIfAborted()
    try {
      const { addresses, ttl_s } = await resolverView({ ...question, within_s: 2 })
      if (addresses.length === (address === undefined ? 0 : 1) && addresses[0] === address)
        return { at: clock.now().toISOString(), tries }
      last = addresses.length === 0 ? 'no address' : `${addresses.join(', ')} for another ${ttl_s} s`
    } catch (error) {
      if (!(error instanceof OutsideError)) throw error
      last = error.message
    }
    if (clock.now().getTime() >= until_ms)
      throw new OutsideError(
        resolver,
        `resolver ${resolver} does not answer ${name} with ${address ?? 'no address'} after ${within_s} s; last: ${last}`,
      )
    await clock.sleep(200, signal)
  }
}

async function ask(
  to: DnsServerAddress,
  { name, type = 'A', within_s = 5, clock = systemClock }: Question,
  flags: number,
): Promise<Answered> {
  const where = `${to.server}:${to.port ?? 53}`
  const until_ms = clock.now().getTime() + within_s * 1_000
  let last = 'it was not asked'
  for (let attempt = 0; ; attempt++) {
    const left_ms = until_ms - clock.now().getTime()
    if (left_ms <= 0) throw new OutsideError(where, `${where} did not answer for ${name} within ${within_s} s: ${last}`)
    const message = encode({ type: 'query', id: randomInt(65_536), flags, questions: [{ type, name }] })
    const exchange = attempt % 3 === 2 ? exchangeTcp : exchangeUdp
    const exchanged = await exchange(to, message, Math.min(left_ms, 1_000), () => true)
    if ('answer' in exchanged) {
      const answered = read(exchanged.answer, name, type)
      if (answered !== undefined) return answered
      last = `code ${exchanged.answer.readUInt16BE(2) & 0x0f}`
    } else {
      last = exchanged.failed
    }
    await clock.sleep(Math.max(0, Math.min(100, until_ms - clock.now().getTime())))
  }
}

/** Undefined for an answer that is neither "here it is" nor "there is none". */
function read(answer: Buffer, name: string, type: 'A' | 'AAAA'): Answered | undefined {
  const rcode = answer.readUInt16BE(2) & 0x0f
  if (rcode !== 0 && rcode !== NXDOMAIN) return undefined
  const decoded = tryDecode(answer)
  if (decoded === undefined) return undefined
  const { flags = 0, answers = [] } = decoded
  const records = answers.flatMap((record) =>
    (record.type === 'A' || record.type === 'AAAA') && record.type === type ? [record] : [],
  )
  const isAlias = answers.some((record) => record.type === 'CNAME')
  const own = records.filter((record) => isAlias || record.name.toLowerCase() === name.toLowerCase().replace(/\.$/, ''))
  return {
    addresses: own.map((record) => normal(record.data)).sort(),
    ttl_s: own.length === 0 ? undefined : Math.min(...own.map((record) => record.ttl ?? 0)),
    authoritative: (flags & AUTHORITATIVE_ANSWER) !== 0,
  }
}

/** One way to write each address. */
function normal(text: string): string {
  const parsed = parseAddress6(text)
  return parsed.ok ? formatAddress6(parsed.value) : text
}

/** The library throws various errors for what is no DNS message. */
function tryDecode(answer: Buffer): ReturnType<typeof decode> | undefined {
  try {
    return decode(answer)
  } catch {
    return undefined
  }
}

const NXDOMAIN = 3
