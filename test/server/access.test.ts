import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Caller, password, type Stage, stage } from './stage.ts'

/** Who gets in, and what somebody who should not may try. */
let on: Stage
let root: Caller
beforeAll(async () => {
  on = await stage()
  root = await on.as('admin')
})
afterAll(() => on.close())

describe('the first link', () => {
  test('makes one admin and is worth nothing afterwards', async () => {
    const link = on.serving.link?.split('#')[1]
    expect((await on.caller().post('/setup', { link, user: 'eve', password })).status).toBe(403)
    expect((await on.caller().get('/door')).body).toMatchObject({ setup: false, site: 'west' })
    expect((await root.get('/session')).body).toMatchObject({ user: 'root', role: 'admin' })
  })

  test('is in no line of the log, nor is any password, session or token', async () => {
    const { body } = await root.post('/tokens', { name: 'probe', role: 'viewer' })
    await on.caller().get('/overview', { authorization: `Bearer ${body.token}` })
    const secrets = [on.serving.link?.split('#')[1], password, root.cookie?.split('=')[1], root.me?.csrf, body.token]
    for (const secret of secrets) expect(on.log()).not.toContain(secret)
    expect(on.log()).toContain('/api/v1/tokens')
  })
})

describe('a session', () => {
  test('is a cookie that no script reads and no other site sends', async () => {
    const { headers } = await on.caller().post('/session', { user: 'root', password })
    expect(headers.getSetCookie()[0]).toMatch(/^lifeboat=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/)
  })

  test('that was planted before signing in is not the one afterwards (fixation)', async () => {
    const planted = on.caller()
    planted.cookie = 'lifeboat=planted-by-somebody-else-planted-by-somebody'
    await planted.enter('/session', { user: 'root', password })
    expect(planted.cookie).not.toContain('planted')
    const other = on.caller()
    other.cookie = 'lifeboat=planted-by-somebody-else-planted-by-somebody'
    expect((await other.get('/overview')).status).toBe(401)
  })

  test('ends with signing out, and the old cookie is worth nothing', async () => {
    const caller = on.caller()
    await caller.enter('/session', { user: 'root', password })
    const kept = caller.cookie
    expect((await caller.send('DELETE', '/session', undefined)).status).toBe(204)
    caller.cookie = kept
    expect((await caller.get('/overview')).status).toBe(401)
  })

  test('changes nothing without its own CSRF token, and none of another session will do', async () => {
    const caller = on.caller()
    await caller.enter('/session', { user: 'root', password })
    const csrf = caller.me?.csrf ?? ''
    const asked = { name: 'x', role: 'viewer' }
    expect((await caller.post('/tokens', asked, { 'x-csrf-token': '' })).body.error).toBe('bad-csrf')
    expect((await caller.post('/tokens', asked, { 'x-csrf-token': root.me?.csrf ?? '' })).status).toBe(403)
    expect((await caller.post('/tokens', asked, { origin: 'https://evil.example' })).status).toBe(403)
    expect((await caller.post('/tokens', asked, { 'sec-fetch-site': 'cross-site' })).status).toBe(403)
    expect((await caller.post('/tokens', asked)).status).toBe(201)
    // Replayed after the session has ended.
    const kept = caller.cookie
    await caller.send('DELETE', '/session', undefined)
    caller.cookie = kept
    expect((await caller.post('/tokens', asked, { 'x-csrf-token': csrf })).status).toBe(401)
  })

  test('is over when its user is disabled or gets another password', async () => {
    await root.post('/users', { user: 'leaver', role: 'viewer', password })
    const leaver = on.caller()
    await leaver.enter('/session', { user: 'leaver', password })
    expect((await leaver.get('/overview')).status).toBe(200)
    await root.send('PATCH', '/users/leaver', { disabled: true })
    expect((await leaver.get('/overview')).status).toBe(401)
    expect((await on.caller().post('/session', { user: 'leaver', password })).status).toBe(401)
  })
})

describe('signing in', () => {
  test('says the same of a wrong password and of nobody, after the same work', async () => {
    const took = async (user: string) => {
      const began = performance.now()
      const answer = await on.caller().post('/session', { user, password: 'not the password' })
      return { status: answer.status, what: answer.body.what, took_ms: performance.now() - began }
    }
    const known = await took('root')
    const unknown = await took('nobody-of-that-name')
    expect(unknown.status).toBe(401)
    expect(unknown.what).toBe(known.what)
    // Scrypt is most of it: without it an answer takes a few milliseconds.
    expect(unknown.took_ms).toBeGreaterThan(known.took_ms / 4)
  })

  test('is refused after some failures, also when they come all at once', async () => {
    const own = await stage()
    await own.as('admin')
    const guesses = await Promise.all(
      Array.from({ length: 14 }, (_, n) => own.caller().post('/session', { user: 'root', password: `guess ${n}` })),
    )
    expect(guesses.filter((each) => each.status === 429).length).toBeGreaterThanOrEqual(8)
    await own.close()
  })
})

describe('a token', () => {
  test('is shown once, and only its hash is kept', async () => {
    const made = await root.post('/tokens', { name: 'ci', role: 'viewer' })
    expect(made.body.token).toMatch(/^lifeboat_[\w-]{43}$/)
    expect(JSON.stringify((await root.get('/tokens')).body)).not.toContain(made.body.token as string)
    expect((await on.caller().get('/overview', { authorization: `Bearer ${made.body.token}` })).status).toBe(200)
    await root.send('DELETE', `/tokens/${made.body.id}`, undefined)
    expect((await on.caller().get('/overview', { authorization: `Bearer ${made.body.token}` })).status).toBe(401)
  })

  test('is never worth more than its maker, makes no other token, and changes no password', async () => {
    const operator = await on.as('operator')
    expect((await operator.post('/tokens', { name: 'up', role: 'admin' })).status).toBe(403)
    const { body } = await operator.post('/tokens', { name: 'same', role: 'operator' })
    const authorization = { authorization: `Bearer ${body.token}` }
    expect((await on.caller().get('/users', authorization)).status).toBe(403)
    expect((await on.caller().post('/tokens', { name: 'child', role: 'viewer' }, authorization)).status).toBe(403)
    expect(
      (await on.caller().post('/password', { old: password, password: `${password}2` }, authorization)).status,
    ).toBe(403)
    await root.send('PATCH', '/users/a-operator', { role: 'viewer' })
    expect((await on.caller().post('/operations', { verb: 'drill', stack: 'shop' }, authorization)).status).toBe(403)
  })

  test('that is wrong is no way to fall back on a cookie', async () => {
    expect((await root.get('/overview', { authorization: 'Bearer lifeboat_nonsense' })).status).toBe(401)
    expect((await root.get('/overview', { authorization: 'Basic cm9vdDpyb290' })).status).toBe(401)
  })

  test('of somebody else is not seen and not removed', async () => {
    const made = await root.post('/tokens', { name: 'of root', role: 'admin' })
    const viewer = await on.as('viewer')
    expect((await viewer.get('/tokens')).body).toEqual([])
    expect((await viewer.send('DELETE', `/tokens/${made.body.id}`, undefined)).status).toBe(404)
  })
})

test('the last admin can neither leave nor be made less', async () => {
  expect((await root.send('DELETE', '/users/root', undefined)).status).toBe(409)
  expect((await root.send('PATCH', '/users/root', { role: 'viewer' })).status).toBe(409)
  expect((await root.send('PATCH', '/users/root', { disabled: true })).status).toBe(409)
})

test('headers forbid what a page does not need', async () => {
  const { headers } = await on.caller().get('/door')
  expect(headers.get('content-security-policy')).toContain("default-src 'none'")
  expect(headers.get('content-security-policy')).not.toContain('unsafe')
  expect(headers.get('x-frame-options')).toBe('DENY')
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(headers.get('referrer-policy')).toBe('no-referrer')
  expect(headers.get('cache-control')).toBe('no-store')
})

test('the audit log tells who did what, and a change of it is found', async () => {
  const { body } = await root.get('/audit?limit=1000')
  const entries = body as unknown as { what: string; who: string; details: object }[]
  expect(entries.map((each) => each.what)).toEqual(
    expect.arrayContaining(['user.make', 'token.make', 'session.refused']),
  )
  expect((await root.get('/audit/verify')).body).toMatchObject({ good: true, entries: entries.length })
  const text = (await root.get('/audit/export')).body.text as string
  expect(text.trim().split('\n').length).toBe(entries.length)
  expect(text).not.toContain(password)
})
