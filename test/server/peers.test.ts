import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock, virtualClock } from '../../src/lib/clock.ts'
import { openPeers, peerHeader } from '../../src/server/peers.ts'
import { makeCertificate } from './certificate.ts'
import { type Stage, stage } from './stage.ts'

/** Two controllers that know each other by their certificates only. */
const east = makeCertificate('east')
const west = makeCertificate('west')
const stranger = makeCertificate('stranger')
let on: Stage
beforeAll(async () => {
  on = await stage({ tls: west, peers: [{ site: 'east', url: 'https://127.0.0.1:1', certificate: east.cert }] })
})
afterAll(() => on.close())

const asked = async (own: { key: string }, pinned: { cert: string }) => {
  // The sites' time goes quicker than ours: the signature is made by it.
  const clock = { ...systemClock, now: () => on.on.world.clock.now() }
  const peers = openPeers(
    'east',
    ['east', 'west'],
    [{ site: 'west', url: on.serving.address, certificate: pinned.cert }],
    own.key,
    clock,
  )
  await peers.ask()
  const seen = peers.seen.get('west')
  await peers.close()
  return seen
}

test('one that signs with its key is told what the other sees', async () => {
  await expect
    .poll(() => asked(east, west), { timeout: 10_000 })
    .toMatchObject({
      state: 'answers',
      sees: [
        { site: 'east', answers: true },
        { site: 'west', answers: true },
      ],
    })
})

test('one that signs with another key is told nothing', async () => {
  expect(await asked(stranger, west)).toMatchObject({ state: 'silent', why: expect.stringContaining('401') })
})

test('one that shows another certificate is not talked to', async () => {
  expect(await asked(east, stranger)).toMatchObject({ state: 'silent' })
})

test('a signature is worth nothing later, for another site, or of a site that is not named', () => {
  const clock = virtualClock(new Date('2026-01-01T00:00:00Z'), { auto: false })
  const peers = openPeers(
    'west',
    ['east', 'west'],
    [{ site: 'east', url: 'https://127.0.0.1:1', certificate: east.cert }],
    west.key,
    clock,
  )
  for (const header of [
    undefined,
    '',
    'east',
    'east 2026-01-01T00:00:00Z',
    'east 2026-01-01T00:00:00Z AAAA',
    'north 2026-01-01T00:00:00Z AAAA',
    'east 2025-12-31T23:00:00Z AAAA',
  ])
    expect(() => peers.of(header), String(header)).toThrow()
  expect(peerHeader).toBe('x-lifeboat-peer')
})
