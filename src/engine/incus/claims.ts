import { sha256 } from '../../lib/digest.ts'
import type { Claim, Claimed } from '../../state/objects.ts'
import { type FoundProject, project, projectFeatures } from './areas.ts'
import { isStatus } from './errors.ts'
import { areaOf, CLAIM, notOurs, projectOf, refuse, stackMark, stackOf } from './names.ts'
import type { IncusSite } from './site.ts'

/**
 * The claim is a profile of the stack's project, as durable as the site's own database. Nothing uses the profile; it is
 * a place for a text whose name is unique. Each change is a new profile, `claim-N`: the highest number is the claim,
 * and of writers that read the same claim only one can make the next number.
 *
 * A PUT of the project with `If-Match` is no compare-and-swap: Incus 6.0 checks the ETag before its transaction, and
 * four writers at the same time all succeeded.
 */
export async function readClaim(site: IncusSite, stack: string): Promise<Claimed | undefined> {
  return newest(await numbered(site, stack))?.claimed
}

export async function swapClaim(
  site: IncusSite,
  stack: string,
  expect: string | undefined,
  next: Claim,
): Promise<Claimed> {
  const before = await numbered(site, stack)
  const now = newest(before)
  if (now?.claimed.version !== expect) throw changed(site, stack, expect, now?.claimed)
  if (now === undefined) await ensureProject(site, stack)
  const number = (now?.number ?? 0) + 1
  const text = JSON.stringify(next)
  try {
    await site.client.send(
      'POST',
      '/1.0/profiles',
      { name: `${PREFIX}${number}`, description: 'Lifeboat', config: { ...stackMark(stack), [CLAIM]: text } },
      { project: home(stack) },
    )
  } catch (thrown) {
    const other = newest(await numbered(site, stack))
    if ((other?.number ?? 0) >= number) throw changed(site, stack, expect, other?.claimed)
    throw thrown
  }
  // A slow writer may have made a number that was taken and removed since: then a higher one is there, or what it
  // followed is not.
  const after = await numbered(site, stack)
  const overtaken = newest(after)?.number !== number
  const orphaned = now !== undefined && !after.some((each) => each.number === now.number)
  if (overtaken || orphaned) {
    await remove(site, stack, number)
    throw changed(site, stack, expect, newest(after)?.claimed)
  }
  for (const old of after) if (old.number < number) await remove(site, stack, old.number)
  return { claim: JSON.parse(text) as Claim, version: version(number, text) }
}

export async function removeClaim(site: IncusSite, stack: string, expect: string): Promise<void> {
  const all = await numbered(site, stack)
  const now = newest(all)
  if (now !== undefined) {
    if (now.claimed.version !== expect) throw changed(site, stack, expect, now.claimed)
    for (const each of all) await remove(site, stack, each.number)
    const left = await readClaim(site, stack)
    if (left !== undefined) throw changed(site, stack, expect, left)
  }
  // A project that was made for the claim alone is nothing without it.
  const found = await ownProject(site, stack)
  if (found !== undefined && areaOf(found.value.config) === undefined)
    await site.client.send('DELETE', `/1.0/projects/${found.value.name}`)
}

const PREFIX = 'claim-'

type Numbered = { readonly number: number; readonly claimed: Claimed }
type Profile = { readonly name: string; readonly config: Readonly<Record<string, string>> }

async function numbered(site: IncusSite, stack: string): Promise<readonly Numbered[]> {
  if ((await ownProject(site, stack)) === undefined) return []
  const { value } = await site.client.get<readonly Profile[]>('/1.0/profiles?recursion=1', { project: home(stack) })
  return value.flatMap((profile) => {
    const text = profile.config[CLAIM]
    if (!profile.name.startsWith(PREFIX) || text === undefined || stackOf(profile.config) !== stack) return []
    const number = Number(profile.name.slice(PREFIX.length))
    return [{ number, claimed: { claim: JSON.parse(text) as Claim, version: version(number, text) } }]
  })
}

function newest(all: readonly Numbered[]): Numbered | undefined {
  return all.reduce<Numbered | undefined>((best, each) => (best && best.number > each.number ? best : each), undefined)
}

function version(number: number, text: string): string {
  return `${number}-${sha256(text).slice(0, 16)}`
}

function home(stack: string): string {
  return projectOf({ kind: 'stack', stack })
}

async function ownProject(site: IncusSite, stack: string): Promise<FoundProject | undefined> {
  const found = await project(site, home(stack))
  if (found === undefined) return undefined
  const area = areaOf(found.value.config)
  if (stackOf(found.value.config) !== stack || (area !== undefined && area.kind !== 'stack'))
    throw notOurs(`project ${home(stack)}`)
  return found
}

async function ensureProject(site: IncusSite, stack: string): Promise<void> {
  if ((await ownProject(site, stack)) !== undefined) return
  const config = { ...projectFeatures, ...stackMark(stack) }
  try {
    await site.client.send('POST', '/1.0/projects', { name: home(stack), description: 'Lifeboat', config })
  } catch (thrown) {
    if ((await ownProject(site, stack)) === undefined) throw thrown
  }
}

async function remove(site: IncusSite, stack: string, number: number): Promise<void> {
  try {
    await site.client.send('DELETE', `/1.0/profiles/${PREFIX}${number}`, undefined, { project: home(stack) })
  } catch (thrown) {
    if (!isStatus(thrown, 404)) throw thrown
  }
}

function changed(site: IncusSite, stack: string, expect: string | undefined, now: Claimed | undefined) {
  const was = expect === undefined ? 'none was expected' : 'it is not the one that was read'
  const is = now === undefined ? 'there is none' : `it is at epoch ${now.claim.epoch}, role ${now.claim.role}`
  return refuse(site.options.site, 'conflict', `the claim of ${stack} at ${site.options.site} changed: ${was}; ${is}`)
}
