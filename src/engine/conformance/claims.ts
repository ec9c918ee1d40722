import { expect, test } from 'vitest'
import type { Claim } from '../../state/objects.ts'
import { refused, type Workbench } from './workbench.ts'

/** The claim: durable, whole, and changed by compare-and-swap only. */
export function claims(use: () => Workbench): void {
  test('there is none before the first; it comes back as it was written', async () => {
    const { east, west, stack } = use()
    expect(await east.readClaim(stack)).toBeUndefined()
    const made = await east.swapClaim(stack, undefined, claim(stack, 1))
    expect(made.claim).toEqual(claim(stack, 1))
    expect(await east.readClaim(stack)).toEqual(made)
    expect((await east.observe(stack)).claim).toEqual(made)
    expect(await east.stacks()).toContain(stack)
    expect(await west.readClaim(stack)).toBeUndefined()
  })

  test('a change names the version it read; any other is a conflict', async () => {
    const { east, stack } = use()
    const first = await east.swapClaim(stack, undefined, claim(stack, 1))
    await refused(east, east.swapClaim(stack, undefined, claim(stack, 2)), 'conflict')
    const second = await east.swapClaim(stack, first.version, claim(stack, 2))
    expect(second.version).not.toBe(first.version)
    await refused(east, east.swapClaim(stack, first.version, claim(stack, 3)), 'conflict')
    expect((await east.readClaim(stack))?.claim.epoch).toBe(2)
  })

  test('a change for a claim that is not there is a conflict', async () => {
    const { east, stack } = use()
    await refused(east, east.swapClaim(stack, 'no-such-version', claim(stack, 1)), 'conflict')
    expect(await east.readClaim(stack)).toBeUndefined()
  })

  test('of writers at the same time exactly one wins, also for the first claim', async () => {
    const { east, stack } = use()
    let version: string | undefined
    for (let round = 0; round < 3; round++) {
      const writers = [1, 2, 3, 4].map((epoch) => east.swapClaim(stack, version, claim(stack, epoch + 10 * round)))
      const results = await Promise.allSettled(writers)
      const won = results.filter((result) => result.status === 'fulfilled')
      expect(won).toHaveLength(1)
      for (const lost of writers.filter((_, index) => results[index]!.status === 'rejected'))
        await refused(east, lost, 'conflict')
      expect(await east.readClaim(stack)).toEqual(won[0]!.value)
      version = won[0]!.value.version
    }
  })

  test('it outlives changes of the areas beside it', async () => {
    const { east, stack, area, replica } = use()
    await east.ensureArea(replica)
    const made = await east.swapClaim(stack, undefined, claim(stack, 1))
    await east.ensureArea(area)
    await east.removeArea(replica)
    expect((await east.readClaim(stack))?.claim).toEqual(made.claim)
  })

  test('it is removed by its version only, and once more', async () => {
    const { east, stack } = use()
    const first = await east.swapClaim(stack, undefined, claim(stack, 1))
    const second = await east.swapClaim(stack, first.version, claim(stack, 2))
    await refused(east, east.removeClaim(stack, first.version), 'conflict')
    await east.removeClaim(stack, second.version)
    await east.removeClaim(stack, second.version)
    expect(await east.readClaim(stack)).toBeUndefined()
  })
}

function claim(stack: string, epoch: number): Claim {
  return {
    stack,
    role: 'standby',
    epoch,
    peer: 'west',
    decided: { by: 'root@ops', at: '2026-01-01T00:00:00Z', why: 'conformance, with "quotes" and ünïcode' },
    points: [
      {
        name: 'p-20260101T000000Z',
        taken_at: '2026-01-01T00:00:00Z',
        complete_at: '2026-01-01T00:00:01Z',
        pause_ms: 12.5,
        sent_bytes: 280_000,
        incremental: true,
        machines: ['db1', 'db2'],
        digest: 'sha256:one',
      },
    ],
    launched: undefined,
    definition: {
      text: 'lifeboat: 1\nstack: shop\n',
      file: 'stack.yaml',
      digest: 'sha256:text',
      secrets: { 'shop-tls': 'sha256:pem' },
    },
  }
}
