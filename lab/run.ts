import { spawn } from 'node:child_process'

export type Ran = { readonly exit: number; readonly stdout: string; readonly stderr: string }
export type RunOptions = {
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  /** After this the command is killed and counts as failed. Default 120 s. */
  readonly limit_ms?: number
}

/** Runs a program to its end and fails, with its own words, when it does not exit with 0. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const ran = await attempt(argv, options)
  if (ran.exit === 0) return ran.stdout
  throw new LabError(`${shown(argv)} ended with ${ran.exit}: ${(ran.stderr || ran.stdout).trim() || 'no output'}`)
}

/** Runs a program to its end; any exit status is a result. A program ended by a signal has 128 plus its number, as in a shell. */
export function attempt(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const [file, ...args] = argv
  const limit_ms = options.limit_ms ?? 120_000
  return new Promise((resolve, reject) => {
    const child = spawn(file!, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin`, ...options.env },
      timeout: limit_ms,
      killSignal: 'SIGKILL',
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.on('error', (cause) => reject(new LabError(`${file} could not be started: ${cause.message}`, { cause })))
    child.on('close', (code, signal) => {
      if (signal === 'SIGKILL' && code === null) stderr += `killed (limit ${limit_ms} ms)`
      resolve({ exit: code ?? 128 + (signal === 'SIGKILL' ? 9 : 15), stdout, stderr })
    })
    // A program may end without having read its input; its exit status tells what that means.
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
  })
}

/** Something about the lab that went wrong outside this program; the message says what, where and what to do. */
export class LabError extends Error {
  override readonly name = 'LabError'
  /** Says to the CLI that the message is meant for a person. */
  readonly code = 'lab'
}

/** Polls until `probe` gives a value; fails with `what` and the last failure when `limit_ms` is over. */
export async function until<T>(
  what: string,
  limit_ms: number,
  probe: () => Promise<T | undefined>,
  every_ms = 50,
): Promise<T> {
  const end = Date.now() + limit_ms
  let last = ''
  for (;;) {
    try {
      const value = await probe()
      if (value !== undefined) return value
    } catch (error) {
      last = error instanceof Error ? error.message : String(error)
    }
    if (Date.now() > end)
      throw new LabError(`${what}: not within ${limit_ms} ms${last === '' ? '' : `; last: ${last}`}`)
    await new Promise((resolve) => setTimeout(resolve, every_ms))
  }
}

function shown(argv: readonly string[]): string {
  const text = argv.join(' ')
  return text.length > 160 ? `${text.slice(0, 160)}...` : text
}
