import { expect, test } from 'vitest'
import { isAlone } from './survey.ts'

const instance = (port: string, config: Record<string, string>) => ({
  name: 'fw',
  architecture: 'x86_64',
  description: '',
  ephemeral: false,
  config: { 'volatile.nic-outside.host_name': port, 'volatile.nic-outside.hwaddr': '02:00:5e:00:00:01', ...config },
  devices: {},
  profiles: [],
  status: 'Running',
  last_used_at: '2026-11-22T21:56:24Z',
})
const firewall = instance('veth1', { 'user.lifeboat.stack': 'shop', 'user.lifeboat.area': 'stack' })
const state = (...upper_devices: string[]) => ({
  addresses: [{ family: 'inet6' }],
  bridge: { upper_devices },
})

test('on a bridge with nothing but legs of our own nobody could serve DHCP', () => {
  expect(isAlone(state(), [])).toBe(true)
  expect(isAlone({ addresses: null, bridge: { upper_devices: null } }, [firewall])).toBe(true)
  expect(isAlone(state('veth1'), [firewall])).toBe(true)
})

test("an instance of somebody else could, and a port of the host's, and the host itself where it has an address there", () => {
  expect(isAlone(state('veth1', 'veth2'), [firewall, instance('veth2', {})])).toBe(false)
  expect(isAlone(state('eth1'), [firewall])).toBe(false)
  expect(isAlone({ ...state(), addresses: [{ family: 'inet' }] }, [])).toBe(false)
  expect(isAlone({ addresses: null, bridge: null }, [])).toBe(false)
})
