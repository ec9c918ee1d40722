import { expect, test } from 'vitest'
import { areaLabel } from '../describe.ts'
import { machine, refused, seen, segment, type Workbench } from './workbench.ts'

/** Areas, networks, instances: made, seen, made again, removed. */
export function objects(use: () => Workbench): void {
  test('an unknown stack is empty, and nothing of it is made by looking', async () => {
    const { east, stack } = use()
    expect(await east.observe(stack)).toMatchObject({ site: east.site, claim: undefined, areas: [] })
    expect(await east.stacks()).not.toContain(stack)
  })

  test('survey knows the image and the pool', async () => {
    const { east, image } = use()
    const survey = await east.survey()
    expect(survey.images[image]).toMatch(/./)
    expect(survey.pool.free_bytes).toBeGreaterThan(0)
    expect(survey.pool.total_bytes).toBeGreaterThanOrEqual(survey.pool.free_bytes)
  })

  test('what a site could give is told, or absent; a stack that is not there takes nothing', async () => {
    const bench = use()
    const { east, area } = bench
    const { memory, instances } = await east.capacity(bench.stack)
    if (memory !== undefined) expect(memory.total_bytes).toBeGreaterThanOrEqual(memory.free_bytes)
    expect(instances).toEqual([])
    const web = machine(bench, area, 'web1')
    await east.ensureArea(area)
    await east.ensureInstance(web)
    expect((await east.capacity(bench.stack)).instances).toEqual([])
    const [space, nothing] = await east.spaceOf([web, { area, name: 'nobody' }])
    if (space !== undefined) expect(space).toBeGreaterThan(0)
    expect(nothing).toBeUndefined()
    await east.power(web, 'start', 30)
    expect((await east.capacity(bench.stack)).instances).toMatchObject([{ name: 'web1' }])
  })

  test('what was ensured is observed as it was described; ensuring it again changes nothing', async () => {
    const bench = use()
    const { east, area } = bench
    const network = segment(area, 'front')
    const web = machine(bench, area, 'web1', {
      nics: [{ interface: 'eth0', mac: '02:00:5e:00:00:01', network: 'segment', segment: 'front' }],
    })
    const firewall = machine(bench, area, 'fw', { role: 'appliance', digest: 'sha256:fw' })
    for (let round = 0; round < 2; round++) {
      await east.ensureArea(area)
      await east.ensureNetwork(network)
      await east.ensureInstance(web)
      await east.ensureInstance(firewall)
      const { areas } = await east.observe(bench.stack)
      expect(areas.map((each) => areaLabel(each.area))).toEqual([areaLabel(area)])
      expect(areas[0]!.networks).toEqual([network])
      expect(new Map(areas[0]!.instances.map((each) => [each.object.name, each]))).toEqual(
        new Map(
          [web, firewall].map((object) => [
            object.name,
            {
              ...{ object, power: 'stopped', snapshots: [], started_at: undefined },
              ...{ by_hand: [], made_from: expect.any(String) },
            },
          ]),
        ),
      )
    }
    expect(await east.stacks()).toContain(bench.stack)
  })

  test('an instance with another digest is a conflict until the digest is set', async () => {
    const bench = use()
    const { east, area } = bench
    const web = machine(bench, area, 'web1')
    await east.ensureArea(area)
    await east.ensureInstance(web)
    await refused(east, east.ensureInstance({ ...web, digest: 'sha256:two' }), 'conflict')
    await east.setDigest(web, 'sha256:two')
    expect((await seen(east, web))?.object.digest).toBe('sha256:two')
    await east.ensureInstance({ ...web, digest: 'sha256:two' })
  })

  test('an image that the site does not have is not-found, and nothing is left of the try', async () => {
    const bench = use()
    await bench.east.ensureArea(bench.area)
    const ghost = machine(bench, bench.area, 'ghost', { image: 'no-such-image' })
    await refused(bench.east, bench.east.ensureInstance(ghost), 'not-found')
    expect(await seen(bench.east, ghost)).toBeUndefined()
  })

  test('calls about an instance that is not there are not-found', async () => {
    const bench = use()
    const { east, area } = bench
    const ghost = machine(bench, area, 'ghost')
    await east.ensureArea(area)
    await refused(east, east.put(ghost, [{ path: '/etc/x', content: 'x', mode: 0o644 }]), 'not-found')
    await refused(east, east.power(ghost, 'start', 5), 'not-found')
    await refused(east, east.exec(ghost, ['/bin/true'], 5), 'not-found')
    await refused(east, east.setDigest(ghost, 'sha256:x'), 'not-found')
    await refused(east, east.clone(ghost, machine(bench, area, 'copy')), 'not-found')
    await refused(east, east.checkpoint([ghost], 'p1', 'together'), 'not-found')
  })

  test('an area is removed only when it is empty; removing what is gone is no error', async () => {
    const bench = use()
    const { east, area } = bench
    const network = segment(area, 'front')
    const web = machine(bench, area, 'web1')
    await east.ensureArea(area)
    await east.ensureNetwork(network)
    await east.ensureInstance(web)
    await refused(east, east.removeArea(area), 'conflict')
    await east.removeInstance(web)
    await refused(east, east.removeArea(area), 'conflict')
    await east.removeNetwork(network)
    for (let round = 0; round < 2; round++) {
      await east.removeArea(area)
      await east.removeNetwork(network)
      await east.removeInstance(web)
      await east.removeSnapshot(web, 'p1')
    }
    expect((await east.observe(bench.stack)).areas).toEqual([])
    expect(await east.stacks()).not.toContain(bench.stack)
  })

  test('areas are separate: the same name in two of them is two instances, also in two stacks and two drills', async () => {
    const bench = use()
    const { east, stack } = bench
    const areas = [
      bench.area,
      bench.replica,
      bench.keep,
      { kind: 'bubble', stack, drill: 'd1' },
      { kind: 'bubble', stack, drill: 'd2' },
    ] as const
    for (const area of areas) {
      await east.ensureArea(area)
      await east.ensureInstance(machine(bench, area, 'db1', { digest: `sha256:${area.kind}` }))
    }
    await east.ensureNetwork(segment(areas[0], 'front'))
    await east.ensureNetwork(segment(areas[3], 'front'))
    await east.removeInstance({ area: bench.keep, name: 'db1' })
    await east.removeNetwork(segment(areas[3], 'front'))
    const observed = (await east.observe(stack)).areas
    expect(observed.map((each) => areaLabel(each.area)).sort()).toEqual(areas.map(areaLabel).sort())
    const instances = observed.flatMap((each) => each.instances.map(({ object }) => areaLabel(object.area)))
    expect(instances.sort()).toEqual(
      areas
        .filter((area) => area.kind !== 'keep')
        .map(areaLabel)
        .sort(),
    )
    expect(observed.flatMap((each) => each.networks)).toEqual([segment(areas[0], 'front')])
  })

  test('what does not carry the mark is neither seen nor touched', async (context) => {
    const bench = use()
    const { east, area } = bench
    if (bench.foreign === undefined) return context.skip('this engine offers no way to make a foreign instance')
    await east.ensureArea(area)
    const ref = { area, name: 'foreign' }
    const foreign = await bench.foreign('east', ref)
    try {
      expect(await seen(east, ref)).toBeUndefined()
      await refused(east, east.ensureInstance(machine(bench, area, 'foreign')), 'conflict')
      await east.removeInstance(ref).catch(() => undefined)
      await refused(east, east.power(ref, 'start', 5), 'not-found', 'conflict')
      await refused(east, east.removeArea(area), 'conflict')
      expect(await foreign.exists()).toBe(true)
    } finally {
      await foreign.remove()
    }
  })
}
