import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { labPaths, markOf, netnsOf } from './paths.ts'
import { LabError, until } from './run.ts'

const root = join(import.meta.dirname, '..')

export type LabPage = {
  /** Where a browser on this machine finds it: loopback. */
  readonly address: string
  /** Makes the first admin; absent where there is one. */
  readonly link: string | undefined
  /** Of the controller, to end it as a service manager would. */
  readonly pid: number
}

/**
 * Starts the controller of a site in the lab's management network, as its service manager would, and leads a port of
 * this machine's loopback to it. It is part of the lab: `lab down` ends it.
 */
export async function openPage(site: string, wanted?: number): Promise<LabPage> {
  const port = wanted ?? (await freePort())
  const folder = join(labPaths.run, 'page')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const config = join(folder, `${site}.yaml`)
  await writeFile(config, stringify({ 'lifeboat-controller': 1, stacks: join(root, 'examples'), data: 'data' }))
  const log = join(labPaths.logs, `page-${site}.log`)
  const argv = ['--sites', labPaths.sites, 'serve', '--site', site, '--config', config, '--listen', `127.0.0.1:${port}`]
  const pid = startBeside([join(root, 'lifeboat'), ...argv], log)
  const said = await until(`the controller of ${site} listens (${log})`, 60_000, async () => {
    const text = readFileSync(log, 'utf8')
    if (/EADDRINUSE|refused|error:/.test(text)) throw new LabError(text.trim())
    return text.includes(' listens at ') ? text : undefined
  })
  const socket = join(folder, `${site}.sock`)
  const relay = [process.execPath, join(import.meta.dirname, 'relay.ts')]
  await ready(['nsenter', `--net=${netnsOf('ops')}`, '--', ...relay, `unix:${socket}`, `tcp:${port}`], `inside-${site}`)
  await ready([...relay, `tcp:${port}`, `unix:${socket}`], `outside-${site}`)
  return { address: `http://127.0.0.1:${port}`, link: /http:\S+\/setup#\S+/.exec(said)?.[0], pid }
}

/** The usual one, or the next that nothing on this machine's loopback has. */
async function freePort(first = 8480): Promise<number> {
  for (let port = first; port < first + 20; port++) {
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer()
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
    if (free) return port
  }
  throw new LabError(`something listens on each of the ports ${first} to ${first + 19} of 127.0.0.1`)
}

async function ready(argv: readonly string[], name: string): Promise<void> {
  const log = join(labPaths.logs, `page-${name}.log`)
  startBeside(argv, log)
  await until(`the way to the page (${log})`, 60_000, async () => {
    const text = readFileSync(log, 'utf8')
    if (text.includes('ready')) return true
    if (text.trim() !== '') throw new LabError(text.trim())
    return undefined
  })
}

/** Starts it beside this process, to outlive it. */
export function startBeside(argv: readonly string[], log: string): number {
  const out = openSync(log, 'w', 0o600)
  const child = spawn(argv[0] ?? '', argv.slice(1), {
    detached: true,
    stdio: ['ignore', out, out],
    env: { ...process.env, ...markOf('page') },
  })
  closeSync(out)
  child.unref()
  if (child.pid === undefined) throw new LabError(`${argv[0]} did not start`)
  return child.pid
}
