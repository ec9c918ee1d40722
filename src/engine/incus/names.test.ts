import { expect, test } from 'vitest'
import type { Area, InstanceObject } from '../../state/objects.ts'
import { areaMarks, areaOf, bridgeOf, instanceMarks, instanceOf, isMarked, projectOf } from './names.ts'

const areas: readonly Area[] = [
  { kind: 'stack', stack: 'shop' },
  { kind: 'replica', stack: 'shop' },
  { kind: 'keep', stack: 'shop' },
  { kind: 'bubble', stack: 'shop', drill: 'd1' },
  { kind: 'bubble', stack: 'shop', drill: 'd2' },
]

test('each area has its own project and its own bridge for a segment of the same name', () => {
  expect(new Set(areas.map(projectOf)).size).toBe(areas.length)
  const bridges = areas.map((area) => bridgeOf({ type: 'network', area, segment: 'front' }))
  expect(new Set(bridges).size).toBe(areas.length)
  for (const bridge of bridges) expect(bridge).toMatch(/^lb[0-9a-f]{13}$/)
})

test('marks tell what a name does not: whose the project is', () => {
  const area: Area = { kind: 'stack', stack: 'shop-replica' }
  expect(projectOf(area)).toBe(projectOf({ kind: 'replica', stack: 'shop' }))
  expect(isMarked(areaMarks({ kind: 'replica', stack: 'shop' }), area)).toBe(false)
  for (const each of areas) expect(areaOf(areaMarks(each))).toEqual(each)
  expect(areaOf({})).toBeUndefined()
})

test('an instance is read from its marks as it was written', () => {
  const object: InstanceObject = {
    type: 'instance',
    area: { kind: 'bubble', stack: 'shop', drill: 'd1' },
    name: 'fw',
    role: 'appliance',
    image: 'lifeboat-appliance',
    nics: [
      { interface: 'front', mac: '02:00:00:00:00:01', network: 'segment', segment: 'front' },
      { interface: 'outside', mac: '02:00:00:00:00:02', network: 'outside' },
    ],
    digest: 'sha256:x',
  }
  expect(instanceOf('fw', instanceMarks(object))).toEqual(object)
})
