import { Buffer } from 'node:buffer'
import { sha256 } from '../../lib/digest.ts'
import type { ExecResult } from '../contract.ts'
import { type ExecContext, writeFile } from './site.ts'

/** What an appliance answers to the scripts that look into it and load it; undefined for any other command. */
export function applianceTool(context: ExecContext): ExecResult | undefined {
  const at = context.argv.findIndex((word) => /^lifeboat-(look|load|sound|count)$/.test(word))
  const words = context.argv.slice(at + 1)
  switch (context.argv[at]) {
    case 'lifeboat-look':
      return { exit: 0, stdout: look(context, words), stderr: '' }
    case 'lifeboat-load':
      load(context, words)
      return { exit: 0, stdout: '', stderr: '' }
    case 'lifeboat-count':
      return { exit: 0, stdout: counted(context, () => 0), stderr: '' }
    case 'lifeboat-sound':
      return { exit: 0, stdout: '', stderr: '' }
    default:
      return undefined
  }
}

const MANIFEST = '/etc/lifeboat/manifest'
const NEXT = '/etc/lifeboat/next/root'
const BEFORE = '/etc/lifeboat/before/root'
const FOR = '/etc/lifeboat/before/for'
/** A test writes here what somebody loaded by hand. */
export const LOADED = '/proc/fake/ruleset'

function look({ instance }: ExecContext, words: readonly string[]): string {
  const text = (path: string) => instance.files.get(path)?.content.toString()
  const manifest = text(MANIFEST)
  const recorded = (manifest ?? '').split('\n').flatMap((line) => /^[0-9a-f]{64} {2}(.+)$/.exec(line)?.[1] ?? [])
  const networks = [...instance.files.keys()].filter((path) => path.startsWith('/etc/systemd/network/'))
  const secrets = new Set(words.slice(words.indexOf('--') + 1))
  const paths = [...new Set([...words.filter((word) => word !== '--'), ...recorded, ...networks])].sort()
  const rules = text('/etc/nftables.conf')
  return [
    ...(manifest === undefined ? [] : [`written ${coded(manifest)}`]),
    ...paths.flatMap((path) => {
      const content = text(path)
      if (content === undefined) return []
      const line = `file ${sha256(content)} 0 ${path}`
      const certificate = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/.exec(content)?.[0]
      if (secrets.has(path))
        return certificate === undefined ? [line] : [line, `certificate ${path} ${coded(certificate)}`]
      return [line, `text ${path} ${coded(content)}`]
    }),
    ...(rules === undefined ? [] : [`loaded ${coded(text(LOADED) ?? rules)}`, `meant ${coded(rules)}`]),
    ...['haproxy', 'dnsmasq'].map((program) => `began ${program} 1`),
    '',
  ].join('\n')
}

function load({ instance }: ExecContext, [verb, digest = '', ...words]: readonly string[]): void {
  const read = (path: string) => instance.files.get(path)
  const remove = (...paths: readonly string[]) => {
    instance.files = new Map([...instance.files].filter(([path]) => !paths.includes(path)))
  }
  const under = (folder: string) => [...instance.files.keys()].filter((path) => path.startsWith(`${folder}/`))
  const copy = (from: string, to: string) => {
    const file = read(from)
    if (file !== undefined) writeFile(instance, to, file.content, file.mode)
  }
  if (verb === 'apply') {
    const gone = words.slice(words.indexOf('--') + 1)
    const coming = under(NEXT).map((path) => path.slice(NEXT.length))
    if (read(FOR)?.content.toString() !== digest) {
      remove(...under(BEFORE))
      for (const path of [...coming, ...gone]) copy(path, `${BEFORE}${path}`)
      const absent = coming.filter((path) => read(path) === undefined)
      writeFile(instance, FOR, Buffer.from(digest), 0o600)
      writeFile(instance, '/etc/lifeboat/before/absent', Buffer.from(absent.join('\n')), 0o600)
    }
    for (const path of coming) copy(`${NEXT}${path}`, path)
    remove(...gone, ...under(NEXT), LOADED)
  } else if (read(FOR)?.content.toString() === digest) {
    for (const path of under(BEFORE)) copy(path, path.slice(BEFORE.length))
    remove(...(read('/etc/lifeboat/before/absent')?.content.toString().split('\n') ?? []))
  }
}

/** What has passed: so many by each rule and to each server as `number` says of its words. */
export function counted({ instance }: ExecContext, number: (words: string) => number): string {
  const text = (path: string) => instance.files.get(path)?.content.toString() ?? ''
  let chain = ''
  const nftables = text('/etc/nftables.conf')
    .split('\n')
    .flatMap((line) => {
      chain = /^ {2}chain (\S+)/.exec(line)?.[1] ?? chain
      const [, verdict = '', comment = ''] = /counter (\w+).* comment "(.*)"$/.exec(line) ?? []
      if (comment === '') return []
      const packets = number(comment)
      return [{ rule: { chain, comment, expr: [{ counter: { packets, bytes: packets * 60 } }, { [verdict]: null }] } }]
    })
  const haproxy = text('/etc/haproxy/haproxy.cfg')
  let service = ''
  const servers = haproxy.split('\n').flatMap((line) => {
    service = /^backend (\S+)/.exec(line)?.[1] ?? service
    const machine = /^ {2}server (\S+)/.exec(line)?.[1]
    if (machine === undefined) return []
    const total = number(`${service} ${machine}`)
    return [`${service},${machine},${total % 7},${total},${total * 700},${total * 9000},UP,60`]
  })
  const stats = ['# pxname,svname,scur,stot,bin,bout,status,lastchg', ...servers, ''].join('\n')
  return [
    `rules ${coded(JSON.stringify({ nftables }))}`,
    ...(haproxy === '' ? [] : [`servers ${coded(stats)}`]),
    '',
  ].join('\n')
}

const coded = (text: string): string => Buffer.from(text).toString('base64')
