import { randomBytes } from 'node:crypto'
import cookie from '@fastify/cookie'
import helmet from '@fastify/helmet'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, LogController } from 'fastify'
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import type { Logger } from 'pino'
import type { Me } from '../api/access.ts'
import { codes, type ErrorBody, ErrorBody as ErrorSchema } from '../api/errors.ts'
import { type Route, type RouteName, routes } from '../api/routes.ts'
import { reaches } from '../api/words.ts'
import { ApiProblem } from './problem.ts'
import type { Call, Handlers } from './route.ts'

/** Who a request is from, and whether it may change anything; throws where it lies about that. */
export type Identify = (
  request: FastifyRequest,
  changes: boolean,
) => { readonly me: Me; readonly who: string } | undefined

export type AppOptions = {
  readonly handlers: Partial<Handlers>
  readonly identify: Identify
  readonly logger: Logger
  readonly tls: { readonly cert: string; readonly key: string } | undefined
}

/** The HTTP side: every route of the table with its schemas, errors in one shape, headers that forbid the rest. */
export async function openApp(options: AppOptions): Promise<FastifyInstance> {
  const app = fastify({
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: 1_000_000,
    routerOptions: { maxParamLength: 2000 },
    frameworkErrors: (error, request, reply) => {
      answerError(error, request, reply as unknown as FastifyReply)
    },
    requestTimeout: 30_000,
    genReqId: () => randomBytes(6).toString('hex'),
    ...(options.tls === undefined ? {} : { https: { ...options.tls, minVersion: 'TLSv1.2' as const } }),
  }) as unknown as FastifyInstance
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  await app.register(cookie)
  await app.register(helmet, headers(options.tls !== undefined))
  // JSON and nothing else: a form of another page cannot send it.
  app.removeContentTypeParser('text/plain')
  app.addHook('onResponse', async (request, reply) => {
    // The pattern, not the address: no parameters, no secrets.
    const { method, routeOptions, ip, id } = request
    const took_ms = Math.round(reply.elapsedTime)
    request.log.info({ id, method, route: routeOptions.url, status: reply.statusCode, took_ms, ip }, 'request')
  })
  app.addHook('onSend', async (request, reply) => {
    // What a browser keeps of an answer outlives the session it was for.
    if (request.url.startsWith('/api/')) reply.header('cache-control', 'no-store')
  })
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply))
  app.setNotFoundHandler((request, reply) =>
    send(reply, { error: 'not-found', what: `there is no ${request.method} ${request.url.split('?')[0]}` }),
  )
  for (const name of Object.keys(routes) as RouteName[]) {
    const handler = options.handlers[name] as ((call: Call<Route>) => unknown) | undefined
    if (handler !== undefined) addRoute(app, routes[name], handler, options.identify)
  }
  return app
}

function addRoute(
  app: FastifyInstance,
  route: Route,
  handler: (call: Call<Route>) => unknown,
  identify: Identify,
): void {
  const good = route.status ?? 200
  const callers = new WeakMap<FastifyRequest, ReturnType<Identify>>()
  app.route({
    method: route.method,
    url: route.path,
    schema: {
      ...(route.params === undefined ? {} : { params: route.params }),
      ...(route.query === undefined ? {} : { querystring: route.query }),
      ...(route.headers === undefined ? {} : { headers: route.headers }),
      ...(route.body === undefined ? {} : { body: route.body }),
      ...(route.answer === undefined ? {} : { response: { [good]: route.answer } }),
    },
    // Before anything is parsed: who may not call learns nothing about what a call looks like.
    onRequest: async (request) => {
      const caller = identify(request, route.method !== 'GET')
      callers.set(request, caller)
      if (route.role === 'anyone') return
      if (caller === undefined) throw new ApiProblem('not-signed-in', 'sign in first')
      if (!reaches(caller.me.role, route.role))
        throw new ApiProblem('forbidden', `this needs the role ${route.role}; ${caller.me.user} is ${caller.me.role}`)
    },
    handler: async (request, reply) => {
      const caller = callers.get(request)
      const { params, query, headers, body } = request as unknown as Pick<
        Call<Route>,
        'params' | 'query' | 'headers' | 'body'
      >
      const call = { params, query, headers, body, me: caller?.me, who: caller?.who ?? 'nobody', request, reply }
      const answered = handler(call as Call<Route>)
      // A reply is a promise of its end: a stream is not waited for.
      if (answered === reply) return reply
      const answer = await answered
      if (answer === reply || reply.raw.headersSent) return reply
      if (good === 204) return reply.code(204).send()
      return reply.code(good).send(answer)
    },
  })
}

function answerError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const error = thrown as Error & {
    readonly statusCode?: number
    readonly validation?: readonly { readonly instancePath?: string; readonly message?: string }[]
  }
  if (error instanceof ApiProblem) return send(reply, error.body)
  if (error.validation !== undefined) {
    const fields = error.validation.map((issue) => ({
      path: (issue.instancePath ?? '').replace(/^\//, '').replaceAll('/', '.'),
      what: issue.message ?? 'is not valid',
    }))
    return send(reply, { error: 'bad-request', what: 'the request is not as the API takes it', fields })
  }
  switch (error.statusCode) {
    case 413:
      return send(reply, { error: 'too-large', what: 'the request is larger than 1 MB' })
    case 415:
      return send(reply, { error: 'bad-type', what: 'the body has to be application/json' })
    case 429:
      return send(reply, { error: 'too-many', what: 'too many requests', hint: 'try again in a minute' })
    case 414:
      return send(reply, { error: 'bad-request', what: 'the address is too long' })
    case 400:
      return send(reply, { error: 'bad-request', what: error.message })
  }
  // A bug, and never an answer with its insides: the log has it, under the id that is told.
  request.log.error({ err: thrown, url: request.routeOptions.url }, 'bug')
  return send(reply, {
    error: 'bug',
    what: `something is wrong in Lifeboat; the log of the controller has it as ${request.id}`,
  })
}

function send(reply: FastifyReply, body: ErrorBody): FastifyReply {
  return reply
    .code(codes[body.error])
    .type('application/json; charset=utf-8')
    .serializer(JSON.stringify)
    .send(ErrorSchema.parse(body))
}

/** Nothing from elsewhere, nothing inline, no frame around it. */
function headers(tls: boolean) {
  return {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        fontSrc: ["'self'"],
        connectSrc: ["'self'"],
        workerSrc: ["'self'"],
        manifestSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    hsts: tls ? { maxAge: 31_536_000 } : false,
    referrerPolicy: { policy: 'no-referrer' as const },
    frameguard: { action: 'deny' as const },
  } as const
}
