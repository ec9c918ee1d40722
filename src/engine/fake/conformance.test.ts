import { engineConformance } from '../conformance.ts'
import { fakeWorld } from './world.ts'

for (const seed of [1, 2, 3]) {
  engineConformance(`fake, seed ${seed}`, async () => {
    const world = fakeWorld({ seed, images: ['small'] })
    return {
      east: world.engine('east'),
      west: world.engine('west'),
      image: 'small',
      testEngineKilled: async (site, during) => {
        if (site === 'west') world.faults.at({ call: 'receive', site: 'west' }, 'break-midway')
        const running = during()
        if (site === 'east') {
          await world.clock.sleep(140)
          world.site('east').losePower()
        }
        await running
        world.powerOn(site)
      },
      foreign: async (site, ref) => {
        const instance = world.site(site).addForeign(ref, 'small')
        return {
          exists: async () => world.site(site).find(ref) === instance,
          remove: async () => void world.site(site).area(ref.area)?.instances.delete(ref.name),
        }
      },
      legCarries: async (site, ref) => !world.site(site).get(ref).legsCut,
      cleanup: async () => {},
    }
  })
}
