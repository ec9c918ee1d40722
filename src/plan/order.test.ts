import { expect, test } from 'vitest'
import { generations, ordered } from './order.ts'
import { step } from './step.ts'

const noop = { do: 'release-claim', stack: 'shop' } as const
const made = (id: string, ...after: readonly string[]) => step('build', 'east', id, noop, 'because', { after })

test('steps of one generation wait for nothing but the generations before', () => {
  const steps = [made('d', 'b', 'c'), made('b', 'a'), made('a'), made('c', 'a'), made('e')]
  expect(generations(steps).map((each) => each.map(({ id }) => id))).toEqual([['a', 'e'], ['b', 'c'], ['d']])
  expect(ordered(steps).map(({ id }) => id)).toEqual(['a', 'e', 'b', 'c', 'd'])
  expect(generations([])).toEqual([])
})

test.each([
  ['names a step twice', [made('a'), made('a')], 'two steps "a"'],
  ['names an unknown step', [made('a', 'z')], '"a" waits for "z", which is not in the plan'],
  ['waits for itself', [made('a', 'b'), made('b', 'a')], 'these steps wait for each other: a, b'],
])('a plan that %s is a bug', (_, steps, told) => {
  expect(() => generations(steps)).toThrow(told)
})

test('a step in one line: `after` takes ids, lists and nothing; it can be neither undone nor left out by default', () => {
  const one = step('build', 'east', 'x', noop, 'because', { after: ['a', undefined, ['b', 'c']] })
  expect(one).toMatchObject({ after: ['a', 'b', 'c'], undo: [], point_of_no_return: false, optional: false })
})
