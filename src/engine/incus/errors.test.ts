import { expect, test } from 'vitest'
import { EngineError } from '../error.ts'
import { engineError, IncusFailure } from './errors.ts'

test.each([
  [403, 'not authorized', 'unauthorized'],
  [404, 'Instance not found', 'not-found'],
  [412, 'ETag does not match', 'conflict'],
  [503, 'daemon is shutting down', 'busy'],
  [408, 'too slow', 'timed-out'],
  [500, 'write /x: no space left on device', 'no-space'],
  [400, 'Instance "db1" already exists', 'conflict'],
  [400, 'Instance is busy running a "create" operation', 'busy'],
  [500, 'Error transferring instance data: websocket: close 1006 (abnormal closure)', 'unreachable'],
  [400, 'Invalid devices: unknown key', 'rejected'],
] as const)('Incus answers %i, %s: %s', (status, text, code) => {
  const error = engineError('east', 'clone x', new IncusFailure(status, text))
  expect(error).toMatchObject({ code, site: 'east', call: 'clone x', message: expect.stringContaining(text) })
})

test.each([
  ['ECONNREFUSED', 'unreachable'],
  ['EHOSTUNREACH', 'unreachable'],
  ['UND_ERR_CONNECT_TIMEOUT', 'unreachable'],
  ['ERR_TLS_PIN_MISMATCH', 'unauthorized'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'unauthorized'],
] as const)('the way to Incus fails with %s: %s, also as a cause', (errno, code) => {
  const cause = Object.assign(new Error('it failed'), { code: errno })
  expect(engineError('east', 'x', cause)).toMatchObject({ code })
  expect(engineError('east', 'x', new Error('fetch failed', { cause }))).toMatchObject({ code })
})

test.each([
  ['CERT_HAS_EXPIRED', 'the certificate of Incus of east has expired, by the clock of this machine'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'shows another certificate than incus.server-certificate of the site file'],
  ['EACCES', 'this user may not open the socket'],
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'do not accept each other'],
])('%s is told in words that say whose turn it is', (code, words) => {
  const cause = Object.assign(new Error('it failed'), { code })
  expect(engineError('east', 'x', new Error('fetch failed', { cause }))).toMatchObject({
    code: 'unauthorized',
    message: expect.stringContaining(words),
  })
})

test('no answer in time is timed-out; a bug stays a bug; an EngineError stays itself', () => {
  expect(engineError('east', 'x', new DOMException('', 'TimeoutError'))).toMatchObject({ code: 'timed-out' })
  const bug = new TypeError('undefined is not a function')
  expect(engineError('east', 'x', bug)).toBe(bug)
  const known = new EngineError('busy', 'west', 'y', 'z')
  expect(engineError('east', 'x', known)).toBe(known)
})
