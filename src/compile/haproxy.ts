import type { BalancedService, BalancerCheck, LoadBalancer } from '../stack/stack.ts'
import { byName, groupOf } from './appliances.ts'
import { addressIn, type Layout, segmentOf } from './layout.ts'
import { isPostgresPrimary } from './postgres-check.ts'

/** Where an appliance finds its secrets: `NAME.pem`, certificate chain and key. */
export const SECRETS = '/etc/lifeboat/secrets'

/** For HAProxy 2.6 and newer; see its configuration manual. */
export function haproxyConf(layout: Layout, balancer: LoadBalancer): string {
  const services = byName(balancer.services).map((service) => serviceSections(layout, balancer, service))
  return `${[GLOBAL, DEFAULTS, ...services.flat()].map((section) => section.join('\n')).join('\n\n')}\n`
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
  return [frontend(layout, balancer, service), backend(layout, service)]
}

function frontend(layout: Layout, balancer: LoadBalancer, service: BalancedService): string[] {
  const { name, listen, mode, tls } = service
  const where = `${addressIn(layout, balancer.name, listen.segment)}:${listen.port}`
  const alpn = mode === 'http' ? ' alpn h2,http/1.1' : ''
  const crypt = tls === undefined ? '' : ` ssl crt ${SECRETS}/${tls}.pem${alpn}`
  return [
    `frontend ${name}`,
    `  bind ${where}${crypt}`,
    `  mode ${mode}`,
    ...(mode === 'http' ? HTTP_CLIENT : ['  timeout client 1h', '  option clitcpka']),
    ...(mode === 'http' ? forwarded(layout, service) : []),
    `  default_backend ${name}`,
  ]
}

const HTTP_CLIENT = ['  timeout client 60s', '  timeout http-request 10s', '  timeout http-keep-alive 15s']

/**
 * Who asked, and how. What comes through a firewall is from outside and may claim anything, so it starts anew there;
 * between segments what the first load balancer wrote is kept.
 */
function forwarded(layout: Layout, { listen, tls }: BalancedService): string[] {
  const from_outside = segmentOf(layout, listen.segment).gateway !== undefined
  const proto = `http-request set-header X-Forwarded-Proto ${tls === undefined ? 'http' : 'https'}`
  return from_outside
    ? ['  http-request del-header X-Forwarded-For', '  option forwardfor', `  ${proto}`]
    : ['  option forwardfor', `  ${proto} unless { req.hdr(X-Forwarded-Proto) -m found }`]
}

function backend(layout: Layout, service: BalancedService): string[] {
  const { name, mode, pool, check } = service
  const { instances, segment } = groupOf(layout.stack, pool.machine)
  return [
    `backend ${name}`,
    `  mode ${mode}`,
    ...(mode === 'http'
      ? ['  balance roundrobin', '  timeout server 60s', '  timeout tunnel 1h']
      : [
          '  balance leastconn',
          '  timeout server 1h',
          '  option srvtcpka',
          '  default-server on-marked-down shutdown-sessions',
        ]),
    ...checkLines(layout, service, check),
    ...instances.map((instance) => `  server ${instance} ${addressIn(layout, instance, segment)}:${pool.port} check`),
  ]
}

function checkLines(layout: Layout, service: BalancedService, check: BalancerCheck): readonly string[] {
  switch (check.by) {
    case 'http':
      return [
        '  option httpchk',
        `  http-check send meth ${check.method} uri ${word(check.path)} ver HTTP/1.1 hdr Host ${hostOf(layout, service)}`,
        '  http-check expect status 200-399',
      ]
    case 'tcp':
      return ['  option tcp-check']
    case 'postgres-primary':
      return isPostgresPrimary()
  }
}

/** The name that clients use, where there is one. */
function hostOf({ stack, domain }: Layout, { name }: BalancedService): string {
  const names = stack.ingress.filter(({ to }) => to === name).map((ingress) => ingress.name)
  return names.sort()[0] ?? `${name}.${domain}`
}

/** One word of the configuration, whatever is in it (HAProxy configuration manual, "Quoting and escaping"). */
function word(text: string): string {
  return text.replace(/[\\"'#$ ]/g, (letter) => `\\${letter}`)
}
