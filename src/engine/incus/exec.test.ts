import { expect, test } from 'vitest'
import type { IncusClient, Operation } from './client.ts'
import { IncusFailure } from './errors.ts'
import { exec } from './exec.ts'
import { areaMarks } from './names.ts'
import type { IncusSite } from './site.ts'

const border = { area: { kind: 'stack', stack: 'shop' }, name: 'border' } as const
const NOT_ATTACHED = 'Failed to retrieve PID of executing child process'
const done = { id: '1', status_code: 200, err: '', metadata: { return: 0 } }

/** An Incus whose guest has `status`, and whose commands end as `ends` says, one after the other. */
function site(status: string, ends: readonly (Operation | Error)[]) {
  const begun: unknown[] = []
  const client: Partial<IncusClient> = {
    get: async <T>() => ({ value: { status, config: areaMarks(border.area) } as T, etag: '', date: '' }),
    text: async () => 'Starting\nFailed to allocate manager object: Too many open files\n',
    begin: async (...call) => {
      begun.push(call)
      const end = ends[begun.length - 1]
      if (end === undefined || end instanceof Error) throw end ?? new Error('asked too often')
      return end
    },
  }
  return { begun, site: { options: { site: 'west', pool: 'default' }, client: client as IncusClient } as IncusSite }
}

test('a command that was not begun is begun again', async () => {
  const incus = site('Running', [{ ...done, status_code: 400, err: NOT_ATTACHED, metadata: null }, done])
  expect(await exec(incus.site, border, ['true'], 5)).toEqual({ exit: 0, stdout: '', stderr: '' })
  expect(incus.begun).toHaveLength(2)
})

test('one that was begun is never begun again', async () => {
  const incus = site('Running', [{ ...done, status_code: 400, err: 'it failed', metadata: null }, done])
  await expect(exec(incus.site, border, ['true'], 5)).rejects.toThrow('it failed')
  expect(incus.begun).toHaveLength(1)
})

test.each([
  ['which has ended since', { ...done, status_code: 400, err: NOT_ATTACHED, metadata: null }],
  ['which did not run', new IncusFailure(400, 'Instance is not running')],
])('a guest %s says why on its console', async (_, end) => {
  const incus = site('Stopped', [end])
  await expect(exec(incus.site, border, ['true'], 5)).rejects.toMatchObject({
    code: 'rejected',
    message: expect.stringMatching(/border in project lb-shop is not running; .*\n.*\n.*Too many open files/),
  })
  expect(incus.begun).toHaveLength(1)
})
