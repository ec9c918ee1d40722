import { expect, test } from 'vitest'
import { openBus } from './bus.ts'

const gone = (stack: string) => ({ type: 'stack-gone', stack }) as const

test('a reader that comes back gets what it missed, in order and once', () => {
  const bus = openBus(10)
  const seen: string[] = []
  const leave = bus.listen(({ id }) => seen.push(id))
  bus.send(gone('a'))
  leave()
  bus.send(gone('b'))
  bus.send(gone('c'))
  expect(bus.since(seen[0] ?? '')?.map(({ event }) => event)).toEqual([gone('b'), gone('c')])
  expect(bus.since(bus.since(seen[0] ?? '')?.at(-1)?.id ?? '')).toEqual([])
})

test('what is too long ago, of another run, or was never sent is not remembered', () => {
  const bus = openBus(10)
  let first = ''
  bus.listen(({ id }) => {
    first ||= id
  })
  for (let n = 0; n < 30; n++) bus.send(gone('a'))
  expect(bus.since(first)).toBeUndefined()
  const run = first.split('-')[0]
  for (const last of [`${run}-31`, `${run}--1`, `${run}-x`, 'other-1', ''])
    expect(bus.since(last), last).toBeUndefined()
})
