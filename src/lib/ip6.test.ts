import { isIPv6 } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  address6,
  contains6,
  covers6,
  formatAddress6,
  formatPrefix6,
  fromMac,
  overlapOf6,
  parseAddress6,
  parsePrefix6,
  prefix6,
  sameDigits,
} from './ip6.ts'

const anyAddress = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n })

describe('addresses', () => {
  test('are written as RFC 5952 section 4 says', () => {
    const written = (text: string) => formatAddress6(address6(text))
    expect(written('2001:0DB8:0:0:0:0:0:1')).toBe('2001:db8::1')
    expect(written('2001:db8:0:1:1:1:1:1')).toBe('2001:db8:0:1:1:1:1:1')
    expect(written('2001:0:0:1:0:0:0:1')).toBe('2001:0:0:1::1')
    expect(written('2001:db8:0:0:1:0:0:1')).toBe('2001:db8::1:0:0:1')
    expect(written('::')).toBe('::')
    expect(written('1::')).toBe('1::')
  })

  test('are the same after they were written and read, and what is written is an address for others too', () => {
    fc.assert(
      fc.property(anyAddress, (value) => {
        expect(address6(formatAddress6(value))).toBe(value)
        expect(isIPv6(formatAddress6(value))).toBe(true)
      }),
    )
  })

  test.each(['', ':', ':::', '1:2', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7::8:9', '1::2::3', 'fd00::g', 'fd00::12345'])(
    'refuse %s',
    (text) => expect(parseAddress6(text).ok).toBe(false),
  )

  test.each(['fe80::1%eth0', '::ffff:10.0.0.1', '[fd00::1]', ' fd00::1', '1:2:3:4:5:6:7:8::'])(
    'refuse %s, which means something elsewhere',
    (text) => expect(parseAddress6(text).ok).toBe(false),
  )
})

describe('prefixes', () => {
  test('with host bits are refused with the network', () => {
    expect(parsePrefix6('fd00:10:1::5/64')).toEqual({
      ok: false,
      why: '"fd00:10:1::5/64" has host bits set; the network is fd00:10:1::/64',
    })
    expect(parsePrefix6('fd00::/129')).toMatchObject({ ok: false })
    expect(parsePrefix6('fd00::/064')).toMatchObject({ ok: false })
  })

  test('overlap where one contains the other', () => {
    const [wide, narrow, apart] = ['fd00:10::/32', 'fd00:10:1::/64', 'fd00:11::/64'].map(prefix6)
    expect(formatPrefix6(overlapOf6(wide!, narrow!)!)).toBe('fd00:10:1::/64')
    expect(overlapOf6(wide!, apart!)).toBeUndefined()
    expect([covers6(wide!, narrow!), covers6(narrow!, wide!)]).toEqual([true, false])
    expect(contains6(prefix6('::/0'), address6('ff02::1'))).toBe(true)
  })
})

test('the number in a segment has the same digits in both families', () => {
  expect(formatAddress6(sameDigits(prefix6('fd00:10:2::/64'), 11))).toBe('fd00:10:2::11')
  expect(formatAddress6(sameDigits(prefix6('fd00:10:2::/64'), 1048575))).toBe('fd00:10:2::104:8575')
})

test('stateless configuration makes the address of RFC 4291 appendix A', () => {
  expect(formatAddress6(fromMac(prefix6('2001:db8::/64'), '34:56:78:9a:bc:de'))).toBe('2001:db8::3656:78ff:fe9a:bcde')
  expect(formatAddress6(fromMac(prefix6('2001:db8::/64'), '02:cb:cc:c4:42:8f'))).toBe('2001:db8::cb:ccff:fec4:428f')
})
