import { readFileSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { dirname, resolve } from 'node:path'
import process from 'node:process'
import type { Command } from 'commander'
import { openEngine } from '../engine/open.ts'
import { systemClock } from '../lib/clock.ts'
import type { Lifeboat } from '../lifeboat.ts'
import { openOutside } from '../outside/open.ts'
import { lives, ownProcess } from '../store/process.ts'
import { openStore, type Store } from '../store/store.ts'
import { findSiteFile, readSites, siteFile } from './sites.ts'

type Options = { readonly sites?: string; readonly state?: string }

/** Opens the sites of the site file. */
export function openLifeboat(command: Command): Lifeboat {
  const file = siteFile(command.optsWithGlobals<Options>().sites)
  const sites = readSites(file)
  const processes = { self: ownProcess(), lives }
  return {
    sites,
    engines: new Map(sites.sites.map((site) => [site.name, openEngine(site, dirname(file), processes)])),
    outside: openOutside(sites, dirname(file)),
    store: openState(command),
    clock: systemClock,
    bgpPassword: (name) => {
      const path = sites.sites.find((site) => site.name === name)?.bgp?.password_file
      return path === undefined ? undefined : readFileSync(resolve(dirname(file), path), 'utf8').trim()
    },
    by: `${userInfo().username}@${hostname()}`,
    processes,
  }
}

/** The journals: where the command line, the environment or the site file says, else in the system's state folder. */
export function openState(command: Command): Store {
  const options = command.optsWithGlobals<Options>()
  const file = findSiteFile(options.sites)
  const named = file === undefined ? undefined : readSites(file).state
  const beside = file === undefined || named === undefined ? undefined : resolve(dirname(file), named)
  return openStore(options.state ?? process.env.LIFEBOAT_STATE ?? beside)
}
