import type { Engine } from '../engine/contract.ts'
import { EngineError } from '../engine/error.ts'
import { stackArea } from '../operations/naming.ts'
import { activeView, type Situation } from '../operations/situation.ts'
import type { InstanceRef } from '../state/objects.ts'

/** What an appliance has counted since its rules were loaded and its balancer began. */
export type Counted = {
  readonly name: string
  /** Why it does not tell. */
  readonly silence: string | undefined
  readonly rules: readonly CountedRule[]
  readonly servers: readonly CountedServer[]
}

/** The first packet of each connection is counted by its rule, all others as established. */
export type CountedRule = {
  readonly chain: string
  readonly words: string
  readonly verdict: 'accept' | 'drop' | 'translate'
  readonly packets: number
  readonly bytes: number
}

/** A machine behind a service of a balancer, as the balancer's checks see it. */
export type CountedServer = {
  readonly service: string
  readonly machine: string
  readonly up: boolean
  /** In the words of HAProxy: `UP`, `DOWN 1/2`, `no check`. */
  readonly state: string
  readonly since_s: number
  readonly sessions: number
  readonly sessions_total: number
  readonly from_clients_bytes: number
  readonly to_clients_bytes: number
}

/** Asks every appliance that runs at the active site; nothing is changed. */
export async function countInside(engine: Engine, situation: Situation): Promise<readonly Counted[]> {
  const view = activeView(situation)
  const live = view?.answer?.observed.areas.find((each) => each.area.kind === 'stack')?.instances ?? []
  const running = live.filter(({ object, power }) => object.role === 'appliance' && power === 'running')
  const area = stackArea(situation.stack.name)
  return Promise.all(running.map(({ object }) => count(engine, { area, name: object.name })))
}

async function count(engine: Engine, ref: InstanceRef): Promise<Counted> {
  const nothing = { name: ref.name, silence: undefined, rules: [], servers: [] }
  try {
    const { exit, stdout, stderr } = await engine.exec(ref, ['/bin/sh', '-c', COUNT, 'lifeboat-count'], 5)
    if (exit !== 0) return { ...nothing, silence: stderr.trim() || `the command in it ended with ${exit}` }
    return { ...nothing, ...countsIn(stdout) }
  } catch (error) {
    if (error instanceof EngineError) return { ...nothing, silence: error.message }
    throw error
  }
}

/** A line each: what, and its text in base64. */
const COUNT = `
coded() { base64 -w0; echo; }
printf 'rules '; nft -j list ruleset | coded
[ -S /run/haproxy-stats.sock ] || exit 0
printf 'servers '
perl -e 'use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new(Peer => "/run/haproxy-stats.sock") or exit;
  print $s "show stat -1 4 -1\\n"; print while <$s>;' | coded
`

export function countsIn(stdout: string): Pick<Counted, 'rules' | 'servers'> {
  const texts = new Map(
    stdout.split('\n').map((line) => {
      const [what = '', text = ''] = line.split(' ')
      return [what, Buffer.from(text, 'base64').toString()] as const
    }),
  )
  return { rules: rulesIn(texts.get('rules') ?? ''), servers: serversIn(texts.get('servers') ?? '') }
}

type Expression = { readonly [name: string]: unknown }
type Listed = {
  readonly rule?: { readonly chain: string; readonly comment?: string; readonly expr: readonly Expression[] }
}

const verdicts = {
  accept: 'accept',
  drop: 'drop',
  reject: 'drop',
  dnat: 'translate',
  snat: 'translate',
  masquerade: 'translate',
} as const

/** What nft(8) lists as JSON; rules in the same words count together. */
function rulesIn(text: string): readonly CountedRule[] {
  const found = new Map<string, CountedRule>()
  const { nftables = [] } = (text === '' ? {} : JSON.parse(text)) as { readonly nftables?: readonly Listed[] }
  for (const { rule } of nftables) {
    const counter = rule?.expr.find((each) => typeof each.counter === 'object')?.counter as
      | { readonly packets: number; readonly bytes: number }
      | undefined
    const said = rule?.expr.flatMap((each) => Object.keys(each)).find((each) => each in verdicts)
    if (rule?.comment === undefined || counter === undefined || said === undefined) continue
    const verdict = verdicts[said as keyof typeof verdicts]
    const key = `${rule.chain} ${verdict} ${rule.comment}`
    const before = found.get(key)
    found.set(key, {
      chain: rule.chain,
      words: rule.comment,
      verdict,
      packets: (before?.packets ?? 0) + counter.packets,
      bytes: (before?.bytes ?? 0) + counter.bytes,
    })
  }
  return [...found.values()]
}

/** HAProxy's management guide, "CSV format": a header line that begins with `# `, then a line for each server. */
function serversIn(text: string): readonly CountedServer[] {
  const [head = '', ...lines] = text.split('\n').filter((line) => line !== '')
  const names = head.replace(/^# /, '').split(',')
  return lines.map((line) => {
    const values = line.split(',')
    const word = (name: string) => values[names.indexOf(name)] ?? ''
    const number = (name: string) => Number(word(name)) || 0
    return {
      service: word('pxname'),
      machine: word('svname'),
      up: !/^(DOWN|MAINT|NOLB)/.test(word('status')),
      state: word('status'),
      since_s: number('lastchg'),
      sessions: number('scur'),
      sessions_total: number('stot'),
      from_clients_bytes: number('bin'),
      to_clients_bytes: number('bout'),
    }
  })
}
