import { CronPattern } from 'croner'
import { parseDuration_s } from '../lib/duration.ts'
import type { BalancerCheck, Check, IcmpType, Limit, PortRange, Probe, Redirect } from './stack.ts'

/**
 * The short forms of the language: each is one pattern, a noun, an example, and how the matched text becomes a value.
 * A parser is called only with text that matches its pattern; numbers out of range give undefined.
 */
export type Form<T> = {
  readonly noun: string
  readonly example: string
  readonly pattern: RegExp
  readonly parse: (text: string) => T | undefined
}

/** RFC 1035 section 2.3.1 (starts with a letter): also what Incus takes as the name of an instance. */
const LABEL = '[a-z]([a-z0-9-]*[a-z0-9])?'
const NAME_PATTERN = new RegExp(`^${LABEL}$`)

export function isName(text: string): boolean {
  return text.length <= 63 && NAME_PATTERN.test(text)
}

/** At least two labels, no final dot, 253 characters at most (RFC 1035 section 2.3.4). Labels may start with a digit. */
export function isFullName(text: string): boolean {
  const labels = text.split('.')
  return (
    text.length <= 253 &&
    labels.length >= 2 &&
    labels.every((label) => label.length <= 63 && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(label)) &&
    !/^\d+$/.test(labels.at(-1) ?? '')
  )
}

export const duration: Form<number> = {
  noun: 'a duration',
  example: '30s',
  pattern: /^(\d{1,6}[dhms])+$/,
  parse: (text) => {
    const seconds = parseDuration_s(text)
    return seconds === undefined || seconds < 1 ? undefined : seconds
  },
}

/** Minute, hour, day of the month, month, day of the week; in UTC. */
export const schedule: Form<string> = {
  noun: 'a schedule of five fields, in UTC',
  example: '0 3 * * *',
  pattern: /^\S+( +\S+){4}$/,
  parse: (text) => {
    try {
      new CronPattern(text)
      return text
    } catch {
      return undefined
    }
  },
}

export const ready: Form<Probe> = {
  noun: 'a readiness probe',
  example: 'http :80/healthz',
  pattern: /^(http :\d{1,5}(\/\S*)?|tcp :\d{1,5}|exec \S.*)$/,
  parse: (text) => {
    if (text.startsWith('exec ')) return { by: 'exec', command: text.slice(5).trim() }
    const [, by, digits = '', path] = /^(http|tcp) :(\d+)(\/\S*)?$/.exec(text) ?? []
    const port = parsePort(digits)
    if (port === undefined) return undefined
    return by === 'tcp' ? { by: 'tcp', port } : { by: 'http', port, path: path ?? '/' }
  },
}

export const listen: Form<{ readonly segment: string; readonly port: number }> = {
  noun: 'a place to listen',
  example: 'front:443',
  pattern: /^[^\s:]+:\d{1,5}$/,
  parse: (text) => {
    const [segment = '', digits = ''] = text.split(':')
    const port = parsePort(digits)
    return port === undefined ? undefined : { segment, port }
  },
}

export const pool: Form<{ readonly machine: string; readonly port: number }> = {
  noun: 'a pool',
  example: 'web:80',
  pattern: listen.pattern,
  parse: (text) => {
    const place = listen.parse(text)
    return place && { machine: place.segment, port: place.port }
  },
}

export const balancerCheck: Form<BalancerCheck> = {
  noun: 'a health check',
  example: 'GET /healthz',
  pattern: /^((GET|HEAD) \/\S*( is [1-5]\d\d(-[1-5]\d\d)?)?|tcp|postgres(-primary)?|mysql|redis(-primary)?|ldap)$/,
  parse: (text) => {
    if (!text.includes(' ')) return { by: text as Exclude<BalancerCheck['by'], 'http'> }
    const [method = '', path = '', , status = '200-399'] = text.split(' ')
    return { by: 'http', method: method as 'GET' | 'HEAD', path, status }
  },
}

/** With a name of the cookie, where an application has its own that is called as ours would be. */
export const sticky: Form<{ readonly cookie: string | undefined }> = {
  noun: 'a way to stay with one server',
  example: 'cookie',
  pattern: /^cookie( [A-Za-z0-9_-]{1,40})?$/,
  parse: (text) => ({ cookie: text.split(' ')[1] }),
}

/** To a URL that ends with its host the path is kept. */
export const redirect: Form<Redirect> = {
  noun: 'a redirect',
  example: 'https, or https://www.example.com',
  pattern: /^(https|https?:\/\/[^\s"'\\]+)$/,
  parse: (text) => {
    if (text === 'https') return { to: 'https' }
    if (!URL.canParse(text)) return undefined
    return /^https?:\/\/[^/]+\/?$/.test(text) ? { to: 'host', url: text.replace(/\/$/, '') } : { to: 'url', url: text }
  },
}

export const rate: Form<Omit<Limit, 'each_client'>> = {
  noun: 'a rate',
  example: '20/s',
  pattern: /^\d{1,6}\/[smh]$/,
  parse: (text) => limit.parse(text),
}

/** What a rule is about: `ports` absent means all of them, `icmp` absent all types of it. */
export type Traffic = {
  readonly protocol: 'tcp' | 'udp' | 'icmp' | 'any'
  readonly ports: PortRange | undefined
  readonly icmp: IcmpType | undefined
}

/**
 * `any` is TCP, UDP and ICMP. A name is a group of ports. The two types of ICMP can open a conversation: any other is an
 * answer or an error about one, which passes with it, and by itself is invalid for the kernel (`valid_new` in
 * nf_conntrack_proto_icmp.c), so that a rule could never match it.
 */
export const traffic: Form<Traffic | { readonly group: string }> = {
  noun: 'traffic',
  example: 'tcp/443, udp/5000-5010, icmp, any or a group of ports',
  pattern: new RegExp(`^(icmp(/(echo|timestamp)-request)?|(tcp|udp)/\\d{1,5}(-\\d{1,5})?|${LABEL})$`),
  parse: (text) => {
    if (text === 'any') return { protocol: 'any', ports: undefined, icmp: undefined }
    const [protocol = '', rest] = text.split('/')
    if (protocol === 'icmp') {
      return { protocol, ports: undefined, icmp: (rest ?? 'echo-request') as IcmpType }
    }
    if (rest === undefined) return { group: text }
    const [first, last = first] = rest.split('-').map(parsePort)
    if (first === undefined || last === undefined || last < first) return undefined
    return { protocol: protocol as 'tcp' | 'udp', ports: { first, last }, icmp: undefined }
  },
}

export const limit: Form<Limit> = {
  noun: 'a limit',
  example: '100/s, or 20/m per client',
  pattern: /^\d{1,6}\/[smh]( per client)?$/,
  parse: (text) => {
    const [, digits = '', unit = '', client] = /^(\d+)\/([smh])( per client)?$/.exec(text) ?? []
    const count = Number(digits)
    const per = unit === 's' ? 'second' : unit === 'm' ? 'minute' : 'hour'
    return count < 1 ? undefined : { count, per, each_client: client !== undefined }
  },
}

export const port: Form<{ readonly protocol: 'tcp' | 'udp'; readonly port: number }> = {
  noun: 'a port with its protocol',
  example: 'tcp/389',
  pattern: /^(tcp|udp)\/\d{1,5}$/,
  parse: (text) => {
    const [protocol = '', digits = ''] = text.split('/')
    const number = parsePort(digits)
    return number === undefined ? undefined : { protocol: protocol as 'tcp' | 'udp', port: number }
  },
}

export const check: Form<Check> = {
  noun: 'a check',
  example: 'GET https://shop.example.com/healthz is 200',
  pattern: /^(GET|HEAD) https?:\/\/\S+ is \d{3}$/,
  parse: (text) => {
    const [method = '', url = '', , status = ''] = text.split(' ')
    if (!URL.canParse(url) || Number(status) < 100) return undefined
    return { method: method as 'GET' | 'HEAD', url, status: Number(status), words: text }
  },
}

function parsePort(digits: string): number | undefined {
  const number = Number(digits)
  return number >= 1 && number <= 65535 ? number : undefined
}
