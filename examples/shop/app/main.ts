import { createServer } from 'node:http'
import { openBilling } from './billing.ts'
import { openDatabase } from './database.ts'
import { openDirectory } from './directory.ts'
import { handle } from './requests.ts'
import { settings } from './settings.ts'

/** The shop's order service. */
const shop = {
  database: openDatabase(settings.database),
  directory: openDirectory(settings.directory),
  billing: openBilling(settings.billing),
}

const server = createServer((request, response) => {
  handle(shop, request).then(
    ({ status, body, headers }) => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers })
      response.end(`${JSON.stringify(body)}\n`)
    },
    (error: unknown) => {
      console.error('request failed', request.method, request.url, error)
      response.writeHead(500, { 'content-type': 'application/json' })
      response.end('{"error":"internal error, see the log of the service"}\n')
    },
  )
})
server.requestTimeout = settings.request_ms
server.listen(settings.port, () => console.log(`listening on ${settings.port}`))

/** Orders whose charge is pending are charged as soon as billing can be reached. */
setInterval(() => {
  shop.billing.settle(shop.database).catch((error: unknown) => console.error('settling charges:', String(error)))
}, settings.settle_every_ms)

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    server.close(() => process.exit(0))
    setTimeout(() => process.exit(0), settings.stop_ms).unref()
  })
}
