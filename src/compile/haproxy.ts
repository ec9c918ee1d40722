import type { BalancedService, LoadBalancer } from '../stack/stack.ts'
import { watchesOf } from './announced.ts'
import { byName } from './appliances.ts'
import { backend } from './haproxy-backend.ts'
import { frontend } from './haproxy-frontend.ts'
import { addressIn, type Layout } from './layout.ts'
import { poolsOf } from './pools.ts'

/** For HAProxy 2.6 and newer; see its configuration manual. */
export function haproxyConf(layout: Layout, balancer: LoadBalancer): string {
  const services = byName(balancer.services).map((service) => serviceSections(layout, balancer, service))
  return `${[GLOBAL, DEFAULTS, ...services.flat(), ...watching(layout, balancer)].map((section) => section.join('\n')).join('\n\n')}\n`
}

/**
 * Only warnings are logged: what servers went down and came up. Requests may name people.
 *
 * A reload hands the listening sockets to the new worker (`expose-fd`), and what the old one knows of the servers: without
 * that it would take each of them for good until its first check, a standby database too.
 */
const GLOBAL = [
  'global',
  '  log stdout format short daemon notice',
  '  user haproxy',
  '  group haproxy',
  '  maxconn 8192',
  '  spread-checks 5',
  '  stats socket /run/haproxy-stats.sock mode 600 level operator expose-fd listeners',
  '  server-state-file /run/haproxy-servers',
  '  ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets',
  '  ssl-default-bind-ciphers ECDHE+AESGCM:ECDHE+CHACHA20',
  '  ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256',
]

/** A server is out after two failed checks, and back after one good one, half a second later at most. */
const DEFAULTS = [
  'defaults',
  '  log global',
  '  option dontlognull',
  '  load-server-state-from-file global',
  '  option redispatch 1',
  '  retries 3',
  '  timeout connect 2s',
  '  timeout check 2s',
  '  timeout queue 10s',
  '  default-server inter 1s fastinter 500ms downinter 500ms fall 2 rise 1',
]

function serviceSections(layout: Layout, balancer: LoadBalancer, service: BalancedService): string[][] {
  return [frontend(layout, balancer, service), ...poolsOf(service).map((pool) => backend(layout, service, pool))]
}

/** Answers whether a service has anybody behind it, at a path of its name; no service can have this section's name. */
function watching(layout: Layout, balancer: LoadBalancer): string[][] {
  const watches = watchesOf(layout).filter((watch) => watch.balancer === balancer.name)
  const [first] = watches
  if (first === undefined) return []
  const places = [...new Set(watches.map(({ segment }) => addressIn(layout, balancer.name, segment.name)))]
  return [
    [
      'frontend lifeboat.watch',
      ...places.map((address) => `  bind ${address}:${first.port}`),
      '  mode http',
      '  option dontlog-normal',
      '  timeout client 5s',
      ...watches.flatMap(({ service }) => servedLines(balancer, service)),
      '  http-request return status 503',
    ],
  ]
}

/** Served is what has one good server in one of its pools; a redirect is served always. */
function servedLines({ services }: LoadBalancer, name: string): string[] {
  const pools = services.flatMap((service) => (service.name === name ? poolsOf(service) : []))
  const conditions = pools.length === 0 ? [''] : pools.map((pool) => ` { nbsrv(${pool.name}) ge 1 }`)
  return conditions.map((condition) => `  http-request return status 200 if { path /${name} }${condition}`)
}
