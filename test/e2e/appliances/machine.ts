import { createSocket } from 'node:dgram'
import { createServer } from 'node:http'

/**
 * A machine of a world: `node machine.ts NAME PORT...` answers on each port who it is and what it was asked; a port such as
 * `udp/9005` answers each datagram with its name. PUT /sick and PUT /well decide what /healthz answers from then on. Who asks
 * for /held is answered when PUT /go has come.
 */
const [name, ...ports] = process.argv.slice(2)
let well = true
let held: (() => void)[] = []

for (const port of ports.filter((each) => !each.startsWith('udp/'))) {
  createServer((request, response) => {
    const { url, headers, socket, method } = request
    if (method === 'PUT' && url !== '/go') well = url === '/well'
    const answer = () => {
      response.writeHead(url === '/healthz' && !well ? 503 : 200, {
        Server: 'machine',
        'Content-Type': 'application/json',
      })
      response.end(JSON.stringify({ name, port: Number(port), url, headers, from: socket.remoteAddress }))
    }
    if (url === '/held') held.push(answer)
    else answer()
    if (url !== '/go') return
    for (const each of held) each()
    held = []
  }).listen(Number(port), '::')
}

for (const port of ports.filter((each) => each.startsWith('udp/'))) {
  const socket = createSocket('udp4')
  socket.on('message', (_, from) => socket.send(`${name}`, from.port, from.address))
  socket.bind(Number(port.slice('udp/'.length)))
}
