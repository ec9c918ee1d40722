/**
 * Where the stack's parts are, by the names that the stack gives them, and how long each may take. The passwords are the
 * example's own: they protect nothing but a demonstration.
 */
export const settings = {
  port: 8080,
  request_ms: 10_000,
  stop_ms: 5_000,
  settle_every_ms: 2_000,
  database: {
    host: 'database',
    port: 5432,
    database: 'shop',
    user: 'shop',
    password: 'example-shop-password',
    connections: 10,
    /** A connection costs the database a process and a SCRAM exchange: what a busy moment has opened serves the next one. */
    idle_ms: 60_000,
    /** An order is better late than refused; who asks whether the database is there wants to know it at once. */
    connect_ms: 4_000,
    query_ms: 4_000,
    check_ms: 1_500,
    attempts: 2,
  },
  directory: {
    url: 'ldap://ldap:389',
    userDn: (user: string) => `uid=${user},ou=people,dc=example,dc=com`,
    bind_ms: 3_000,
    remember_ms: 5_000,
  },
  billing: {
    host: 'billing',
    port: 5432,
    database: 'billing',
    user: 'shop',
    password: 'example-billing-password',
    connections: 4,
    connect_ms: 500,
    query_ms: 1_000,
    /** After a failure billing is left alone for this long, so that it does not slow every order down. */
    rest_ms: 3_000,
  },
  price_cents: 250,
} as const
