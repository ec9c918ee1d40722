import { existsSync } from 'node:fs'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import type { ErrorBody } from '../api/errors.ts'

/** The built page. Every address that is no file and not of the API is a page of it, so that it can be shared. */
export async function servePage(app: FastifyInstance, dir: string): Promise<boolean> {
  if (!existsSync(join(dir, 'index.html'))) return false
  await app.register(fastifyStatic, {
    root: dir,
    wildcard: false,
    index: false,
    cacheControl: false,
    preCompressed: true,
    setHeaders: (reply, path) => {
      // Their names change with what is in them.
      if (path.includes('/assets/')) void reply.header('cache-control', 'public, max-age=31536000, immutable')
    },
  })
  app.get('/*', (request, reply) => {
    const path = request.url.split('?')[0] ?? '/'
    if (/^\/(api|metrics|assets)(\/|$)/.test(path)) {
      const body: ErrorBody = { error: 'not-found', what: `there is no ${path}` }
      return reply.code(404).send(body)
    }
    return reply.header('cache-control', 'no-cache').sendFile('index.html')
  })
  return true
}
