import { createHmac } from 'node:crypto'
import { getCACertificates } from 'node:tls'
import { createTransport } from 'nodemailer'
import type { Logger } from 'pino'
import { Agent, fetch } from 'undici'
import type { Clock } from '../../lib/clock.ts'
import type { Config } from '../config.ts'
import type { AlarmEvent } from './alarms.ts'

export type Notifier = { tell(event: AlarmEvent): void; stop(): void }

/** Where the secrets of the controller file are read from. */
export type ReadSecret = (file: string) => string

const tries = 8
/** Of one try. */
const try_ms = 10_000

/** Mail and webhooks. Each way by itself, in order, tried again for some minutes: the network is what alarms are about. */
export function openNotifier(
  config: Config['alarms'],
  site: string,
  read: ReadSecret,
  clock: Clock,
  logger: Logger,
  within_ms = try_ms,
): Notifier {
  // Beside the ones that everybody trusts.
  const ca = config.ca === undefined ? undefined : [...getCACertificates(), read(config.ca)]
  const from: From = { site, read, clock, ca, within_ms }
  const ways = [
    ...(config.mail === undefined ? [] : [mailWay(config.mail, from)]),
    ...config.webhooks.map((webhook) => webhookWay(webhook, from)),
  ]
  const over = new AbortController()
  const queues = ways.map((way) => ({ way, last: Promise.resolve() }))
  return {
    tell(event) {
      for (const queue of queues) queue.last = queue.last.then(() => deliver(queue.way, event))
    },
    stop: () => over.abort(new Error('the controller ends')),
  }

  async function deliver(way: Way, event: AlarmEvent): Promise<void> {
    for (let attempt = 1; !over.signal.aborted; attempt++) {
      try {
        await way.send(event)
        return
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error)
        logger.warn({ to: way.to, attempt, why }, 'an alarm could not be sent')
        if (attempt === tries) return
        await clock.sleep(1000 * 2 ** (attempt - 1), over.signal).catch(() => {})
      }
    }
  }
}

type Way = { readonly to: string; send(event: AlarmEvent): Promise<void> }

type From = {
  readonly site: string
  readonly read: ReadSecret
  readonly clock: Clock
  readonly ca: string[] | undefined
  readonly within_ms: number
}

function mailWay(mail: NonNullable<Config['alarms']['mail']>, { site, read, ca, within_ms }: From): Way {
  const transport = createTransport({
    host: mail.server,
    port: mail.port,
    secure: mail.tls === 'direct',
    requireTLS: mail.tls === 'starttls',
    ignoreTLS: mail.tls === 'none',
    connectionTimeout: within_ms,
    greetingTimeout: within_ms,
    socketTimeout: within_ms,
    ...(ca === undefined ? {} : { tls: { ca } }),
    ...(mail.user === undefined || mail.password === undefined
      ? {}
      : { auth: { user: mail.user, pass: read(mail.password.file) } }),
  })
  return {
    to: `mail by ${mail.server}`,
    async send(event) {
      const { alarm } = event
      // One thread for each alarm in whatever reads mail.
      const thread = `<alarm-${alarm.id}@lifeboat>`
      await transport.sendMail({
        from: mail.from,
        to: mail.to,
        subject: subjectOf(event),
        text: textOf(event, site),
        // So that nobody's absence answers (RFC 3834).
        headers: { 'auto-submitted': 'auto-generated' },
        // The same for each try: what arrived although its answer was lost is seen as one.
        ...(event.event === 'open'
          ? { messageId: thread }
          : {
              messageId: `<${deliveryOf(event).replaceAll(':', '')}@lifeboat>`,
              inReplyTo: thread,
              references: thread,
            }),
      })
    },
  }
}

function webhookWay(webhook: Config['alarms']['webhooks'][number], from: From): Way {
  const { site, read, clock, ca, within_ms } = from
  const dispatcher = new Agent({ connectTimeout: within_ms, ...(ca === undefined ? {} : { connect: { ca } }) })
  const secret = webhook.secret === undefined ? undefined : read(webhook.secret.file)
  return {
    // Addresses of chat webhooks are secrets themselves.
    to: new URL(webhook.url).host,
    async send(event) {
      const body = JSON.stringify(
        webhook.form === 'slack'
          ? { text: `*${subjectOf(event)}*\n${escaped(textOf(event, site))}` }
          : { event: event.event, site, alarm: event.alarm },
      )
      const at = String(Math.floor(clock.now().getTime() / 1000))
      const answer = await fetch(webhook.url, {
        method: 'POST',
        dispatcher,
        // A redirect could lead the alarm, and its signature, to anybody.
        redirect: 'error',
        signal: AbortSignal.timeout(within_ms),
        headers: {
          'content-type': 'application/json',
          'user-agent': 'lifeboat',
          'x-lifeboat-delivery': deliveryOf(event),
          'x-lifeboat-timestamp': at,
          ...(secret === undefined ? {} : { 'x-lifeboat-signature': `sha256=${sign(secret, at, body)}` }),
        },
        body,
      })
      await answer.body?.cancel()
      if (!answer.ok) throw new Error(`answered ${answer.status}`)
    },
  }
}

/** Of all tries of one delivery. */
const deliveryOf = ({ event, alarm }: AlarmEvent): string =>
  `${alarm.id}-${event}-${alarm.resolved_at ?? alarm.repeated_at ?? alarm.opened_at}`

/** What is quoted from elsewhere calls nobody and links nowhere (https://api.slack.com/reference/surfaces/formatting#escaping). */
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** HMAC-SHA256 over `TIMESTAMP.BODY`: an old delivery cannot be sent again as a new one. */
export function sign(secret: string, at: string, body: string): string {
  return createHmac('sha256', secret).update(`${at}.${body}`).digest('hex')
}

function subjectOf({ event, alarm }: AlarmEvent): string {
  const where = alarm.stack ?? alarm.site ?? 'lifeboat'
  const word = event === 'resolved' ? 'resolved' : alarm.severity
  return `[${word}] ${where}: ${alarm.kind.replaceAll('-', ' ')}${event === 'repeat' ? ' (still)' : ''}`
}

function textOf({ event, alarm }: AlarmEvent, site: string): string {
  const lines =
    event === 'resolved' ? [`It was: ${alarm.what}`] : [alarm.what, `It means: ${alarm.means}`, `To do: ${alarm.todo}`]
  return [...lines, '', `since ${alarm.opened_at}, seen by the controller of ${site}`].join('\n')
}
