import pg from 'pg'
import type { Charge, Database, Order } from './database.ts'
import { settings } from './settings.ts'

export type Billing = {
  /** Charges the order; `pending` when billing cannot be reached now. */
  readonly charge: (order: Order) => Promise<Charge>
  /** Charges what is pending, if billing can be reached. */
  readonly settle: (database: Database) => Promise<void>
  readonly lastState: () => string | undefined
}

const settle_at_once = 50

/** The central billing database, outside the stack: it may be slow, away, or denied, and orders go on without it. */
export function openBilling(options: typeof settings.billing): Billing {
  const pool = new pg.Pool({
    host: options.host,
    port: options.port,
    database: options.database,
    user: options.user,
    password: options.password,
    max: options.connections,
    connectionTimeoutMillis: options.connect_ms,
    query_timeout: options.query_ms,
    keepAlive: true,
  })
  pool.on('error', (error) => console.error('billing connection lost:', error.message))
  let state: string | undefined
  let restUntil = 0

  const charge = async (order: Order): Promise<Charge> => {
    if (Date.now() < restUntil) return 'pending'
    try {
      // Idempotent: charging an order a second time changes nothing.
      await pool.query(
        'insert into charges (ref, customer, amount_cents) values ($1, $2, $3) on conflict (ref) do nothing',
        [order.ref, order.customer, order.quantity * settings.price_cents],
      )
      state = 'ok'
      return 'charged'
    } catch (error) {
      state = String(error)
      restUntil = Date.now() + options.rest_ms
      return 'pending'
    }
  }

  let settling = false
  return {
    charge,
    settle: async (database) => {
      if (settling || Date.now() < restUntil) return
      settling = true
      try {
        const charged: string[] = []
        for (const order of await database.pending(settle_at_once)) {
          if ((await charge(order)) !== 'charged') break
          charged.push(order.ref)
        }
        if (charged.length > 0) await database.markCharged(charged)
      } finally {
        settling = false
      }
    },
    lastState: () => state,
  }
}
