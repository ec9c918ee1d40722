import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { settings } from './settings.ts'

export type Charge = 'pending' | 'charged'

export type Order = {
  readonly id: number
  /** Chosen by the client: the same order sent twice is one order. */
  readonly ref: string
  readonly customer: string
  readonly item: string
  readonly quantity: number
  readonly charge: Charge
  readonly created_at: string
}

export type NewOrder = Pick<Order, 'ref' | 'customer' | 'item' | 'quantity'>

export type Database = {
  /** Resolves when the order is committed. `created` is false when the ref was there already. */
  readonly insert: (order: NewOrder) => Promise<{ readonly order: Order; readonly created: boolean }>
  readonly find: (ref: string) => Promise<Order | undefined>
  readonly list: (limit: number) => Promise<{ readonly count: number; readonly orders: readonly Order[] }>
  readonly pending: (limit: number) => Promise<readonly Order[]>
  readonly markCharged: (refs: readonly string[]) => Promise<void>
  /** Resolves when a primary answers on a connection; rejects with the reason. */
  readonly check: () => Promise<void>
}

const columns = `id::int, ref, customer, item, quantity, charge, to_char(created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as created_at`

/** The stack's database behind its load balancer. Every call has a limit, and a broken connection is not used again. */
export function openDatabase(options: typeof settings.database): Database {
  const pool = new pg.Pool({
    host: options.host,
    port: options.port,
    database: options.database,
    user: options.user,
    password: options.password,
    max: options.connections,
    idleTimeoutMillis: options.idle_ms,
    connectionTimeoutMillis: options.connect_ms,
    query_timeout: options.query_ms,
    statement_timeout: options.query_ms,
    keepAlive: true,
  })
  pool.on('error', (error) => console.error('database connection lost:', error.message))

  // All statements may be repeated: inserting is idempotent by ref. So a connection that died with the old primary
  // costs a second attempt, not an answer.
  const query = async <Row extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<Row[]> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return (await pool.query<Row>(sql, [...values])).rows
      } catch (error) {
        if (attempt >= options.attempts || !isTransient(error)) throw error
      }
    }
  }

  return {
    insert: async ({ ref, customer, item, quantity }) => {
      const created = await query<Order>(
        `insert into orders (ref, customer, item, quantity) values ($1, $2, $3, $4)
         on conflict (ref) do nothing returning ${columns}`,
        [ref, customer, item, quantity],
      )
      if (created[0] !== undefined) return { order: created[0], created: true }
      const [order] = await query<Order>(`select ${columns} from orders where ref = $1`, [ref])
      if (order === undefined) throw new Error(`order ${ref} was neither inserted nor found`)
      return { order, created: false }
    },
    find: async (ref) => (await query<Order>(`select ${columns} from orders where ref = $1`, [ref]))[0],
    list: async (limit) => {
      const [total] = await query<{ count: number }>('select count(*)::int as count from orders')
      const orders = await query<Order>(`select ${columns} from orders order by id desc limit $1`, [limit])
      return { count: total?.count ?? 0, orders }
    },
    pending: (limit) =>
      query<Order>(
        `select ${columns} from orders where charge = 'pending' and created_at < now() - interval '2 seconds' order by id limit $1`,
        [limit],
      ),
    markCharged: async (refs) => {
      await query(`update orders set charge = 'charged' where ref = any($1) and charge = 'pending'`, [refs])
    },
    check: async () => {
      const answer = query<{ standby: boolean }>('select pg_is_in_recovery() as standby')
      // Nobody waits for it any more once it is late.
      answer.catch(() => {})
      const late = sleep(options.check_ms, undefined, { ref: false }).then(() => {
        throw new Error(`the database did not answer within ${options.check_ms} ms`)
      })
      const [row] = await Promise.race([answer, late])
      if (row?.standby !== false) throw new Error('the database that answers is a standby')
    },
  }
}

/** Class 08 connection, 25 read only, 57P administrator shutdown (PostgreSQL appendix A); no code: the socket itself. */
function isTransient(error: unknown): boolean {
  const code = (error as { code?: unknown }).code
  return typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code) || /^(08|25|57P)/.test(code)
}
