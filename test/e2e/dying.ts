import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { lifeboat, sleep } from '../../lab/demo/story.ts'
import { labPaths } from '../../lab/lab.ts'
import { netnsOf } from '../../lab/paths.ts'
import type { JournalEvent } from '../../src/execute/journal.ts'
import type { Report } from '../../src/report/report.ts'

const root = join(import.meta.dirname, '../..')

/** How an operation fared whose controller was killed again and again. */
export type Ordeal = { readonly kills: number; readonly report: Report }

type Place = {
  /** Which kill it was, from 1. */
  readonly nth: number
  /** The command that was killed, for the reader of a failure. */
  readonly command: string
}

/**
 * Runs an operation whose controller is killed by SIGKILL at `places` places, evenly over the steps of its plan: each time
 * somebody goes on from the journal, or, in the turns of `anew`, another controller that has none runs the verb once more.
 * The last one is left alone. `look` is called after each kill, while nobody is at work.
 */
export async function ordeal(
  argv: readonly string[],
  options: { readonly places: number; readonly anew: readonly number[]; look(place: Place): Promise<void> },
): Promise<Ordeal> {
  const { places, anew } = options
  let last = await dieAt(argv, controllers++, undefined, (steps) => (2 * steps) / (places + 1))
  if (last === undefined) throw new Error(`${argv.join(' ')} had nothing to do`)
  const whole = last.whole
  let kills = last.killed ? 1 : 0
  for (let turn = 1; last.killed; turn++) {
    await options.look({ nth: turn, command: last.command })
    if (turn === places) break
    // What a new plan does not have to do any more has been done.
    const due = (steps: number) => ((turn + 1) / (places + 1)) * whole - (whole - 2 * steps)
    const next: Death | undefined = anew.includes(turn)
      ? await dieAt(argv, controllers++, undefined, due)
      : await dieAt(['resume', last.operation], last.controller, last.operation, due)
    if (next === undefined) break
    last = next
    if (last.killed) kills++
  }
  const ran = last.killed
    ? await lifeboat([...sitesOf(last.controller), 'resume', last.operation, '--json'])
    : await lifeboat([...sitesOf(last.controller), 'report', last.operation, '--json'])
  if (ran.exit !== 0) throw new Error(`${argv.join(' ')} ended with ${ran.exit}:\n${ran.stdout}${ran.stderr}`)
  return { kills, report: JSON.parse(ran.stdout) as Report }
}

let controllers = 0

/** A controller of its own: the same sites, and journals that nobody else has. */
function sitesOf(controller: number): readonly string[] {
  const file = join(labPaths.run, `controller-${controller}.yaml`)
  const text = readFileSync(labPaths.sites, 'utf8')
  writeFileSync(file, text.replace(/^state: .*$/m, `state: controller-${controller}`), { mode: 0o600 })
  return ['--sites', file]
}

type Death = {
  readonly killed: boolean
  readonly controller: number
  readonly operation: string
  /** Events that the whole plan gives. */
  readonly whole: number
  readonly command: string
}

/** Starts a command and kills it as soon as so many steps of its journal have begun or ended as `due` says. Undefined: it had nothing to do. */
async function dieAt(
  argv: readonly string[],
  controller: number,
  operation: string | undefined,
  due: (steps: number) => number,
): Promise<Death | undefined> {
  const before = operation === undefined ? operationsOf(controller) : []
  const had = operation === undefined ? 0 : progressOf(controller, operation).reached
  // As ./lifeboat ends up, without its way there, and a group of its own, so that the signal goes to nobody else.
  const place = [`--net=${netnsOf('ops')}`, '--', process.execPath, '--disable-warning=ExperimentalWarning']
  const child = spawn('nsenter', [...place, join(root, 'src/cli/main.ts'), ...sitesOf(controller), ...argv], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/lifeboat') },
  })
  const said: string[] = []
  child.stdout.on('data', (text: Buffer) => said.push(text.toString()))
  child.stderr.on('data', (text: Buffer) => said.push(text.toString()))
  const ended = once(child, 'exit')
  let at = operation
  let size = -1
  while (child.exitCode === null) {
    at ??= operationsOf(controller).find((each) => !before.includes(each))
    const now = at === undefined ? -1 : sizeOf(journalOf(controller, at))
    if (at !== undefined && now !== size) {
      size = now
      const { reached, steps } = progressOf(controller, at)
      if (steps > 0 && reached >= Math.max(due(steps), had + 1)) break
    }
    await sleep(2)
  }
  const signalled = killGroup(child)
  await ended
  if (at === undefined && child.exitCode === 0 && before.length === 0) return undefined
  if (at === undefined) throw new Error(`${argv.join(' ')} began no operation:\n${said.join('')}`)
  // The signal may have come when all was written down.
  const killed = signalled && !progressOf(controller, at).ended
  if (!signalled && child.exitCode !== 0)
    throw new Error(`${argv.join(' ')} ended with ${child.exitCode}:\n${said.join('')}`)
  const whole = 2 * progressOf(controller, at).steps
  return { killed, controller, operation: at, whole, command: argv.join(' ') }
}

function killGroup(child: ChildProcess): boolean {
  if (child.pid === undefined || child.exitCode !== null) return false
  process.kill(-child.pid, 'SIGKILL')
  return true
}

function operationsOf(controller: number): readonly string[] {
  try {
    return readdirSync(join(labPaths.run, `controller-${controller}`, 'operations'))
  } catch {
    return []
  }
}

/** Steps that have begun and steps that have ended, and how many there are. */
function progressOf(
  controller: number,
  operation: string,
): { readonly reached: number; readonly steps: number; readonly ended: boolean } {
  const begun = new Set<string>()
  const over = new Set<string>()
  let steps = 0
  let ended = false
  for (const line of linesOf(journalOf(controller, operation))) {
    const event = JSON.parse(line) as JournalEvent
    if (event.type === 'ended') ended = true
    if (event.type === 'planned') steps = event.plan.steps.length
    if (event.type === 'step-started') begun.add(event.step)
    if (event.type === 'step-done' || event.type === 'step-failed') over.add(event.step)
  }
  return { reached: begun.size + over.size, steps, ended }
}

function journalOf(controller: number, operation: string): string {
  return join(labPaths.run, `controller-${controller}`, 'operations', operation, 'journal.jsonl')
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? -1
}

/** Whole lines: the last one may still be being written. */
function linesOf(journal: string): readonly string[] {
  try {
    return readFileSync(journal, 'utf8').split('\n').slice(0, -1)
  } catch {
    return []
  }
}
