import { randomUUID } from 'node:crypto'
import { Resolver } from 'node:dns/promises'
import { createWriteStream, readFileSync } from 'node:fs'
import { request } from 'node:https'
import { parseArgs } from 'node:util'
import type { OrderAttempt } from './order-log.ts'

/**
 * A customer: places orders at a steady rate until its standard input closes or it is told to end, and writes down what
 * it was told. One process, to be run at a client's place. A new connection for each order; the name is asked of the
 * given resolver and kept no longer than its TTL, so that a change of the record is seen as a client sees it.
 *
 *   orders.ts --url https://shop.example.com/orders --resolver 192.0.2.53 --ca ca.crt --user alice --log orders.jsonl
 *
 * The password is read from SHOP_PASSWORD, since command lines can be read by everybody.
 */
const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    resolver: { type: 'string' },
    ca: { type: 'string' },
    user: { type: 'string' },
    log: { type: 'string' },
    rate: { type: 'string', default: '10' },
    item: { type: 'string', default: 'lifebelt' },
    patience: { type: 'string', default: '2' },
  },
})
const url = new URL(needed('url'))
const ca = readFileSync(needed('ca'))
const authorization = `Basic ${Buffer.from(`${needed('user')}:${process.env.SHOP_PASSWORD ?? ''}`).toString('base64')}`
const rate_per_s = Number(values.rate)
if (!(rate_per_s > 0 && rate_per_s <= 1000)) fail('--rate must be more than 0 and at most 1000 (orders per second)')

const patience_s = Number(values.patience)
if (!(patience_s >= 1 && patience_s <= 600))
  fail('--patience must be 1 to 600 (seconds that an order waits for its answer)')
const order_limit_ms = patience_s * 1000
// A resolver that is asked again doubles the time for which it is waited.
const lookup_limit_ms = 1_000
const lookup_tries = Math.max(1, Math.floor(Math.log2(patience_s)))

const addressOf = nameCache(needed('resolver'))
const log = createWriteStream(needed('log'), { flags: 'a', mode: 0o600 })
const open = new Set<Promise<void>>()
let ending = false

// Orders are sent by the clock and not after the previous answer: a shop that hangs must not slow its customers down.
const started_ms = performance.now()
let sent = 0
let placed = 0
const timer = setInterval(
  () => {
    const due = Math.floor(((performance.now() - started_ms) / 1000) * rate_per_s)
    // After a stall of this process itself the orders missed are not sent in one burst.
    if (due - sent > rate_per_s) sent = due - 1
    for (; sent < due; sent++) {
      const order = placeOrder().finally(() => open.delete(order))
      open.add(order)
    }
  },
  Math.min(20, 1000 / rate_per_s),
)

process.stdin.resume().on('end', () => void end())
process.on('SIGTERM', () => void end())
process.on('SIGINT', () => void end())

async function placeOrder(): Promise<void> {
  const n = ++placed
  const ref = randomUUID()
  const sent_at = Date.now()
  let address: string | null = null
  let outcome: Pick<OrderAttempt, 'acked_at' | 'status' | 'error'>
  try {
    address = await addressOf(url.hostname)
    const { status, body } = await post(address, JSON.stringify({ ref, item: values.item, quantity: 1 }))
    const acked = (status === 201 || status === 200) && body.includes(ref)
    outcome = { acked_at: acked ? Date.now() : null, status, error: acked ? null : body.trim().slice(0, 300) }
  } catch (error) {
    outcome = { acked_at: null, status: null, error: error instanceof Error ? error.message : String(error) }
  }
  log.write(`${JSON.stringify({ n, ref, sent_at, ...outcome, address } satisfies OrderAttempt)}\n`)
}

function post(address: string, body: string): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const limit = AbortSignal.timeout(order_limit_ms)
    const outgoing = request(
      {
        host: address,
        port: url.port === '' ? 443 : Number(url.port),
        path: `${url.pathname}${url.search}`,
        method: 'POST',
        servername: url.hostname,
        ca,
        agent: false,
        signal: limit,
        headers: {
          host: url.host,
          authorization,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          connection: 'close',
        },
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }))
        response.on('error', reject)
      },
    )
    outgoing.on('error', (error) => reject(limit.aborted ? new Error(`no answer within ${order_limit_ms} ms`) : error))
    outgoing.end(body)
  })
}

/** Asks for a name once per TTL, and once only while an answer is awaited. A failure is not remembered. */
function nameCache(server: string): (name: string) => Promise<string> {
  const resolver = new Resolver({ timeout: lookup_limit_ms, tries: lookup_tries })
  resolver.setServers([server])
  let known: { address: string; until_ms: number } | undefined
  let asking: Promise<string> | undefined
  return async (name) => {
    if (known !== undefined && performance.now() < known.until_ms) return known.address
    asking ??= resolver
      .resolve4(name, { ttl: true })
      .then((records) => {
        const record = records[0]
        if (record === undefined) throw new Error(`${name} has no address`)
        known = { address: record.address, until_ms: performance.now() + record.ttl * 1000 }
        return record.address
      })
      .finally(() => {
        asking = undefined
      })
    return await asking
  }
}

async function end(): Promise<void> {
  if (ending) return
  ending = true
  clearInterval(timer)
  await Promise.all(open)
  log.end(() => process.exit(0))
}

function needed(option: 'url' | 'resolver' | 'ca' | 'user' | 'log'): string {
  return values[option] ?? fail(`--${option} is missing`)
}

function fail(message: string): never {
  console.error(`orders: ${message}`)
  process.exit(64)
}
