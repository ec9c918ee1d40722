import { Buffer } from 'node:buffer'
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { u16 } from './dns-wire.ts'

export type DnsServerAddress = { readonly server: string; readonly port?: number }

/** What came of one try: an answer, or why there is none. */
export type Exchanged = { readonly answer: Buffer } | { readonly failed: string }

/** Sends one message and waits for an answer with its id that `accept` takes; others are ignored, as if forged. */
export function exchangeUdp(
  to: DnsServerAddress,
  message: Buffer,
  limit_ms: number,
  accept: (answer: Buffer) => boolean,
): Promise<Exchanged> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4')
    let refused = false
    const end = (exchanged: Exchanged) => {
      clearTimeout(timer)
      socket.removeAllListeners()
      // A socket that is closing may still report an error of its last packet.
      socket.on('error', () => undefined)
      socket.close()
      resolve(exchanged)
    }
    const timer = setTimeout(
      () => end({ failed: refused ? 'its answer did not verify' : `no answer over UDP within ${limit_ms} ms` }),
      limit_ms,
    )
    socket.on('error', (error) => end({ failed: error.message }))
    socket.on('message', (answer) => {
      if (!isAnswerTo(answer, message)) return
      if (accept(answer)) end({ answer })
      else refused = true
    })
    // A connected socket takes datagrams of this peer only, and reports that nobody listens there.
    socket.connect(to.port ?? 53, to.server, () => socket.send(message))
  })
}

/** The same over TCP (RFC 7766): each message has its length in front. */
export function exchangeTcp(
  to: DnsServerAddress,
  message: Buffer,
  limit_ms: number,
  accept: (answer: Buffer) => boolean,
): Promise<Exchanged> {
  return new Promise((resolve) => {
    let received = Buffer.alloc(0)
    const socket = connect({ host: to.server, port: to.port ?? 53 })
    const end = (exchanged: Exchanged) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(exchanged)
    }
    const timer = setTimeout(() => end({ failed: `no answer over TCP within ${limit_ms} ms` }), limit_ms)
    socket.on('error', (error) => end({ failed: error.message }))
    socket.on('close', () => end({ failed: 'the connection was closed before an answer came' }))
    socket.on('connect', () => socket.write(Buffer.concat([u16(message.length), message])))
    socket.on('data', (data) => {
      received = Buffer.concat([received, data])
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return
      const answer = received.subarray(2, 2 + received.readUInt16BE(0))
      const good = isAnswerTo(answer, message) && accept(answer)
      end(good ? { answer } : { failed: 'its answer did not verify' })
    })
  })
}

function isAnswerTo(answer: Buffer, message: Buffer): boolean {
  return answer.length >= 12 && answer.readUInt16BE(0) === message.readUInt16BE(0) && (answer.readUInt8(2) & 0x80) !== 0
}
