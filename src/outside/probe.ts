import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { OutsideError } from './error.ts'

/** Where a client sits. `run` is put in front of the command: it leads to the place's own network and resolv.conf. */
export type Place = { readonly name: string; readonly run: readonly string[]; readonly ca?: string | undefined }

export type Check = {
  readonly method: 'GET' | 'HEAD'
  readonly url: string
  readonly status: number
  /** Either by default, as the client chooses. */
  readonly family?: 4 | 6
}

/** One request as the client saw it. Judged by curl: not our code, and the one at the place. */
export type ProbeResult = {
  /** Undefined where there was no HTTP answer. */
  readonly status: number | undefined
  /** Address that was connected to; undefined where none was. */
  readonly address: string | undefined
  /** curl's words, where it failed. */
  readonly error: string | undefined
  readonly phases: Phases
}

/** Milliseconds of each phase by itself; undefined where it was not reached (`tls_ms` also where there is none). */
export type Phases = {
  readonly dns_ms: number | undefined
  readonly connect_ms: number | undefined
  readonly tls_ms: number | undefined
  readonly first_byte_ms: number | undefined
  readonly total_ms: number
}

export type GoodAnswer = {
  /** ISO 8601, when the answer was complete. */
  readonly at: string
  readonly tries: number
  readonly address: string
  readonly total_ms: number
  readonly phases: Phases
}

/** One request from a place. An answer of any kind, also none, is a result; only a place that cannot be used is an error. */
export async function clientProbe(
  place: Place,
  check: Pick<Check, 'method' | 'url' | 'family'>,
  within_s: number,
): Promise<ProbeResult> {
  for await (const result of probes(place, check, { within_s: 0, try_s: within_s, every_ms: 0 })) return result
  throw new OutsideError(place.name, `curl gave no result at ${place.name}`)
}

/**
 * Asks from a place until the answer has the wanted status, and tells when that was. One loop in one process at the
 * place: a try costs one curl, which resolves the name anew like any new client.
 */
export async function waitForGoodAnswer(
  place: Place,
  check: Check,
  options: {
    readonly within_s: number
    readonly every_ms?: number
    readonly try_s?: number
    /** So many good answers, one after the other, make a good answer; the first of them counts as it. */
    readonly in_a_row?: number
    readonly signal?: AbortSignal
    readonly onTry?: (result: ProbeResult) => void
  },
): Promise<GoodAnswer> {
  const { within_s, every_ms = 100, try_s = 2, in_a_row = 1, signal, onTry } = options
  let tries = 0
  let good = 0
  let row: GoodAnswer[] = []
  let last: ProbeResult | undefined
  let bad: ProbeResult | undefined
  for await (const result of probes(place, check, { within_s, try_s, every_ms, signal })) {
    tries += 1
    last = result
    onTry?.(result)
    if (result.status !== check.status || result.address === undefined) {
      row = []
      bad = result
      continue
    }
    const { phases, address } = result
    row.push({ at: new Date().toISOString(), tries, address, total_ms: phases.total_ms, phases })
    good += 1
    const [first] = row
    if (first !== undefined && row.length >= in_a_row) return first
  }
  const [first] = row
  // The limit came before there were enough of them, and none was bad.
  if (first !== undefined && bad === undefined) return first
  if (good > 0 && bad !== undefined)
    throw new OutsideError(
      place.name,
      `${check.method} ${check.url} at ${place.name} was ${check.status} in ${good} of ${tries} tries within ${within_s} s, never ${in_a_row} times in a row: one of several servers fails? The last that was not: ${describe(bad)}`,
    )
  const said = last === undefined ? 'no try ended' : describe(last)
  throw new OutsideError(
    place.name,
    `${check.method} ${check.url} at ${place.name} was not ${check.status} within ${within_s} s (${tries} tries); last: ${said}`,
  )
}

/**
 * The loop: until `$1` seconds are over (once at least) one curl, then a rest. All values are arguments, never part of
 * the script. Neither a .curlrc nor a proxy of the place comes between. `%{json}` (curl 7.70) is one line per try, written also for tries that failed.
 */
const LOOP = `
end=$(( $(date +%s) + $1 )); rest=$2; shift 2
while :; do
  curl -q -s -g --noproxy '*' -o /dev/null -w '%{json}\\n' "$@"
  [ "$(date +%s)" -lt "$end" ] || exit 0
  sleep "$rest"
done`

async function* probes(
  place: Place,
  check: Pick<Check, 'method' | 'url' | 'family'>,
  limits: { within_s: number; try_s: number; every_ms: number; signal?: AbortSignal | undefined },
): AsyncGenerator<ProbeResult> {
  const { signal, within_s, try_s, every_ms } = limits
  signal?.throwIfAborted()
  const curl = ['--max-time', String(try_s), ...(check.method === 'HEAD' ? ['--head'] : [])]
  if (check.family !== undefined) curl.push(`--ipv${check.family}`)
  if (place.ca !== undefined) curl.push('--cacert', place.ca)
  // date(1) counts whole seconds: one more, or the loop could end before its limit.
  const args = [
    String(within_s > 0 ? Math.ceil(within_s) + 1 : 0),
    (every_ms / 1_000).toFixed(3),
    ...curl,
    '--',
    check.url,
  ]
  const [program, ...rest] = [...place.run, 'sh', '-c', LOOP, 'sh', ...args]
  // A process group of its own, so that the loop and its curl end together with us.
  const child = spawn(program!, rest, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const ended = Promise.race([once(child, 'close'), once(child, 'error').then(([error]) => Promise.reject(error))])
  ended.catch(() => undefined)
  let complaint = ''
  child.stderr.on('data', (data) => {
    complaint = (complaint + String(data)).slice(-500)
  })
  const stop = () => endGroup(child)
  signal?.addEventListener('abort', stop, { once: true })
  // The loop ends by itself; a place that hangs does not.
  const limit = setTimeout(stop, (within_s + try_s + 5) * 1_000)
  try {
    let seen = 0
    for await (const line of createInterface({ input: child.stdout })) {
      if (!line.startsWith('{')) continue
      seen += 1
      yield read(line)
    }
    signal?.throwIfAborted()
    const [code] = (await ended.catch((error: Error) => [error.message])) as [unknown]
    if (seen === 0)
      throw new OutsideError(
        place.name,
        `curl cannot be run at ${place.name} (${place.run.join(' ') || 'here'}): ${complaint.trim() || `ended with ${String(code)}`}`,
      )
  } finally {
    clearTimeout(limit)
    signal?.removeEventListener('abort', stop)
    stop()
  }
}

function endGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** curl's times are seconds from the start of the request; 0 where a phase was not reached. */
function read(line: string): ProbeResult {
  const out = JSON.parse(line) as Record<string, unknown>
  const at_ms = (key: string) => (typeof out[key] === 'number' && out[key] > 0 ? out[key] * 1_000 : undefined)
  const dns = at_ms('time_namelookup')
  const connect = at_ms('time_connect')
  const tls = at_ms('time_appconnect')
  const first = at_ms('time_starttransfer')
  const failed = Number(out.exitcode ?? 0) !== 0
  return {
    status: Number(out.http_code ?? 0) || undefined,
    address: text(out.remote_ip),
    error: failed ? (text(out.errormsg) ?? `curl ended with ${String(out.exitcode)}`) : undefined,
    phases: {
      dns_ms: dns,
      connect_ms: since(connect, dns),
      tls_ms: since(tls, connect),
      first_byte_ms: since(first, tls ?? connect),
      total_ms: at_ms('time_total') ?? 0,
    },
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function since(later: number | undefined, earlier: number | undefined): number | undefined {
  return later === undefined ? undefined : Math.max(0, later - (earlier ?? 0))
}

/** What a client got, in words. */
export function describe({ status, address, error }: ProbeResult): string {
  const from = address === undefined ? '' : ` from ${address}`
  return status === undefined ? `${error ?? 'no answer'}${from}` : `status ${status}${from}`
}
