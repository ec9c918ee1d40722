import { spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import { join } from 'node:path'
import { program } from './browser/stage.ts'

const root = join(import.meta.dirname, '..')

/** One file of lab tests after its end: where its results are, how the runner ended, what it printed. */
export type FileRun = {
  readonly file: string
  readonly results: string
  readonly exit: number
  readonly said: string
  readonly took_s: number
}

const slow_ms = 150

/**
 * A lab with a shop at both sites takes up to 2 GB; a third one still shortens the whole on two cores. Not where starting a
 * program costs several times what it usually does: there one lab keeps two cores busy, and in a second one customers,
 * packets and browsers only wait for the first.
 */
const late = slow()
const most = availableParallelism() > 1 && !late ? Math.min(3, Math.floor(totalmem() / 4e9)) : 1
const worlds = ['', 'b', 'c'].slice(0, Math.max(1, most))

/** Starting a hundred programs takes less than a tenth of a second on a usual machine, a quarter under nested virtualisation. */
function slow(): boolean {
  const took = [1, 2, 3].map(() => {
    const began_ms = performance.now()
    spawnSync('sh', ['-c', 'for n in $(seq 100); do /bin/true; done'])
    return performance.now() - began_ms
  })
  return Math.min(...took) > slow_ms
}

/**
 * Runs every file of lab tests, in labs side by side: much of their time is waiting. A file has its lab for itself,
 * and a lab that a file left in a bad state is one that the next file mends or fails by. After `within_ms` none is begun any more.
 */
export async function runLabFiles(
  folder: string,
  within_ms: number,
  ended: (run: FileRun) => void,
): Promise<{ readonly not_begun: readonly string[] }> {
  const files = labFiles()
  const end_ms = performance.now() + within_ms
  const work = async (world: string) => {
    while (performance.now() < end_ms) {
      const file = files.shift()
      if (file === undefined) return
      ended(await runFile(file, world, join(folder, `${file.replaceAll('/', '-')}.json`)))
    }
  }
  await Promise.all(worlds.map(work))
  return { not_begun: files }
}

/** Ends all of them and answers what is left of them, one line each. */
export async function endLabs(): Promise<readonly string[]> {
  const left: string[] = []
  for (const world of worlds) {
    const script = `const { down } = await import('./lab/lab.ts'); const { leftovers } = await import('./lab/leftovers.ts')
      await down(); for (const each of await leftovers()) console.log(each)`
    const ran = await ended([process.execPath, '--input-type=module', '--eval', script], { LIFEBOAT_LAB: world })
    if (ran.exit !== 0) left.push(`lab ${world}: could not be taken down: ${ran.said}`)
    else left.push(...ran.said.split('\n').filter(Boolean))
  }
  return left
}

/** Each verb on a good day and what must never happen, in this order: a machine too slow for all of it comes to these before the ordeals. */
const core = ['failover', 'drill', 'move', 'return', 'must-not-happen', 'incus', 'journal', 'errors', 'transfer-faults']
function rank(file: string): number {
  const at = core.findIndex((name) => new RegExp(`/${name}(\\.lab)?\\.test\\.ts$`).test(file))
  return at < 0 ? core.length : at
}

/**
 * On a machine where starting a program is dear the whole would take longer than anybody waits: there these are run where
 * asked for, by LIFEBOAT_TEST. Each takes minutes, and what it tests is tested by other files too, if less hard.
 */
const onAsking: Readonly<Record<string, string>> = { wiki: 'two-stacks', controllers: 'killed-controllers' }

/** Longest first as far as their size tells, so that no world waits long for the other at the end. */
function labFiles(): string[] {
  const found = ['test/e2e', 'src'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith(folder === 'src' ? '.lab.test.ts' : '.test.ts'))
      .map((name) => join(folder, name)),
  )
  const asked = found.filter((file) => {
    const name = Object.keys(onAsking).find((each) => file.includes(onAsking[each] ?? ''))
    return !late || name === undefined || process.env.LIFEBOAT_TEST === name
  })
  for (const file of found.filter((each) => !asked.includes(each)))
    console.log(`${file}: not run, a program takes too long to start on this machine (LIFEBOAT_TEST asks for it)`)
  const here = asked.filter((file) => program !== undefined || !file.includes('.browser.'))
  if (here.length < asked.length) console.log('no Chromium on this machine: the page is not tested on the lab')
  const weight = (file: string) => {
    const seconds = /^\/\/ On the lab: (\d+) s/m.exec(readFileSync(join(root, file), 'utf8'))?.[1]
    return seconds === undefined ? statSync(join(root, file)).size / 200 : Number(seconds)
  }
  return here.sort((a, b) => rank(a) - rank(b) || weight(b) - weight(a))
}

async function runFile(file: string, world: string, results: string): Promise<FileRun> {
  const started_ms = performance.now()
  const ran = await ended(
    [
      process.execPath,
      join(root, 'node_modules/vitest/vitest.mjs'),
      ...['run', '--project', 'lab', '--reporter=default', '--reporter=json', `--outputFile.json=${results}`, file],
    ],
    { LIFEBOAT_LAB: world, LIFEBOAT_LAB_STAYS: 'yes' },
  )
  return { file, results, ...ran, took_s: Math.round((performance.now() - started_ms) / 1000) }
}

/** Runs it to its end with its words kept together: two files that print at once would be read by nobody. */
function ended(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ readonly exit: number; readonly said: string }> {
  const child = spawn(argv[0] ?? '', argv.slice(1), {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', ...env },
  })
  const said: Buffer[] = []
  child.stdout.on('data', (part: Buffer) => said.push(part))
  child.stderr.on('data', (part: Buffer) => said.push(part))
  return new Promise((resolve) =>
    child.on('close', (code) => resolve({ exit: code ?? 1, said: Buffer.concat(said).toString() })),
  )
}
