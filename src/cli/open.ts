import { existsSync, readFileSync, statSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { dirname, resolve } from 'node:path'
import process from 'node:process'
import type { Command } from 'commander'
import { openEngine } from '../engine/open.ts'
import { systemClock } from '../lib/clock.ts'
import type { Lifeboat } from '../lifeboat.ts'
import { openOutside } from '../outside/open.ts'
import { parseSites, type Sites } from '../state/sites.ts'
import { openStore, type Store } from '../store/store.ts'

/** The site file cannot be read as one. */
export class SitesProblems extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'SitesProblems'
  }
}

/** Opens the sites of the site file. Where that names a management namespace, the process moves there first. */
export function openLifeboat(command: Command): Lifeboat {
  const options = command.optsWithGlobals<{ sites?: string }>()
  const file = siteFile(options.sites)
  const sites = readSites(file)
  enter(sites, file)
  return {
    sites,
    engines: new Map(sites.sites.map((site) => [site.name, openEngine(site, dirname(file))])),
    outside: openOutside(sites, dirname(file)),
    store: openState(command),
    clock: systemClock,
    by: `${userInfo().username}@${hostname()}`,
  }
}

/** The journals alone, where no site is needed. */
export function openState(command: Command): Store {
  return openStore(command.optsWithGlobals<{ state?: string }>().state ?? process.env['LIFEBOAT_STATE'])
}

/** When the person decided: before this program looked at anything. */
export function decidedAt(): Date {
  const inherited = process.env['LIFEBOAT_DECIDED_AT']
  return inherited === undefined ? new Date(performance.timeOrigin) : new Date(inherited)
}

export function siteFile(asked: string | undefined): string {
  const candidates =
    asked !== undefined
      ? [asked]
      : [process.env['LIFEBOAT_SITES'], 'sites.yaml', '/etc/lifeboat/sites.yaml', '/run/lifeboat-lab/sites.yaml']
  const found = candidates.find((file) => file !== undefined && existsSync(file))
  if (found === undefined) {
    throw new SitesProblems(
      asked === undefined
        ? 'no site file: name one with --sites FILE, or bring up the lab with lifeboat lab up'
        : `there is no site file ${asked}`,
    )
  }
  return resolve(found)
}

export function readSites(file: string): Sites {
  const { sites, problems } = parseSites(readFileSync(file, 'utf8'))
  if (sites === undefined)
    throw new SitesProblems(problems.map((each) => `${file}:${each.line}:${each.column}: ${each.what}`).join('\n'))
  return sites
}

/** Becomes the same command inside the management namespace; nothing has been opened yet. */
function enter(sites: Sites, file: string): void {
  const netns = sites.management?.netns
  if (netns === undefined) return
  if (!existsSync(netns))
    throw new SitesProblems(
      `${file}: the management namespace ${netns} does not exist${file.startsWith('/run/lifeboat-lab/') ? ': is the lab up?' : ''}`,
    )
  if (statSync(netns).ino === statSync('/proc/self/ns/net').ino) return
  const env = { ...process.env, LIFEBOAT_DECIDED_AT: decidedAt().toISOString() }
  process.execve?.(
    '/usr/bin/nsenter',
    ['nsenter', `--net=${netns}`, '--', process.execPath, ...process.execArgv, ...process.argv.slice(1)],
    env,
  )
}
