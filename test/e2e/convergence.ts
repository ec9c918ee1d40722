import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { commandIn } from '../../lab/lab.ts'
import { netnsOf } from '../../lab/paths.ts'

/** What the client and the provider's router saw of a prefix while something happened; times in milliseconds since 1970. */
export type Convergence = {
  /** Of every request, when it ended; `000` where there was no answer. */
  readonly answers: readonly { readonly at: number; readonly status: string }[]
  /** Every change of the router's own table; undefined: it had no route any more. */
  readonly routes: readonly { readonly at: number; readonly via: string | undefined }[]
}

/** Asks all the time at the client with curl(1), and follows the provider's kernel with ip-monitor(8). */
export async function watchConvergence(url: string, prefix: string): Promise<{ stop(): Promise<Convergence> }> {
  const answers: { at: number; status: string }[] = []
  const routes: { at: number; via: string | undefined }[] = []
  const client = await commandIn('client', ['sh', '-c', LOOP, 'sh', url])
  const asking = follow(client.argv, client.env, (line) => {
    const [at, status = ''] = line.split(' ')
    answers.push({ at: Number(at), status })
  })
  const monitor = [`--net=${netnsOf('internet')}`, '--', 'ip', '-tshort', '-oneline', 'monitor', 'route']
  const following = follow(['nsenter', ...monitor], {}, (line) => {
    const [, time = '', gone, route] = /^\[([^\]]+)\] ?(Deleted )?(\S+) /.exec(line) ?? []
    if (route !== prefix) return
    routes.push({
      at: new Date(time).getTime(),
      via: gone === undefined ? / via (?:inet6 )?(\S+)/.exec(line)?.[1] : undefined,
    })
  })
  return {
    stop: async () => {
      await Promise.all([end(asking), end(following)])
      return { answers, routes }
    },
  }
}

/** The longest time without a good answer: its first moment is the last good answer before, its end the first one after. */
export function gapOf({ answers }: Convergence): { readonly from: number; readonly to: number } {
  const good = answers.flatMap(({ at, status }) => (status === '200' ? [at] : []))
  const gaps = good.slice(1).map((to, index) => ({ from: good[index] ?? to, to }))
  return gaps.reduce((widest, each) => (each.to - each.from > widest.to - widest.from ? each : widest), {
    from: Number.NaN,
    to: Number.NaN,
    ...gaps[0],
  })
}

/** A lost SYN is sent again after a second: a new try is sooner. */
const LOOP = `while :; do
  status=$(curl -q -s -g -o /dev/null -w '%{http_code}' --connect-timeout 0.25 --max-time 2 "$1")
  echo "$(date +%s%3N) $status"
  sleep 0.05
done`

function follow(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  told: (line: string) => void,
): ChildProcess {
  const [program = '', ...args] = argv
  // A group of its own, so that the end is the end of all of it.
  const child = spawn(program, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, ...env },
  })
  createInterface({ input: child.stdout }).on('line', told)
  return child
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  process.kill(-child.pid, 'SIGKILL')
  await ended
}
