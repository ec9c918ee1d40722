import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Billing } from './billing.ts'
import type { Charge, Database, Order } from './database.ts'
import type { Directory } from './directory.ts'

export type Shop = { readonly database: Database; readonly directory: Directory; readonly billing: Billing }

export type Answer = {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** GET /healthz; with a login: GET /login, POST /orders, GET /orders, GET /orders/REF. */
export async function handle(shop: Shop, request: IncomingMessage): Promise<Answer> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://shop')
  if (pathname === '/healthz') return await health(shop)

  const login = await authenticate(shop, request)
  if (login.user === undefined) return login.answer
  const ref = /^\/orders\/([^/]+)$/.exec(pathname)?.[1]
  if (pathname === '/login' && request.method === 'GET') return { status: 200, body: { user: login.user } }
  if (pathname === '/orders' && request.method === 'POST') return await placeOrder(shop, login.user, request)
  if (pathname === '/orders' && request.method === 'GET') return await listOrders(shop, searchParams.get('limit'))
  if (ref !== undefined && request.method === 'GET') return await showOrder(shop, ref)
  return { status: 404, body: { error: `nothing here: ${request.method} ${pathname}` } }
}

/** Only the database makes the service unhealthy; what the central services last said is told beside it. */
async function health({ database, directory, billing }: Shop): Promise<Answer> {
  const services = { ldap: directory.lastState() ?? 'not used yet', billing: billing.lastState() ?? 'not used yet' }
  try {
    await database.check()
    return { status: 200, body: { database: 'ok', ...services } }
  } catch (error) {
    return { status: 503, body: { database: reason(error), ...services } }
  }
}

type Authenticated = { readonly user: string } | { readonly user: undefined; readonly answer: Answer }

async function authenticate({ directory }: Shop, request: IncomingMessage): Promise<Authenticated> {
  const encoded = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(request.headers.authorization ?? '')?.[1]
  const [, user, password] = /^([^:]*):([\s\S]*)$/.exec(Buffer.from(encoded ?? '', 'base64').toString()) ?? []
  const login = user === undefined || password === undefined ? 'refused' : await directory.login(user, password)
  switch (login) {
    case 'accepted':
      return { user: user! }
    case 'refused':
      return {
        user: undefined,
        answer: { status: 401, body: { error: 'login needed' }, headers: { 'www-authenticate': 'Basic realm="shop"' } },
      }
    case 'unavailable':
      return { user: undefined, answer: unavailable('the login cannot be checked', directory.lastState()) }
  }
}

/** Acknowledged only after the stack's database has committed. The charge may follow later and is then `pending`. */
async function placeOrder({ database, billing }: Shop, customer: string, request: IncomingMessage): Promise<Answer> {
  const wanted = parseOrder(await readBody(request))
  if (typeof wanted === 'string') return { status: 400, body: { error: wanted } }
  let order: Order
  let created: boolean
  try {
    ;({ order, created } = await database.insert({ ...wanted, customer }))
  } catch (error) {
    return unavailable('the order was not accepted', reason(error))
  }
  if (order.customer !== customer || order.item !== wanted.item || order.quantity !== wanted.quantity) {
    return { status: 409, body: { error: `ref ${order.ref} is another order` } }
  }
  const charge = order.charge === 'charged' ? order.charge : await settleNow(database, billing, order)
  return { status: created ? 201 : 200, body: { id: order.id, ref: order.ref, charge } }
}

async function settleNow(database: Database, billing: Billing, order: Order): Promise<Charge> {
  const charge = await billing.charge(order)
  if (charge === 'charged') {
    // If this fails the order stays pending and is settled later: charging is idempotent.
    await database.markCharged([order.ref]).catch((error: unknown) => console.error('marking charge:', reason(error)))
  }
  return charge
}

async function listOrders({ database }: Shop, limit: string | null): Promise<Answer> {
  const wanted = limit === null ? 20 : Number(limit)
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > 100_000) {
    return { status: 400, body: { error: 'limit must be a whole number from 1 to 100000' } }
  }
  try {
    return { status: 200, body: await database.list(wanted) }
  } catch (error) {
    return unavailable('the orders cannot be read', reason(error))
  }
}

async function showOrder({ database }: Shop, ref: string): Promise<Answer> {
  try {
    const order = await database.find(ref)
    return order === undefined ? { status: 404, body: { error: `no order ${ref}` } } : { status: 200, body: order }
  } catch (error) {
    return unavailable('the order cannot be read', reason(error))
  }
}

type WantedOrder = { readonly ref: string; readonly item: string; readonly quantity: number }

function parseOrder(body: string): WantedOrder | string {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    return 'the body is not JSON'
  }
  if (typeof value !== 'object' || value === null) return 'the body must be an object'
  const { ref = randomUUID(), item, quantity } = value as Record<string, unknown>
  if (typeof ref !== 'string' || !/^[A-Za-z0-9._-]{1,64}$/.test(ref)) return 'ref: 1 to 64 letters, digits, . _ -'
  if (typeof item !== 'string' || item === '' || item.length > 200) return 'item: text of 1 to 200 characters'
  if (typeof quantity !== 'number' || !Number.isInteger(quantity) || quantity < 1 || quantity > 1000) {
    return 'quantity: a whole number from 1 to 1000'
  }
  return { ref, item, quantity }
}

const body_bytes = 16 * 1024

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size_bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size_bytes += chunk.length
    if (size_bytes > body_bytes) return ''
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function unavailable(error: string, why: string | undefined): Answer {
  return { status: 503, body: { error, reason: why ?? 'unknown' } }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error)
}
