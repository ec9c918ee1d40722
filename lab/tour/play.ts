import type { FakeWorld } from '../../src/engine/fake/world.ts'

/** What a visitor may do to the sites of the tour. */
export const plays: Readonly<Record<string, { readonly about: string; readonly run: (world: FakeWorld) => void }>> = {
  'power-cut east': { about: 'east loses its power, at once', run: (world) => world.powerCut('east') },
  'power-cut west': { about: 'west loses its power, at once', run: (world) => world.powerCut('west') },
  'power-on east': { about: 'east is back; nothing starts by itself', run: (world) => world.powerOn('east') },
  'power-on west': { about: 'west is back; nothing starts by itself', run: (world) => world.powerOn('west') },
  'cut wan': { about: 'the sites do not reach each other', run: (world) => world.cut('east', 'west') },
  'heal wan': { about: 'they do again', run: (world) => world.heal('east', 'west') },
  'isolate east': { about: 'nobody reaches east, which goes on running', run: (world) => world.isolate('east') },
  'rejoin east': { about: 'east is reached again', run: (world) => world.rejoin('east') },
  'fill west': {
    about: 'the pool of west is nearly full',
    run: (world) => world.site('west').leaveFree(2_000_000_000),
  },
  'clock west': {
    about: 'the clock of west goes 90 s ahead',
    run: (world) => {
      world.site('west').clock_ahead_ms = 90_000
    },
  },
}
