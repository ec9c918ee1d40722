import { EngineError } from '../engine/error.ts'
import { sha256 } from '../lib/digest.ts'
import { type Lifeboat, see, stacks } from '../lifeboat.ts'
import type { Situation } from '../operations/situation.ts'
import type { Survey } from '../state/objects.ts'
import { type Seen, seenOf } from './seen.ts'

export type SiteSeen = {
  readonly site: string
  readonly at: string
  readonly survey: Survey | undefined
  readonly silence: string | undefined
}

/** What the controller has seen of all stacks, and how it looks again. */
export type Lookout = {
  readonly seen: ReadonlyMap<string, Seen>
  readonly sites: ReadonlyMap<string, SiteSeen>
  /** Looks at one stack now; `undefined` where no site that answers knows it. */
  look(stack: string): Promise<Situation | undefined>
  /** Looks at every stack once, slowly enough not to be felt. */
  round(signal: AbortSignal): Promise<void>
}

export type Changes = {
  stack(seen: Seen): void
  gone(stack: string): void
  site(site: SiteSeen): void
}

/** Between two looks: ten stacks are looked at within a second, a thousand within two minutes; operations look at once. */
const apart_ms = 100

/** So many looks at once: enough for a round in seconds, few enough for a site that also works. */
const at_once = 4

export function openLookout(lifeboat: Lifeboat, changes: Changes): Lookout {
  const seen = new Map<string, Seen>()
  const sites = new Map<string, SiteSeen>()
  /** What a stack looked like, so that what has not changed costs no compiling. */
  const looks = new Map<string, string>()
  let rounds = 0

  async function surveyAll(): Promise<void> {
    await Promise.all(
      [...lifeboat.engines].map(async ([site, engine]) => {
        const at = lifeboat.clock.now().toISOString()
        const before = sites.get(site)
        const found: SiteSeen = await engine.survey().then(
          (survey) => ({ site, at, survey, silence: undefined }),
          (error: unknown) => ({ site, at, survey: undefined, silence: said(error) }),
        )
        sites.set(site, found)
        if (before === undefined || (before.survey === undefined) !== (found.survey === undefined)) changes.site(found)
      }),
    )
  }

  /** Changes whenever anything does that a status is made of, apart from time. */
  async function fingerprint(stack: string): Promise<string> {
    const parts = await Promise.all(
      [...lifeboat.engines].map(async ([site, engine]) => {
        if (sites.get(site)?.survey === undefined) return `${site} silent`
        try {
          const { claim, areas } = await engine.observe(stack)
          const { images, outside, services_network, pool } = sites.get(site)?.survey ?? {}
          const low = pool !== undefined && pool.free_bytes < pool.total_bytes * 0.05
          return JSON.stringify([site, claim?.version, areas, images, outside, services_network, low])
        } catch (error) {
          return `${site} ${said(error)}`
        }
      }),
    )
    return sha256(parts.join('\n'))
  }

  async function look(stack: string): Promise<Situation | undefined> {
    const situation = await see(lifeboat, stack, lifeboat.clock.now())
    if ('refused' in situation) {
      // A silent site may know it: only when all answer it is gone.
      const all = [...sites.values()].every((each) => each.survey !== undefined)
      if (all && seen.delete(stack)) {
        looks.delete(stack)
        changes.gone(stack)
      }
      return undefined
    }
    const now = seenOf(situation)
    seen.set(stack, now)
    changes.stack(now)
    return situation
  }

  async function lookIfChanged(stack: string): Promise<void> {
    const print = await fingerprint(stack)
    if (looks.get(stack) === print && seen.has(stack)) return
    looks.set(stack, print)
    await look(stack)
  }

  return {
    seen,
    sites,
    look,
    async round(signal) {
      await surveyAll()
      const names = [...new Set([...(await stacks(lifeboat)), ...seen.keys()])]
      const work = names.values()
      const worker = async () => {
        for (const name of work) {
          if (signal.aborted) return
          await lookIfChanged(name).catch((error: unknown) => {
            if (!(error instanceof EngineError)) throw error
          })
          // What has never been seen is waited for.
          if (rounds > 0) await lifeboat.clock.sleep(apart_ms * at_once, signal).catch(() => {})
        }
      }
      await Promise.all(Array.from({ length: Math.min(at_once, names.length) }, worker))
      rounds++
    },
  }
}

const said = (error: unknown): string => (error instanceof Error ? error.message : String(error))
