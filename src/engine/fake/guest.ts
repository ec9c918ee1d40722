import { Buffer } from 'node:buffer'
import type { ExecResult } from '../contract.ts'
import { applianceTool } from './appliance.ts'
import { type ExecContext, type FakeInstance, writeFile } from './site.ts'

/** What a guest answers that no test has scripted: a few words of shell, readiness, and the tools of the appliance. */
export async function defaultGuest(context: ExecContext): Promise<ExecResult> {
  const tool = applianceTool(context)
  if (tool !== undefined) return tool
  const [program = '', ...rest] = context.argv
  const base = program.split('/').at(-1)!
  if (base === 'sh' || base === 'bash') return await shell(context, rest.at(-1) ?? '')
  if (base === 'lifeboat-ready') return await ready(context, rest)
  if (base === 'lifeboat-announce') return announce(context, rest[0])
  if (TOOLS.has(base)) return { exit: 0, stdout: '', stderr: '' }
  return await shell(context, context.argv.join(' '))
}

const TOOLS = new Set([
  'nft',
  'ip',
  'sysctl',
  'systemctl',
  'networkctl',
  'haproxy',
  'dnsmasq',
  'conntrack',
  'psql',
  'curl',
])

async function shell(context: ExecContext, script: string): Promise<ExecResult> {
  const result = { exit: 0, stdout: '', stderr: '' }
  for (const line of script.split(/;|&&|\n/)) {
    const { words, target } = redirection(line.trim())
    const [command, ...args] = words
    if (command === undefined) continue
    if (command === 'exit') return { ...result, exit: Number(args[0] ?? result.exit) }
    const one = await run(context, command, args)
    result.exit = one.exit
    result.stderr += one.stderr
    if (target === undefined) result.stdout += one.stdout
    else if (target === '&2') result.stderr += one.stdout
    else writeFile(context.instance, target, Buffer.from(one.stdout), 0o644)
  }
  return result
}

function redirection(line: string): { words: string[]; target: string | undefined } {
  const [command = '', target] = line.split(/(?<!\d)>\s*/)
  const words = command.match(/"[^"]*"|'[^']*'|\S+/g) ?? []
  return { words: words.map((word) => word.replace(/^["']|["']$/g, '')), target: target?.trim() }
}

async function run(context: ExecContext, command: string, args: readonly string[]): Promise<ExecResult> {
  const file = context.instance.files.get(args.at(-1) ?? '')
  const missing = { exit: 1, stdout: '', stderr: `${command}: ${args.at(-1)}: No such file or directory\n` }
  switch (command) {
    case 'echo':
      return good(`${args.join(' ')}\n`)
    case 'true':
    case 'sync':
      return good('')
    case 'false':
      return { exit: 1, stdout: '', stderr: '' }
    case 'cat':
      return file === undefined ? missing : good(file.content.toString())
    case 'stat':
      return file === undefined ? missing : good(`${file.mode.toString(8)}\n`)
    case 'test':
      return { exit: file === undefined ? 1 : 0, stdout: '', stderr: '' }
    case 'sleep':
      await context.clock.sleep(Number(args[0]) * 1_000, context.signal)
      return good('')
    default:
      return { exit: 127, stdout: '', stderr: `sh: ${command}: not found\n` }
  }
}

const good = (stdout: string): ExecResult => ({ exit: 0, stdout, stderr: '' })

/** `lifeboat-announce VERB`: everything is served, and one session is up, unless it was told to withdraw. */
function announce({ instance }: ExecContext, verb: string | undefined): ExecResult {
  const held = '/run/lifeboat/withdrawn'
  if (verb === 'withdraw' || verb === 'announce') writeFile(instance, held, Buffer.from(verb), 0o644)
  if (verb !== 'status') return good('')
  const conf = instance.files.get('/etc/lifeboat/announce.conf')?.content.toString() ?? ''
  const prefixes = new Set([...conf.matchAll(/^(\S+\/\d+) /gm)].map(([, prefix]) => prefix))
  const what =
    instance.files.get(held)?.content.toString() === 'withdraw' ? 'withdrawn 1.00 held back' : 'announced 1.00 '
  const peers = { '10.255.0.1': { state: 'Established' } }
  const sessions = JSON.stringify({
    ipv4Unicast: { peers },
    ipv6Unicast: { peers: { '2001:db8:ff::1': peers['10.255.0.1'] } },
  })
  return good(`${[...prefixes].map((prefix) => `${prefix} ${what}\n`).join('')}${sessions}\n`)
}

/** `lifeboat-ready DEADLINE_S PROBE...`: waits until the machine behind every probe is ready, or all machines where none is known. */
async function ready(context: ExecContext, [deadline_s, ...probes]: readonly string[]): Promise<ExecResult> {
  const { clock } = context
  const start_ms = clock.now().getTime()
  const until_ms = start_ms + Number(deadline_s) * 1_000
  for (;;) {
    const waiting = probes.filter((probe) => !behind(context, probe).every((each) => context.site.isReady(each)))
    const now_ms = clock.now().getTime()
    if (waiting.length === 0) return good(probes.map((probe) => `${probe} ${now_ms - start_ms} ms\n`).join(''))
    if (now_ms >= until_ms || context.instance.power !== 'running')
      return { exit: 1, stdout: '', stderr: waiting.map((probe) => `${probe} connection refused\n`).join('') }
    await clock.sleep(100, context.signal)
  }
}

/** The machines of the area that a probe's address belongs to, by the DHCP reservations in the appliances' files. */
function behind(context: ExecContext, probe: string): readonly FakeInstance[] {
  const instances = [...(context.site.area(context.ref.area)?.instances.values() ?? [])]
  const address = /^\w+:\/\/([^:/]+)/.exec(probe)?.[1] ?? ''
  const reservations = instances
    .flatMap((each) => reservationsIn(each.files))
    .filter((line) => line.split(/[=,]/).includes(address))
  const reserved = instances.filter((each) =>
    each.object.nics.some((nic) => reservations.some((line) => line.includes(nic.mac))),
  )
  return reserved.length > 0 ? reserved : instances.filter((each) => each.power === 'running')
}

/** Files are never changed in place: what was once read of them holds. */
const readBefore = new WeakMap<FakeInstance['files'], readonly string[]>()

function reservationsIn(files: FakeInstance['files']): readonly string[] {
  const known = readBefore.get(files)
  if (known !== undefined) return known
  const lines = [...files.values()].flatMap((file) => file.content.toString().split('\n'))
  const found = lines.filter((line) => line.startsWith('dhcp-host='))
  readBefore.set(files, found)
  return found
}
