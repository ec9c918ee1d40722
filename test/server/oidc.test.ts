import { afterAll, beforeAll, expect, test } from 'vitest'
import { roleOf } from '../../src/server/access/oidc.ts'
import { defaults } from '../../src/server/config.ts'
import { openProvider } from './provider.ts'
import { type Caller, type Stage, stage } from './stage.ts'

let provider: Awaited<ReturnType<typeof openProvider>>
let on: Stage
beforeAll(async () => {
  provider = await openProvider()
  const oidc = {
    issuer: provider.issuer,
    'client-id': 'lifeboat',
    'client-secret': { file: 'x' },
    claim: 'groups',
    roles: { ops: 'operator' as const, boss: 'commander' as const },
  }
  on = await stage({ config: { ...defaults, address: 'http://127.0.0.1:1', oidc } })
})
afterAll(async () => {
  await on.close()
  await provider.close()
})

/** To the provider and back, as a browser goes. */
async function begin(caller: Caller): Promise<string> {
  const there = await caller.get('/oidc/start')
  expect(there.status).toBe(302)
  const answer = await fetch(there.headers.get('location') ?? '', { redirect: 'manual' })
  return new URL(answer.headers.get('location') ?? '').search
}

test('somebody of a group gets its role, as an account of the provider', async () => {
  provider.state.claims = { sub: '1', preferred_username: 'Ada Lovelace', groups: ['staff', 'ops'] }
  const ada = on.caller()
  const back = await ada.get(`/oidc/back${await begin(ada)}`)
  expect(back.status).toBe(302)
  expect(back.headers.get('location')).toBe('/')
  ada.cookie = back.headers
    .getSetCookie()
    .find((each) => each.startsWith('lifeboat='))
    ?.split(';')[0]
  expect((await ada.get('/session')).body).toMatchObject({ user: 'ada-lovelace', role: 'operator', by: 'session' })
})

test('nobody gets in by a link that was begun elsewhere, by one that was used, or without a group', async () => {
  provider.state.claims = { sub: '2', preferred_username: 'eve', groups: ['ops'] }
  const [eve, victim] = [on.caller(), on.caller()]
  const search = await begin(eve)
  expect((await victim.get(`/oidc/back${search}`)).status).toBe(403)
  expect((await eve.get(`/oidc/back${search}`)).status).toBe(403)
  expect((await on.caller().get('/oidc/back?code=c&state=x')).status).toBe(403)
  provider.state.claims = { sub: '3', preferred_username: 'bob', groups: ['staff'] }
  const bob = on.caller()
  expect((await bob.get(`/oidc/back${await begin(bob)}`)).body).toMatchObject({ error: 'forbidden' })
})

test('a local account is not taken over by whoever has its name at the provider', async () => {
  await on.as('admin')
  provider.state.claims = { sub: '4', preferred_username: 'root', groups: ['boss'] }
  const caller = on.caller()
  expect((await caller.get(`/oidc/back${await begin(caller)}`)).status).toBe(409)
})

test('an id token of another nonce is refused', async () => {
  provider.state.claims = { sub: '5', preferred_username: 'mallory', groups: ['boss'], nonce: 'of another sign-in' }
  const caller = on.caller()
  expect((await caller.get(`/oidc/back${await begin(caller)}`)).status).toBe(403)
})

test('of several groups the highest role holds, and names of objects are no groups', () => {
  const known = { ops: 'operator', boss: 'commander' } as const
  expect(roleOf(['ops', 'boss'], known)).toBe('commander')
  expect(roleOf('ops', known)).toBe('operator')
  for (const claim of [undefined, 7, ['constructor'], 'toString', [{}]]) expect(roleOf(claim, known)).toBeUndefined()
})
