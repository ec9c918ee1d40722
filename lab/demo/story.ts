import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { makeSecrets } from '../../examples/shop/make-secrets.ts'
import { type OrderAttempt, readLog } from '../../examples/shop/order-log.ts'
import type { Report } from '../../src/report/report.ts'
import { reportText } from '../../src/report/text.ts'
import { commandIn, exec, labPaths, memberFiles, trust } from '../lab.ts'
import { attempt, type Ran } from '../run.ts'

/** What the demo and the end-to-end tests are told with: the product by its own command, the world by outside tools. */
const root = join(import.meta.dirname, '..', '..')

export const stackFile = join(root, 'examples/shop/stack.yaml')

/** Certificate for shop.example.com, and a client that trusts its CA. */
export async function prepareShop(): Promise<{ readonly ca: string }> {
  const secrets = await makeSecrets(join(root, 'examples/shop/secrets'))
  await trust(secrets.ca)
  return { ca: secrets.ca }
}

/** Runs `./lifeboat`, as a person would. The limit is for a machine that is a tenth as fast as usual. */
export function lifeboat(argv: readonly string[], limit_ms = 300_000): Promise<Ran> {
  return attempt([join(root, 'lifeboat'), '--sites', labPaths.sites, ...argv], { limit_ms })
}

/** Runs a verb and answers with its report; what it printed is the error where it did not end well. */
export async function verb(...argv: readonly string[]): Promise<Report> {
  const ran = await lifeboat([...argv, '--json'])
  if (ran.exit === 0) return JSON.parse(ran.stdout) as Report
  throw new Error(`lifeboat ${argv.join(' ')} ended with ${ran.exit}:\n${readable(ran.stdout)}${ran.stderr}`)
}

/** The report as a person reads it; whatever else was printed as it is. */
function readable(printed: string): string {
  try {
    return reportText(JSON.parse(printed) as Report)
  } catch {
    return printed
  }
}

export type Customers = {
  readonly log: string
  attempts(): Promise<readonly OrderAttempt[]>
  /** All orders sent from one instant to another (ms since 1970), when the last of them has been answered or given up. */
  between(from: number, to: number): Promise<readonly OrderAttempt[]>
  stop(): Promise<readonly OrderAttempt[]>
}

/** Customers at the client's place who place orders all the time and write down what they were told. */
export async function startCustomers(
  rate_per_s: number,
  ca: string,
  /** `patience_s`: how long an order waits for its answer. Short shows when the shop is out; long, whether it ever is. */
  { log = join(labPaths.run, 'orders.jsonl'), patience_s = 2 } = {},
): Promise<Customers> {
  // Network and share of the processors are the client's; the program, its CA and its log are files of this machine.
  const { argv } = await commandIn('client', [])
  const target = argv[argv.indexOf('--target') + 1] ?? ''
  const join_client = (await memberFiles('client')).map((file) => `echo $$ >${file}`).join('\n')
  const child = spawn(
    'sh',
    [
      '-c',
      `${join_client}\nexec "$@"`,
      'customers',
      'nsenter',
      '--target',
      target,
      '--net',
      '--',
      process.execPath,
      join(root, 'examples/shop/orders.ts'),
      '--url',
      'https://shop.example.com/api/orders',
      '--resolver',
      '192.0.2.53',
      '--ca',
      ca,
      '--user',
      'alice',
      '--rate',
      String(rate_per_s),
      '--patience',
      String(patience_s),
      '--log',
      log,
    ],
    { stdio: ['pipe', 'inherit', 'inherit'], env: { ...process.env, SHOP_PASSWORD: 'alice-pw' } },
  )
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const attempts = () => readLog(log).catch(() => [])
  return {
    log,
    attempts,
    between: async (from, to) => {
      let found: readonly OrderAttempt[] = []
      await eventually('the answers to all orders', async () => {
        const all = await attempts()
        const later = Math.min(...all.filter((each) => each.sent_at >= to).map(({ n }) => n))
        const before = all.filter(({ n }) => n < later)
        found = before.filter((each) => each.sent_at >= from)
        return Number.isFinite(later) && before.length === later - 1
      })
      return found
    },
    stop: async () => {
      await end(child, ended)
      return readLog(log)
    },
  }
}

async function end(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.stdin?.end()
  const hard = setTimeout(() => child.kill('SIGKILL'), 10_000)
  await ended
  clearTimeout(hard)
}

/** References of the orders that the database at a site holds, by psql inside db1. */
export async function ordersHeld(site: string, project = 'lb-shop'): Promise<ReadonlySet<string>> {
  const query = 'su postgres -c "psql -At -d shop -c \'select ref from orders\'"'
  const ran = await exec(site, ['incus', 'exec', '--project', project, 'db1', '--', 'sh', '-c', query])
  if (ran.exit !== 0) throw new Error(`psql at ${site} ended with ${ran.exit}: ${ran.stderr}`)
  return new Set(ran.stdout.split('\n').filter((line) => line !== ''))
}

/** Not how long anything may take: after so long nobody waits for it any more. */
const patience_ms = 300_000

/** Waits until a condition holds; the limit is named by what was waited for. */
export async function eventually(what: string, probe: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + patience_ms
  while (!(await probe())) {
    if (Date.now() > end) throw new Error(`${what}: not within ${patience_ms / 1000} s`)
    await sleep(100)
  }
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
