import { createServer } from 'node:http'

/**
 * A machine of a world: `node machine.ts NAME PORT...` answers on each port who it is and what it was asked. PUT /sick and
 * PUT /well decide what /healthz answers from then on.
 */
const [name, ...ports] = process.argv.slice(2)
let well = true

for (const port of ports) {
  createServer((request, response) => {
    if (request.method === 'PUT') well = request.url === '/well'
    const status = request.url === '/healthz' && !well ? 503 : 200
    const { url, headers, socket } = request
    response.writeHead(status, { Server: 'machine', 'Content-Type': 'application/json' })
    response.end(JSON.stringify({ name, port: Number(port), url, headers, from: socket.remoteAddress }))
  }).listen(Number(port), '::')
}
