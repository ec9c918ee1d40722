import type { BalancedService, BalancerCheck, Pool } from '../stack/stack.ts'
import { groupOf } from './appliances.ts'
import { rawLines, word } from './haproxy-words.ts'
import { addressIn, type Layout } from './layout.ts'
import { membersOf, type NamedPool } from './pools.ts'
import { isPostgresPrimary, letsIn } from './postgres-check.ts'

/** One pool: how the next server is chosen, how each is looked after, and who they are. */
export function backend(layout: Layout, service: BalancedService, { name, pool }: NamedPool): string[] {
  const { mode, raw } = service
  return [
    `backend ${name}`,
    `  mode ${mode}`,
    `  balance ${BALANCE[pool.balance]}`,
    // Without it most clients would change servers when one is added or lost.
    ...(pool.balance === 'source' ? ['  hash-type consistent'] : []),
    ...(mode === 'http'
      ? ['  timeout server 60s', '  timeout tunnel 1h']
      : ['  timeout server 1h', '  option srvtcpka', '  default-server on-marked-down shutdown-sessions']),
    ...cookieLines(service, name, pool),
    ...(pool.backups.length === 0 ? [] : ['  option allbackups']),
    ...checkLines(layout, service, pool.check),
    ...(name === service.name ? rawLines(raw.backend) : []),
    ...serverLines(layout, service, pool),
  ]
}

const BALANCE = {
  'round-robin': 'roundrobin',
  'least-connections': 'leastconn',
  source: 'source',
  first: 'first',
} as const

/** Not for scripts, not for other sites, and only over TLS where clients come by that. */
function cookieLines({ tls }: BalancedService, name: string, { sticky }: Pool): string[] {
  if (sticky === undefined) return []
  const secure = tls.length === 0 ? '' : ' secure'
  const cookie = sticky.cookie ?? `lifeboat-${name}`
  return [`  cookie ${cookie} insert indirect nocache httponly${secure} attr SameSite=Lax`]
}

function serverLines(layout: Layout, { limits }: BalancedService, pool: Pool): string[] {
  const most = limits.connections_per_server
  const options = most === undefined ? '' : ` maxconn ${most}`
  return membersOf(pool).flatMap(({ machine, port, backup }) => {
    const { instances, segment } = groupOf(layout.stack, machine)
    return instances.map((instance) => {
      // Two pools may name one machine at two ports.
      const server = backup ? `${instance}-backup` : instance
      const cookie = pool.sticky === undefined ? '' : ` cookie ${server}`
      return `  server ${server} ${addressIn(layout, instance, segment)}:${port} check${options}${cookie}${backup ? ' backup' : ''}`
    })
  })
}

function checkLines(layout: Layout, service: BalancedService, check: BalancerCheck): readonly string[] {
  switch (check.by) {
    case 'http':
      return [
        '  option httpchk',
        `  http-check send meth ${check.method} uri ${word(check.path)} ver HTTP/1.1 hdr Host ${hostOf(layout, service)}`,
        `  http-check expect status ${check.status}`,
      ]
    case 'tcp':
      return ['  option tcp-check']
    case 'postgres':
      return letsIn()
    case 'postgres-primary':
      return isPostgresPrimary()
    case 'mysql':
      return ['  option mysql-check user lifeboat_check']
    case 'redis':
      return ['  option redis-check']
    case 'redis-primary':
      return [...REDIS_PRIMARY]
    case 'ldap':
      return ['  option ldap-check']
  }
}

/** A replica says `role:slave`. The good bye spares the server a broken connection. */
const REDIS_PRIMARY = [
  '  option tcp-check',
  '  tcp-check connect',
  '  tcp-check send info\\ replication\\r\\n comment "who are you?"',
  '  tcp-check expect string role:master comment "the primary"',
  '  tcp-check send quit\\r\\n comment "good bye"',
  '  tcp-check expect string +OK',
] as const

/** The name that clients use, where there is one. */
function hostOf({ stack, domain }: Layout, { name }: BalancedService): string {
  const names = stack.ingress.filter(({ to, dns }) => to === name && dns).map((ingress) => ingress.name)
  return names.sort()[0] ?? `${name}.${domain}`
}
