import { expect } from 'vitest'
import { type SiteName, siteNames } from '../../lab/topology.ts'
import { type Ordeal, ordeal } from './dying.ts'
import { claimOf, everyInstance, running } from './roles.ts'
import { live, statusAtClient } from './stage.ts'

/** Times that each operation loses its controller. */
export const places = 10

/** An operation through all of that; after each kill Incus is asked whether anything runs, or is active, at both sites. */
export async function killed(argv: readonly string[], anew: readonly number[], oneActive = true): Promise<Ordeal> {
  const began = performance.now()
  const found = await ordeal(argv, {
    places,
    anew,
    look: async ({ nth, command }) => {
      const claims = await Promise.all(siteNames.map(claimOf))
      const both = await Promise.all(siteNames.map(running))
      if (oneActive) {
        expect(claims.filter((claim) => claim?.role === 'active').length, `${command}, kill ${nth}`).toBeLessThan(2)
        expect(both.filter((names) => names.length > 0).length, `${command}, kill ${nth}`).toBeLessThan(2)
      }
    },
  })
  console.log(`${argv[0]}: killed ${found.kills} times, ${((performance.now() - began) / 1000).toFixed(1)} s in all`)
  expect(found.report.outcome).toBe('done')
  expect(found.report.left).toEqual([])
  return found
}

/** The end that every operation must come to: one site serves, nothing is paused, cut or left, no replica was ever started. */
export async function settled(active: SiteName, standby?: SiteName): Promise<void> {
  expect(await statusAtClient('/api/healthz')).toBe('200')
  const found = (await Promise.all(siteNames.map(everyInstance))).flat()
  expect(found.filter((each) => !['Running', 'Stopped'].includes(each.status))).toEqual([])
  expect((await running(active)).length).toBe(9)
  expect((await claimOf(active))?.role).toBe('active')
  for (const other of siteNames.filter((site) => site !== active)) {
    expect(await running(other), other).toEqual([])
    expect((await claimOf(other))?.role, other).toBe(other === standby ? 'standby' : 'stale')
  }
  expect(found.filter((each) => each.project.includes('-drill-')).map((each) => each.name)).toEqual([])
  const stored = found.filter((each) => /-(replica|keep)$/.test(each.project))
  for (const each of stored) expect(each.last_used_at, each.name).toMatch(/^(0001|1970)-01-01T00:00:00/)
  const point = /-(p\d{8}-\d{6}-\d{3})$/
  for (const site of siteNames) {
    const points = new Set((await claimOf(site))?.points.map((each) => each.name))
    const clones = (await everyInstance(site)).filter((each) => each.project === `${live}-keep`)
    const orphans = clones.map((each) => point.exec(each.name)?.[1]).filter((name) => name && !points.has(name))
    if (site !== active) expect(orphans, site).toEqual([])
  }
}
