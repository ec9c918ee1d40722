import { sha256 } from '../../lib/digest.ts'
import type { Claim, Claimed } from '../../state/objects.ts'
import { changeProject, type FoundProject, project, projectFeatures } from './areas.ts'
import { isStatus } from './errors.ts'
import { areaOf, CLAIM, notOurs, projectOf, refuse, stackMark, stackOf } from './names.ts'
import type { IncusSite } from './site.ts'

/**
 * The claim is one key in the configuration of the stack's project: as durable as the site's own database. It is
 * compared by the hash of its text, and written under the project's ETag, so that a change by anyone between reading
 * and writing is noticed.
 */
export async function readClaim(site: IncusSite, stack: string): Promise<Claimed | undefined> {
  return claimIn((await ownProject(site, stack))?.value.config ?? {})
}

export function claimIn(config: Readonly<Record<string, string>>): Claimed | undefined {
  const text = config[CLAIM]
  return text === undefined ? undefined : { claim: JSON.parse(text) as Claim, version: sha256(text) }
}

export async function swapClaim(
  site: IncusSite,
  stack: string,
  expect: string | undefined,
  next: Claim,
): Promise<Claimed> {
  const text = JSON.stringify(next)
  for (;;) {
    const found = await ownProject(site, stack)
    const now = claimIn(found?.value.config ?? {})
    if (now?.version !== expect) throw changed(site, stack, expect, now)
    if (found === undefined) {
      if (await makeProject(site, stack, text)) return { claim: JSON.parse(text) as Claim, version: sha256(text) }
      continue
    }
    if (await write(site, found, { ...found.value.config, [CLAIM]: text }))
      return { claim: JSON.parse(text) as Claim, version: sha256(text) }
  }
}

export async function removeClaim(site: IncusSite, stack: string, expect: string): Promise<void> {
  for (;;) {
    const found = await ownProject(site, stack)
    const now = claimIn(found?.value.config ?? {})
    if (found === undefined || now === undefined) return
    if (now.version !== expect) throw changed(site, stack, expect, now)
    const { [CLAIM]: _, ...config } = found.value.config
    if (!(await write(site, found, config))) continue
    // A project that was made for the claim alone is nothing without it.
    if (areaOf(config) === undefined) await site.client.send('DELETE', `/1.0/projects/${found.value.name}`)
    return
  }
}

async function ownProject(site: IncusSite, stack: string): Promise<FoundProject | undefined> {
  const name = projectOf({ kind: 'stack', stack })
  const found = await project(site, name)
  if (found === undefined) return undefined
  const area = areaOf(found.value.config)
  if (stackOf(found.value.config) !== stack || (area !== undefined && area.kind !== 'stack'))
    throw notOurs(`project ${name}`)
  return found
}

/** False when another was quicker: read again and compare again. */
async function makeProject(site: IncusSite, stack: string, text: string): Promise<boolean> {
  const name = projectOf({ kind: 'stack', stack })
  const config = { ...projectFeatures, ...stackMark(stack), [CLAIM]: text }
  try {
    await site.client.send('POST', '/1.0/projects', { name, description: 'Lifeboat', config })
    return true
  } catch (thrown) {
    if ((await project(site, name)) === undefined) throw thrown
    return false
  }
}

async function write(site: IncusSite, found: FoundProject, config: Record<string, string>): Promise<boolean> {
  try {
    await changeProject(site, found, config)
    return true
  } catch (thrown) {
    if (isStatus(thrown, 412)) return false
    throw thrown
  }
}

function changed(site: IncusSite, stack: string, expect: string | undefined, now: Claimed | undefined) {
  const was = expect === undefined ? 'none was expected' : 'it is not the one that was read'
  const is = now === undefined ? 'there is none' : `it is at epoch ${now.claim.epoch}, role ${now.claim.role}`
  return refuse(site.options.site, 'conflict', `the claim of ${stack} at ${site.options.site} changed: ${was}; ${is}`)
}
