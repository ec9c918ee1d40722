import { createSocket } from 'node:dgram'
import { connect, createServer } from 'node:net'

/**
 * Somebody in a network namespace of the lab, started with nsenter(1):
 *
 *   peer.ts scan ADDRESS       every TCP port from 1 to 65535; prints those that are open, as JSON
 *   peer.ts ask ADDRESS PORT.. a DNS question by UDP to each port; prints the ports that answered anything, as JSON
 *   peer.ts listen PORT        accepts connections until its input ends; prints a line when it listens
 */
const [mode, address = '', ...ports] = process.argv.slice(2)
switch (mode) {
  case 'scan':
    console.log(JSON.stringify(await scan(address)))
    break
  case 'ask':
    console.log(JSON.stringify(await ask(address, ports.map(Number))))
    break
  case 'listen':
    createServer((socket) => socket.on('error', () => {}).end('reached\n')).listen(Number(address), () =>
      console.log('listening'),
    )
    process.stdin.resume().on('end', () => process.exit(0))
    break
}

/** The kernel of an open port on this one machine answers at once, also under load: what is silent for a second is not open. */
async function scan(host: string): Promise<readonly number[]> {
  const open: number[] = []
  let next = 1
  const worker = async () => {
    while (next <= 65_535) {
      const port = next++
      if (await accepts(host, port)) open.push(port)
    }
  }
  await Promise.all(Array.from({ length: 6000 }, worker))
  return open.sort((a, b) => a - b)
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const end = (open: boolean) => {
      clearTimeout(limit)
      socket.destroy()
      resolve(open)
    }
    // Thousands at once make this process itself late: what has come meanwhile is read before the second is over.
    const limit = setTimeout(() => setImmediate(() => setImmediate(() => end(false))), 1000)
    socket.once('connect', () => end(true)).once('error', () => end(false))
  })
}

/** `example.com. A?`, RFC 1035 section 4. */
async function ask(host: string, to: readonly number[]): Promise<readonly number[]> {
  const socket = createSocket('udp4')
  const answered = new Set<number>()
  socket.on('message', (_, from) => answered.add(from.port))
  const question = Buffer.from(`beef01000001000000000000${'07'}${hex('example')}${'03'}${hex('com')}0000010001`, 'hex')
  for (let round = 0; round < 3; round++) {
    for (const port of to) socket.send(question, port, host)
    await new Promise((resolve) => setTimeout(resolve, 400))
  }
  socket.close()
  return [...answered].sort((a, b) => a - b)
}

function hex(text: string): string {
  return Buffer.from(text).toString('hex')
}
