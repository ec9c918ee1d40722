import { ask } from '../../lab/incus-server.ts'
import type { SiteName } from '../../lab/topology.ts'
import type { Claim } from '../../src/state/objects.ts'
import { type Instance, live } from './stage.ts'

/** What Incus tells of every instance of a site, in all projects. */
export async function everyInstance(site: SiteName): Promise<readonly Instance[]> {
  return (await ask(site, 'GET', '/1.0/instances?recursion=1&all-projects=true')) as readonly Instance[]
}

/** Names of what runs of the stack itself. */
export async function running(site: SiteName): Promise<readonly string[]> {
  const found = await everyInstance(site)
  return found.filter((each) => each.project === live && each.status !== 'Stopped').map((each) => each.name)
}

/** The claim of the shop that a site holds. */
export async function claimOf(site: SiteName): Promise<Claim | undefined> {
  const profiles = (await ask(site, 'GET', '/1.0/profiles?recursion=1&all-projects=true')) as readonly {
    readonly name: string
    readonly project: string
    readonly config: Readonly<Record<string, string>>
  }[]
  const number = (name: string) => Number(name.replace('claim-', ''))
  const claims = profiles.filter((each) => each.project === live && each.config['user.lifeboat.claim'] !== undefined)
  // A controller that died may have left the version before; the highest number is the claim.
  const newest = claims.sort((a, b) => number(b.name) - number(a.name))[0]?.config['user.lifeboat.claim']
  return newest === undefined ? undefined : (JSON.parse(newest) as Claim)
}
