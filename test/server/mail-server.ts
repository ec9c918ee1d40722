import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'
import type { Pair } from './certificate.ts'

export type Mail = {
  readonly from: string
  readonly to: readonly string[]
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  readonly encrypted: boolean
  readonly user: string | undefined
}

export type MailServer = {
  readonly port: number
  readonly mails: readonly Mail[]
  /** What clients said outside TLS, as it could be read on the wire. */
  readonly plain: readonly string[]
  /** So many of the next mails are turned away for now. */
  refuse(mails: number): void
  close(): Promise<void>
}

type Options = {
  readonly pair: Pair
  readonly user: string
  readonly password: string
  /** Whether STARTTLS is offered; a man in the middle leaves it out. */
  readonly starttls?: boolean
  /** TLS from the first byte. */
  readonly direct?: boolean
}

/** A mail server on loopback that takes mail as RFC 5321 has it: over TLS (RFC 3207), from its user only (RFC 4954). */
export async function openMailServer(options: Options): Promise<MailServer> {
  const secureContext = createSecureContext(options.pair)
  const mails: Mail[] = []
  const plain: string[] = []
  const sockets = new Set<Socket>()
  let refused = 0
  const encrypt = (socket: Socket) => new TLSSocket(socket, { isServer: true, secureContext })
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    const first = options.direct === true ? encrypt(socket) : socket
    serve(first, options.direct === true)
    first.write('220 mail.test ESMTP\r\n')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    mails,
    plain,
    refuse: (count) => {
      refused = count
    },
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => void server.close(() => resolve()))
    },
  }

  function serve(socket: Socket, encrypted: boolean): void {
    let user: string | undefined
    let from = ''
    let to: string[] = []
    let data: string[] | undefined
    let buffer = ''
    const say = (...lines: string[]): undefined => {
      socket.write(`${lines.join('\r\n')}\r\n`)
    }
    const hear = (chunk: Buffer) => {
      buffer += chunk.toString()
      for (let at = buffer.indexOf('\r\n'); at >= 0; at = buffer.indexOf('\r\n')) {
        const line = buffer.slice(0, at)
        buffer = buffer.slice(at + 2)
        if (!encrypted) plain.push(line)
        take(line)
      }
    }
    socket.on('data', hear).on('error', () => {})

    function take(line: string) {
      if (data === undefined) return obey(line)
      if (line !== '.') return void data.push(line.replace(/^\./, ''))
      mails.push({ from, to, ...parsed(data), encrypted, user })
      data = undefined
      say('250 2.0.0 taken')
    }

    function obey(line: string) {
      const [word = '', argument = ''] = line.split(/ (.*)/)
      switch (word.toUpperCase()) {
        case 'EHLO': {
          const more = encrypted ? ['AUTH PLAIN'] : options.starttls === false ? [] : ['STARTTLS']
          return say('250-mail.test', ...more.map((each) => `250-${each}`), '250 8BITMIME')
        }
        case 'STARTTLS':
          if (encrypted || options.starttls === false) return say('502 5.5.1 no such thing')
          say('220 2.0.0 go on')
          socket.removeAllListeners('data')
          return serve(encrypt(socket), true)
        case 'AUTH': {
          const [, name, secret] = Buffer.from(argument.split(' ')[1] ?? '', 'base64')
            .toString()
            .split('\0')
          if (!encrypted) return say('538 5.7.11 not in the clear')
          if (name !== options.user || secret !== options.password) return say('535 5.7.8 no')
          user = name
          return say('235 2.7.0 welcome')
        }
        case 'MAIL':
          if (user === undefined) return say('530 5.7.0 who are you?')
          if (refused > 0) {
            refused--
            return say('451 4.3.0 later')
          }
          from = addressOf(argument)
          to = []
          return say('250 2.1.0 ok')
        case 'RCPT':
          to.push(addressOf(argument))
          return say('250 2.1.5 ok')
        case 'DATA':
          data = []
          return say('354 go on')
        case 'QUIT':
          say('221 2.0.0 bye')
          return void socket.end()
        default:
          return say('502 5.5.2 no such thing')
      }
    }
  }
}

const addressOf = (argument: string): string => /<(.*)>/.exec(argument)?.[1] ?? ''

function parsed(lines: readonly string[]): Pick<Mail, 'headers' | 'text'> {
  const end = lines.indexOf('')
  const head = lines
    .slice(0, end)
    .join('\n')
    .replaceAll(/\n[ \t]+/g, ' ')
  const headers = Object.fromEntries(
    head.split('\n').map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
  )
  const body = lines.slice(end + 1).join('\n')
  const encoding = headers['content-transfer-encoding']
  if (encoding === 'base64') return { headers, text: Buffer.from(body, 'base64').toString() }
  return { headers, text: encoding === 'quoted-printable' ? unquoted(body) : body }
}

function unquoted(text: string): string {
  const bytes = text
    .replaceAll('=\n', '')
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString()
}
