import { Buffer } from 'node:buffer'
import { sha256 } from '../../lib/digest.ts'
import type { ExecResult } from '../contract.ts'
import { type ExecContext, writeFile } from './site.ts'

/** What an appliance answers to the scripts that look into it and load it; undefined for any other command. */
export function applianceTool(context: ExecContext): ExecResult | undefined {
  const at = context.argv.findIndex((word) => /^lifeboat-(look|load|sound)$/.test(word))
  const words = context.argv.slice(at + 1)
  switch (context.argv[at]) {
    case 'lifeboat-look':
      return { exit: 0, stdout: look(context, words), stderr: '' }
    case 'lifeboat-load':
      load(context, words)
      return { exit: 0, stdout: '', stderr: '' }
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
      return secrets.has(path) ? [line] : [line, `text ${path} ${coded(content)}`]
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

const coded = (text: string): string => Buffer.from(text).toString('base64')
