import { chmodSync, rmSync } from 'node:fs'
import { connect, createServer, type NetConnectOpts } from 'node:net'

/**
 * relay.ts FROM TO, each `tcp:PORT` (loopback) or `unix:PATH`. Two of them lead from the machine into a network
 * namespace of the lab: a socket in the file system is reached from both.
 */
const [from = '', to = ''] = process.argv.slice(2)
const server = createServer((near) => {
  const far = connect(placeOf(to))
  near.on('error', () => far.destroy()).on('close', () => far.destroy())
  far.on('error', () => near.destroy()).on('close', () => near.destroy())
  near.pipe(far).pipe(near)
})
const place = placeOf(from)
if ('path' in place) rmSync(place.path, { force: true })
server.on('error', (error) => {
  console.error(error.message)
  process.exit(1)
})
server.listen(place, () => {
  if ('path' in place) chmodSync(place.path, 0o600)
  console.log('ready')
})

function placeOf(text: string): NetConnectOpts & ({ path: string } | { port: number; host: string }) {
  const rest = text.slice(text.indexOf(':') + 1)
  return text.startsWith('unix:') ? { path: rest } : { port: Number(rest), host: '127.0.0.1' }
}
