import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import process from 'node:process'
import { parseSites, type Sites } from '../state/sites.ts'
import { readText } from '../store/files.ts'

/** The site file cannot be read as one. */
export class SitesProblems extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'SitesProblems'
  }
}

/**
 * Where the site file names a management namespace, this process becomes the same command inside it. Called before
 * anything else is loaded, as that is then loaded once.
 */
export function enterManagement(asked: string | undefined): void {
  const file = siteFile(asked)
  const netns = readSites(file).management?.netns
  if (netns === undefined) return
  if (!existsSync(netns)) {
    const lab = file === labSites() ? ': is the lab up?' : ''
    throw new SitesProblems(`${file}: the management namespace ${netns} does not exist${lab}`)
  }
  if (statSync(netns).ino === statSync('/proc/self/ns/net').ino) return
  if (process.getuid?.() !== 0)
    throw new SitesProblems(`${file}: only root can enter the management namespace ${netns}: run this as root`)
  const env = { ...process.env, LIFEBOAT_DECIDED_AT: decidedAt().toISOString() }
  const argv = ['nsenter', `--net=${netns}`, '--', process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  process.execve?.('/usr/bin/nsenter', argv, env)
}

/** When the person decided: before this program looked at anything. */
export function decidedAt(): Date {
  const inherited = Date.parse(process.env.LIFEBOAT_DECIDED_AT ?? '')
  return new Date(Number.isNaN(inherited) ? performance.timeOrigin : inherited)
}

export function siteFile(asked: string | undefined): string {
  const found = findSiteFile(asked)
  if (found !== undefined) return found
  throw new SitesProblems(
    asked === undefined
      ? 'no site file: name one with --sites FILE, or bring up the lab with lifeboat lab up'
      : `there is no site file ${asked}`,
  )
}

export function findSiteFile(asked: string | undefined): string | undefined {
  const usual = [process.env.LIFEBOAT_SITES, 'sites.yaml', '/etc/lifeboat/sites.yaml', labSites()]
  const found = (asked === undefined ? usual : [asked]).find((file) => file !== undefined && existsSync(file))
  return found === undefined ? undefined : resolve(found)
}

/** The lab's own, of the lab that is meant: the usual one, or that which LIFEBOAT_LAB names. */
function labSites(): string {
  const name = process.env.LIFEBOAT_LAB ?? ''
  return `/run/lifeboat-lab${name === '' ? '' : `-${name}`}/sites.yaml`
}

export function readSites(file: string): Sites {
  const { sites, problems } = parseSites(readText(file))
  if (sites !== undefined) return sites
  throw new SitesProblems(problems.map((each) => `${file}:${each.line}:${each.column}: ${each.what}`).join('\n'))
}
