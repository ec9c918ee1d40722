import type { BalancedService, HeaderRules, Limit, LoadBalancer, Redirect, Route } from '../stack/stack.ts'
import { routedOf } from './announced.ts'
import { plain, rawLines, SECRETS, word } from './haproxy-words.ts'
import { address6In, addressIn, type Layout, segmentOf } from './layout.ts'
import { routeName } from './pools.ts'
import { proxiesTo } from './proxy.ts'

/** Where a service listens, whom it takes, and to which pool each request goes. */
export function frontend(layout: Layout, balancer: LoadBalancer, service: BalancedService): string[] {
  const { name, listen, mode, tls, limits, headers, routes, target, raw } = service
  const here6 = address6In(layout, balancer.name, listen.segment)
  const places = [
    `${addressIn(layout, balancer.name, listen.segment)}:${listen.port}`,
    ...(here6 === undefined ? [] : [`[${here6}]:${listen.port}`]),
    ...routedOf(layout.stack).flatMap((each) => (each.service === name ? [`[${each.address}]:${listen.port}`] : [])),
  ]
  const proxies = proxiesTo(layout, service)
  const alpn = mode === 'http' ? ' alpn h2,http/1.1' : ''
  const crypt = tls.length === 0 ? '' : ` ssl${tls.map((secret) => ` crt ${SECRETS}/${secret}.pem`).join('')}${alpn}`
  return [
    `frontend ${name}`,
    ...places.map((where) => `  bind ${where}${crypt}`),
    `  mode ${mode}`,
    // A firewall's proxy says first whom it speaks for: so the client's address is kept over IPv6 too.
    ...(proxies.length === 0 ? [] : [`  tcp-request connection expect-proxy layer4 if { src ${proxies.join(' ')} }`]),
    ...(limits.connections === undefined ? [] : [`  maxconn ${limits.connections}`]),
    ...(mode === 'http' ? HTTP_CLIENT : ['  timeout client 1h', '  option clitcpka']),
    ...clientLimits(limits, proxies.length === 0 ? 'connection' : 'session'),
    ...(mode === 'http' ? forwarded(layout, service) : []),
    ...headerLines('http-request', headers.request),
    ...headerLines('http-after-response', headers.response),
    ...routeLines(service),
    ...rawLines(raw.frontend),
    ...routes.flatMap((route, index) =>
      route.target.do === 'pass' ? [`  use_backend ${routeName(name, index)} if { ${ROUTE} -m int ${index + 1} }`] : [],
    ),
    ...(target.do === 'pass' ? [`  default_backend ${name}`] : []),
  ]
}

const HTTP_CLIENT = ['  timeout client 60s', '  timeout http-request 10s', '  timeout http-keep-alive 15s']

/**
 * A table of client addresses; IPv4 addresses are in it as mapped ones. Rules of a `connection` are asked before the PROXY
 * protocol, and would take the proxy for the client; those of a `session` after it.
 */
function clientLimits(
  { connections_per_client, requests_per_client }: BalancedService['limits'],
  when: 'connection' | 'session',
): string[] {
  if (connections_per_client === undefined && requests_per_client === undefined) return []
  const [period, expire] = requests_per_client === undefined ? ['1s', '1m'] : PERIODS[requests_per_client.per]
  const stored = [
    ...(connections_per_client === undefined ? [] : ['conn_cur']),
    ...(requests_per_client === undefined ? [] : [`http_req_rate(${period})`]),
  ]
  return [
    `  stick-table type ipv6 size 100k expire ${expire} store ${stored.join(',')}`,
    `  tcp-request ${when} track-sc0 src`,
    ...(connections_per_client === undefined
      ? []
      : [`  tcp-request ${when} reject if { sc0_conn_cur gt ${connections_per_client} }`]),
    ...(requests_per_client === undefined
      ? []
      : [`  http-request deny deny_status 429 if { sc0_http_req_rate gt ${requests_per_client.count} }`]),
  ]
}

/** What is counted, and when a client that is silent may be forgotten. */
const PERIODS: Readonly<Record<Limit['per'], readonly [string, string]>> = {
  second: ['1s', '1m'],
  minute: ['1m', '2m'],
  hour: ['1h', '2h'],
}

/**
 * Who asked, and how. What comes through a firewall is from outside and may claim anything, so it starts anew there;
 * between segments what the first load balancer wrote is kept.
 */
function forwarded(layout: Layout, { listen, tls }: BalancedService): string[] {
  const from_outside = segmentOf(layout, listen.segment).gateway !== undefined
  const proto = `http-request set-header X-Forwarded-Proto ${tls.length === 0 ? 'http' : 'https'}`
  return from_outside
    ? ['  http-request del-header X-Forwarded-For', '  option forwardfor', `  ${proto}`]
    : ['  option forwardfor', `  ${proto} unless { req.hdr(X-Forwarded-Proto) -m found }`]
}

/** `http-after-response` covers answers of the load balancer itself, too: redirects, errors. */
function headerLines(when: 'http-request' | 'http-after-response', { set, remove }: HeaderRules): string[] {
  return [
    ...remove.map((name) => `  ${when} del-header ${name}`),
    ...set.map(({ name, value }) => `  ${when} set-header ${name} ${value === '' ? '""' : plain(value)}`),
  ]
}

const ROUTE = 'var(txn.route)'

/**
 * The first route that matches is remembered, because HAProxy asks all `http-request` rules, and so all redirects, before
 * any `use_backend`.
 */
function routeLines({ name, routes, target }: BalancedService): string[] {
  return [
    ...routes.flatMap((route, index) => conditionLines(name, route, index + 1)),
    ...routes.flatMap((route, index) =>
      route.target.do === 'redirect'
        ? [`  http-request redirect ${redirectWords(route.target.redirect)} if { ${ROUTE} -m int ${index + 1} }`]
        : [],
    ),
    ...(target.do === 'redirect'
      ? [
          `  http-request redirect ${redirectWords(target.redirect)}${routes.length === 0 ? '' : ` unless { ${ROUTE} -m found }`}`,
        ]
      : []),
  ]
}

/** Lines of one ACL are alternatives; two ACLs after `if` must both hold. */
function conditionLines(service: string, { hosts, paths }: Route, number: number): string[] {
  const [host, path] = [`${service}_${number}_host`, `${service}_${number}_path`]
  const exact = hosts.filter((each) => !each.startsWith('*'))
  const below = hosts.filter((each) => each.startsWith('*')).map((each) => each.slice(1))
  const all = paths.includes('/')
  const conditions = [...(hosts.length === 0 ? [] : [host]), ...(paths.length === 0 || all ? [] : [path])]
  return [
    ...(exact.length === 0 ? [] : [`  acl ${host} req.hdr(host),host_only,lower -m str ${exact.join(' ')}`]),
    ...(below.length === 0 ? [] : [`  acl ${host} req.hdr(host),host_only,lower -m end ${below.join(' ')}`]),
    ...(paths.length === 0 || all
      ? []
      : [
          `  acl ${path} path -m str ${paths.map(word).join(' ')}`,
          `  acl ${path} path -m beg ${paths.map((each) => word(`${each}/`)).join(' ')}`,
        ]),
    `  http-request set-var(txn.route) int(${number}) if !{ ${ROUTE} -m found }${conditions.map((each) => ` ${each}`).join('')}`,
  ]
}

function redirectWords(redirect: Redirect): string {
  switch (redirect.to) {
    case 'https':
      return 'scheme https code 301'
    case 'host':
      return `prefix ${plain(redirect.url)} code 301`
    case 'url':
      return `location ${plain(redirect.url)} code 301`
  }
}
