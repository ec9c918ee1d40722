import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { afterEach, expect, test } from 'vitest'
import { type Clock, systemClock, virtualClock } from '../../src/lib/clock.ts'
import { openAlarms } from '../../src/server/alarms/alarms.ts'
import type { Condition } from '../../src/server/alarms/conditions.ts'
import { openNotifier } from '../../src/server/alarms/notify.ts'
import { type Config, parseConfig } from '../../src/server/config.ts'
import { openDatabase } from '../../src/server/database.ts'
import { makeCertificate, type Pair } from './certificate.ts'
import { openMailServer } from './mail-server.ts'

/** Alarms on their whole way, to a mail server and to web servers that are as unkind as real ones. */
const pair = makeCertificate('mail.test', { names: 'IP:127.0.0.1' })
const [user, password] = ['lifeboat', 'the secret of the mail']
const missed: Condition = {
  kind: 'rpo-missed',
  severity: 'warning',
  stack: 'shop',
  what: 'the newest complete point is 20 s old; the target is 10 s',
  means: 'a failover now would lose more than was agreed',
  todo: 'lifeboat replicate shop says what stands in the way',
}
const hour_ms = 3_600_000
const waits = { timeout: 15_000 }

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** A controller's alarms that are told as the controller file says; hours pass in no time, tries take their seconds. */
function teller(yaml: string, within_ms?: number) {
  const { config, problems } = parseConfig(`lifeboat-controller: 1\nalarms:\n${yaml}`, 'controller.yaml')
  expect(problems).toEqual([])
  const clock = virtualClock(new Date(), { auto: false })
  const tries: Clock = { now: systemClock.now, sleep: (ms, signal) => systemClock.sleep(ms / 50, signal) }
  const lines: string[] = []
  const logger = pino({}, { write: (line) => void lines.push(line) })
  const files: Record<string, string> = { 'smtp.secret': password, 'hook.secret': 'shared', 'ca.pem': pair.cert }
  const read = (file: string) => files[file] ?? ''
  const { alarms: settings } = config as Config
  const notifier = openNotifier(settings, 'west', read, tries, logger, within_ms)
  closers.push(() => notifier.stop())
  const alarms = openAlarms(openDatabase(':memory:'), clock, settings.repeat, notifier.tell)
  return { alarms, clock, log: () => lines.join('') }
}

/** Open, worse, still so hours later, and over: each a few looks long. */
async function life({ alarms, clock }: ReturnType<typeof teller>): Promise<void> {
  for (const conditions of [[missed], [missed], [{ ...missed, severity: 'critical' as const }]]) {
    alarms.judge(conditions)
    await clock.advance(2000)
  }
  await clock.advance(4 * hour_ms)
  for (const conditions of [[{ ...missed, severity: 'critical' as const }], [], []]) {
    alarms.judge(conditions)
    await clock.advance(2000)
  }
}

const mailTo = (port: number, more = 'tls: starttls') => `  ca: ca.pem
  mail: { server: 127.0.0.1, port: ${port}, ${more}, user: ${user}, password: { file: smtp.secret },
          from: lifeboat@example.com, to: [ops@example.com, oncall@example.com] }
`

test('mail opens, repeats and resolves once each, over STARTTLS as the user, and says what it means and what to do', async () => {
  const server = await openMailServer({ pair, user, password })
  closers.push(server.close)
  const on = teller(mailTo(server.port))
  await life(on)
  await expect.poll(() => server.mails.length, waits).toBe(4)
  expect(server.mails.map(({ headers }) => headers.subject)).toEqual([
    '[warning] shop: rpo missed',
    '[critical] shop: rpo missed (still)',
    '[critical] shop: rpo missed (still)',
    '[resolved] shop: rpo missed',
  ])
  const [open, , , resolved] = server.mails
  expect(open).toMatchObject({
    from: 'lifeboat@example.com',
    to: ['ops@example.com', 'oncall@example.com'],
    encrypted: true,
    user,
  })
  expect(open?.headers['auto-submitted']).toBe('auto-generated')
  expect(open?.text).toContain(missed.what)
  expect(open?.text).toContain(`It means: ${missed.means}`)
  expect(open?.text).toContain(`To do: ${missed.todo}`)
  expect(open?.text).toContain('seen by the controller of west')
  expect(resolved?.text).toContain(`It was: ${missed.what}`)
  // One thread for whoever reads them, and each with an id of its own.
  const thread = open?.headers['message-id']
  expect(server.mails.slice(1).map(({ headers }) => headers['in-reply-to'])).toEqual([thread, thread, thread])
  expect(new Set(server.mails.map(({ headers }) => headers['message-id'])).size).toBe(4)
  expect(server.plain.join('\n')).not.toMatch(/AUTH|MAIL|RCPT|shop/)
})

test('mail also goes where TLS is from the first byte', async () => {
  const server = await openMailServer({ pair, user, password, direct: true })
  closers.push(server.close)
  teller(mailTo(server.port, 'tls: direct')).alarms.judge([missed])
  await expect.poll(() => server.mails, waits).toMatchObject([{ encrypted: true, user }])
})

test('mail that is turned away for now is tried again, and arrives once', async () => {
  const server = await openMailServer({ pair, user, password })
  closers.push(server.close)
  server.refuse(3)
  const on = teller(mailTo(server.port))
  on.alarms.judge([missed])
  await expect.poll(() => server.mails.length, waits).toBe(1)
  expect(on.log().match(/an alarm could not be sent/g)?.length).toBe(3)
  expect(on.log()).toContain('451')
  expect(on.log()).not.toContain(password)
})

test('nothing is said to a server that does not encrypt, or that cannot prove its name', async () => {
  const bare = await openMailServer({ pair, user, password, starttls: false })
  const stranger = await openMailServer({
    pair: makeCertificate('stranger', { names: 'IP:127.0.0.1' }),
    user,
    password,
  })
  closers.push(bare.close, stranger.close)
  for (const server of [bare, stranger]) {
    const on = teller(mailTo(server.port))
    on.alarms.judge([missed])
    await expect.poll(() => on.log().match(/an alarm could not be sent/g)?.length, waits).toBe(8)
    expect(server.mails).toEqual([])
    expect(server.plain.join('\n')).not.toMatch(/AUTH|MAIL|RCPT|shop/)
    expect(on.log()).not.toContain(password)
  }
})

test('a password in the clear, or half of what a login needs, is a problem of the controller file', () => {
  const problems = (mail: string) =>
    parseConfig(`lifeboat-controller: 1\nalarms:\n  mail: { server: m, from: a@b, to: [c@d], ${mail} }\n`, 'c').problems
  expect(problems('tls: none, user: u, password: { file: p }')).toEqual([expect.stringContaining('in the clear')])
  expect(problems('user: u')).toEqual([expect.stringContaining('user and password')])
  expect(problems('password: { file: p }')).toEqual([expect.stringContaining('user and password')])
  expect(problems('tls: none')).toEqual([])
})

/** What a web server is told, and how it answers: a status, a redirect, or not at all. */
async function hooked(answers: readonly (number | 'silence')[], tls?: Pair) {
  const got: { at: string; signature: string; delivery: string; body: string }[] = []
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const header = (name: string) => String(request.headers[`x-lifeboat-${name}`])
      const body = Buffer.concat(chunks).toString()
      got.push({ at: header('timestamp'), signature: header('signature'), delivery: header('delivery'), body })
      const status = answers[got.length - 1] ?? 200
      if (status !== 'silence') response.writeHead(status, { location: '/elsewhere' }).end()
    })
  }
  const server = tls === undefined ? createServer(answer) : createSecureServer(tls, answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { got, url: `http${tls === undefined ? '' : 's'}://127.0.0.1:${(server.address() as AddressInfo).port}/hook` }
}

/** As the one who receives it would, with what the docs say. */
function verified({ at, signature, body }: { at: string; signature: string; body: string }): boolean {
  const expected = `sha256=${createHmac('sha256', 'shared').update(`${at}.${body}`).digest('hex')}`
  const same = expected.length === signature.length && timingSafeEqual(Buffer.from(expected), Buffer.from(signature))
  return same && Math.abs(Date.now() / 1000 - Number(at)) < 300
}

test('a webhook that fails, hangs or leads elsewhere is tried again, each time with a signature that holds', async () => {
  const { got, url } = await hooked([500, 'silence', 302, 429])
  const on = teller(`  webhooks: [{ url: "${url}", secret: { file: hook.secret } }]\n`, 300)
  await life(on)
  await expect.poll(() => got.length, waits).toBe(8)
  expect(got.every(verified)).toBe(true)
  const [first] = got
  expect(verified({ ...first!, body: first!.body.replace('warning', 'nothing') })).toBe(false)
  expect(verified({ ...first!, at: String(Number(first!.at) + 1) })).toBe(false)
  // Five tries are one delivery; then each change is one.
  expect(got.slice(0, 5).map(({ delivery }) => delivery)).toEqual(Array(5).fill(first?.delivery))
  expect(new Set(got.map(({ delivery }) => delivery)).size).toBe(4)
  const told = got.slice(4).map(({ body }) => JSON.parse(body) as { event: string; site: string; alarm: Condition })
  expect(told.map(({ event, alarm }) => `${event} ${alarm.severity}`)).toEqual([
    'open warning',
    'repeat critical',
    'repeat critical',
    'resolved critical',
  ])
  expect(told[0]).toMatchObject({ site: 'west', alarm: missed })
  expect(on.log()).not.toContain('shared')
})

test('chats get a text, as Slack and Mattermost take it', async () => {
  const { got, url } = await hooked([])
  await life(teller(`  webhooks: [{ url: "${url}", form: slack }]\n`))
  await expect.poll(() => got.length, waits).toBe(4)
  const texts = got.map(({ body }) => JSON.parse(body) as { text: string })
  for (const each of texts) expect(Object.keys(each)).toEqual(['text'])
  expect(texts[0]?.text).toMatch(/^\*\[warning\] shop: rpo missed\*\n/)
  expect(texts[0]?.text).toContain(`It means: ${missed.means}\nTo do: ${missed.todo}`)
  expect(texts[3]?.text).toMatch(/^\*\[resolved\] shop: rpo missed\*\nIt was: /)
  expect(got[0]?.signature).toBe('undefined')
})

test('chats are told in their own escapes', async () => {
  const { got, url } = await hooked([])
  const said: Condition = { ...missed, what: 'said "<!channel> & <https://x|y>"' }
  teller(`  webhooks: [{ url: "${url}", form: slack }]\n`).alarms.judge([said])
  await expect.poll(() => got.length, waits).toBe(1)
  expect((JSON.parse(got[0]?.body ?? '{}') as { text: string }).text).toContain(
    'said "&lt;!channel&gt; &amp; &lt;https://x|y&gt;"',
  )
})

test('a web server of a company is trusted by its CA, and only then', async () => {
  const { got, url } = await hooked([], pair)
  const without = teller(`  webhooks: [{ url: "${url}" }]\n`)
  without.alarms.judge([missed])
  await expect.poll(without.log, waits).toContain('an alarm could not be sent')
  expect(got).toEqual([])
  teller(`  ca: ca.pem\n  webhooks: [{ url: "${url}" }]\n`).alarms.judge([missed])
  await expect.poll(() => got.length, waits).toBe(1)
})

test('one way that is dead holds up no other, and after eight tries the next is told', async () => {
  const { got, url } = await hooked([])
  const on = teller(`  webhooks: [{ url: "http://127.0.0.1:1/" }, { url: "${url}" }]\n`)
  on.alarms.judge([missed])
  await expect.poll(() => got.length, waits).toBe(1)
  await expect.poll(() => on.log().match(/an alarm could not be sent/g)?.length, waits).toBe(8)
})
