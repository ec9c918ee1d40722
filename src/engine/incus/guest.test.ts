import { expect, test } from 'vitest'
import type { IncusClient } from './client.ts'
import { IncusFailure } from './errors.ts'
import { power } from './guest.ts'
import { areaMarks } from './names.ts'
import type { IncusSite } from './site.ts'

const web1 = { area: { kind: 'stack', stack: 'shop' }, name: 'web1' } as const

/** An Incus in which an instance has these states, one look after the other, and whose answer to a start is an error. */
function site(states: readonly string[]): IncusSite {
  const left = [...states]
  const client: Partial<IncusClient> = {
    get: async <T>() => {
      const status = left.length > 1 ? left.shift() : left[0]
      const value = { status, config: areaMarks(web1.area), last_used_at: '2026-11-27T19:50:53Z' }
      return { value: value as T, etag: '', date: '' }
    },
    text: async () => '',
    run: async () => {
      throw new IncusFailure(400, 'The instance is already running')
    },
  }
  return { options: { site: 'west', pool: 'default' }, client: client as IncusClient } as IncusSite
}

test('a start that somebody else had asked for a moment before is a start', async () => {
  await expect(power(site(['Stopped', 'Running']), web1, 'start', 5)).resolves.toBeUndefined()
})

test('a start that failed and left nothing running is a failure', async () => {
  await expect(power(site(['Stopped', 'Stopped']), web1, 'start', 5)).rejects.toThrow('already running')
})
