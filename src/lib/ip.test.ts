import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as ip from './ip.ts'

describe('addresses', () => {
  test.each([
    ['0.0.0.0', 0],
    ['10.0.0.1', 0x0a000001],
    ['255.255.255.255', 0xffffffff],
  ])('%s is read', (text, value) => {
    expect(ip.parseAddress(text)).toEqual({ ok: true, value })
  })

  test.each([
    '1',
    '',
    '10.0.0',
    '10.0.0.300',
    '010.0.0.1',
    '10.0.0.1 ',
    '0x0a.0.0.1',
    '1.2.3.4.5',
    '1..2.3',
    '-1.2.3.4',
  ])('"%s" is refused', (text) => {
    expect(ip.parseAddress(text).ok).toBe(false)
  })

  test('what was written comes back', () => {
    fc.assert(fc.property(fc.nat(0xffffffff), (value) => ip.address(ip.formatAddress(value)) === value))
  })
})

describe('prefixes', () => {
  test.each(['10.0.0.0/33', '10.0.0.0', '10.0.0.0/', '10.0.0.0/08', '/24', '10.0.0.300/24', '10.0.0.0/24/24', '::/0'])(
    '"%s" is refused',
    (text) => {
      expect(ip.parsePrefix(text).ok).toBe(false)
    },
  )

  test('host bits are refused with the network that was meant', () => {
    expect(ip.parsePrefix('10.0.0.5/24')).toEqual({
      ok: false,
      why: '"10.0.0.5/24" has host bits set; the network is 10.0.0.0/24',
    })
  })

  test('the ends of the range work without sign trouble', () => {
    expect(ip.prefix('0.0.0.0/0')).toEqual({ network: 0, bits: 0 })
    expect(ip.formatAddress(ip.lastOf(ip.prefix('255.255.255.0/24')))).toBe('255.255.255.255')
    expect(ip.netmaskOf(ip.prefix('10.0.0.0/29'))).toBe('255.255.255.248')
    expect(ip.netmaskOf(ip.prefix('0.0.0.0/0'))).toBe('0.0.0.0')
  })

  test('hosts have neither the network nor the broadcast address', () => {
    const { first, last, count } = ip.hostsOf(ip.prefix('10.0.0.8/29'))
    expect([ip.formatAddress(first), ip.formatAddress(last), count]).toEqual(['10.0.0.9', '10.0.0.14', 6])
    expect(ip.hostsOf(ip.prefix('10.0.0.8/31')).count).toBe(0)
    expect(ip.hostsOf(ip.prefix('10.0.0.8/32')).count).toBe(0)
  })

  test('overlap and cover', () => {
    const wide = ip.prefix('10.0.0.0/8')
    const narrow = ip.prefix('10.9.0.0/16')
    expect(ip.overlapOf(narrow, wide)).toEqual(narrow)
    expect(ip.overlaps(narrow, ip.prefix('10.10.0.0/16'))).toBe(false)
    expect(ip.covers(wide, narrow)).toBe(true)
    expect(ip.covers(narrow, wide)).toBe(false)
  })
})

describe('ranges', () => {
  test('the prefixes of a range follow each other from its first to its last address, and are as few as can be', () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.nat(0xffffffff), (a, b) => {
        const [first, last] = a < b ? [a, b] : [b, a]
        const found = ip.prefixesOf(first, last)
        expect(found[0]?.network).toBe(first)
        for (const [index, each] of found.entries()) {
          expect(ip.parsePrefix(ip.formatPrefix(each)).ok).toBe(true)
          const next = found[index + 1]
          expect(ip.lastOf(each) + 1).toBe(next?.network ?? last + 1)
          // Two neighbours of a size could be one only where they begin at a multiple of twice it.
          if (next?.bits === each.bits) expect((each.network / ip.sizeOf(each)) % 2).toBe(1)
        }
      }),
    )
    expect(ip.prefixesOf(0, 0xffffffff)).toEqual([{ network: 0, bits: 0 }])
  })
})
