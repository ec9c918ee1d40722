import { expect, test } from 'vitest'
import { canonical, digest, sha256 } from './digest.ts'

test('sha256 is the one of FIPS 180', () => {
  expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
})

test('member order does not matter, list order does', () => {
  expect(digest({ a: 1, b: [1, 2] })).toBe(digest({ b: [1, 2], a: 1 }))
  expect(digest({ b: [1, 2] })).not.toBe(digest({ b: [2, 1] }))
})

test('an absent member and an undefined one are the same', () => {
  expect(canonical({ a: undefined, b: null })).toBe('{"b":null}')
})

test('what JSON cannot hold is refused', () => {
  expect(() => digest([undefined])).toThrow('undefined')
  expect(() => digest(Number.NaN)).toThrow('NaN')
})
