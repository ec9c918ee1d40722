import { X509Certificate } from 'node:crypto'
import { Agent, request } from 'undici'
import { NotAsked } from '../error.ts'
import { engineError, IncusFailure, isStatus } from './errors.ts'
import type { IncusOptions } from './options.ts'

/** The REST API of one Incus: requests with a deadline, answers unwrapped, operations waited for. */
export type IncusClient = {
  get<T>(path: string, options?: CallOptions): Promise<Answer<T>>
  /** A request that Incus answers at once. */
  send(method: Method, path: string, body?: unknown, options?: CallOptions): Promise<void>
  /** A request that starts a background operation; returns when the operation is over, with its metadata. */
  run(method: Method, path: string, body?: unknown, options?: RunOptions): Promise<Operation>
  /** Starts a background operation without waiting for it. */
  begin(method: Method, path: string, body?: unknown, options?: CallOptions): Promise<Operation>
  /** The operation as it is when it ends, or after `slice_s`. */
  wait(id: string, slice_s: number, signal?: AbortSignal): Promise<Operation>
  /** Asks to end an operation; silent where Incus has none of that name or cannot cancel it. */
  cancel(id: string): Promise<void>
  /** The body of an answer that is not JSON. */
  text(path: string, options?: CallOptions): Promise<string>
  close(): Promise<void>
}

export type Method = 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export type Answer<T> = { readonly value: T; readonly etag: string; readonly date: string }

export type CallOptions = {
  readonly project?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  readonly within_s?: number
}

export type RunOptions = CallOptions & {
  /** Limit for the whole operation; when it is over the operation is cancelled and `timed-out` is thrown. */
  readonly operation_s?: number
}

export type Operation = {
  readonly id: string
  readonly status_code: number
  readonly err: string
  readonly metadata: Readonly<Record<string, unknown>> | null
}

const CONNECT_MS = 2_000
/** On a link that died silently nothing tells that an answer will not come; reading is quick, changing may wait. */
const READ_S = 15
const REQUEST_S = 15
/** One long poll of an operation: short enough that a dead link shows, long enough to be rare. */
const WAIT_SLICE_S = 10
const OPERATION_S = 120

const LOST = 'the operation is not known any more: the daemon was started again meanwhile; its outcome is not known'

/** Operation states of Incus (`shared/api/status_code.go`): 200 success, 400 failure, 401 cancelled, 1xx under way. */
const RUNNING_BELOW = 200

export function incusClient(options: IncusOptions): IncusClient {
  let agent = agentOf(options)
  const origin = options.socket === undefined ? (options.url ?? '').replace(/\/$/, '') : 'http://incus'

  async function raw(method: Method | 'GET', path: string, body: unknown, call: CallOptions) {
    if (options.trouble !== undefined) throw new NotAsked(options.site, options.trouble)
    const url = new URL(origin + path)
    if (call.project !== undefined) url.searchParams.set('project', call.project)
    const deadline = AbortSignal.timeout((call.within_s ?? (method === 'GET' ? READ_S : REQUEST_S)) * 1000)
    const plain = typeof body === 'string' || body instanceof Uint8Array
    const used = agent
    try {
      const response = await request(url, {
        method,
        dispatcher: used,
        signal: call.signal === undefined ? deadline : AbortSignal.any([call.signal, deadline]),
        headers: { ...(plain ? {} : { 'content-type': 'application/json' }), ...call.headers },
        body: body === undefined ? null : plain ? body : JSON.stringify(body),
      })
      const text = await response.body.text()
      return { status: response.statusCode, headers: response.headers, text }
    } catch (thrown) {
      // Connections of a site that lost its power stay open here and answer nothing; a new one is refused, or not made, soon.
      if (deadline.aborted && agent === used) {
        agent = agentOf(options)
        used.close().catch(() => {})
      }
      // Named here: a transfer talks to two sites, and the reader must know which one did not answer.
      throw engineError(options.site, '', thrown)
    }
  }

  async function json(method: Method | 'GET', path: string, body: unknown, call: CallOptions) {
    const response = await raw(method, path, body, call)
    const envelope = parse(response.text, response.status)
    if (envelope.type === 'error' || response.status >= 400)
      throw new IncusFailure(envelope.error_code ?? response.status, envelope.error ?? `HTTP ${response.status}`)
    return { envelope, headers: response.headers }
  }

  const client: IncusClient = {
    async get<T>(path: string, call: CallOptions = {}) {
      const { envelope, headers } = await json('GET', path, undefined, call)
      return { value: envelope.metadata as T, etag: String(headers.etag ?? ''), date: String(headers.date ?? '') }
    },
    async send(method, path, body, call = {}) {
      await json(method, path, body, call)
    },
    async begin(method, path, body, call = {}) {
      const { envelope } = await json(method, path, body, call)
      const operation = envelope.metadata as Operation
      if (envelope.type !== 'async') throw new IncusFailure(500, `${method} ${path} did not start an operation`)
      return operation
    },
    async wait(id, slice_s, signal) {
      const call = signal === undefined ? {} : { signal }
      try {
        const wait = { ...call, within_s: slice_s + REQUEST_S }
        return (await client.get<Operation>(`/1.0/operations/${id}/wait?timeout=${slice_s}`, wait)).value
      } catch (thrown) {
        if (isStatus(thrown, 404)) throw new IncusFailure(503, LOST)
        // A wait that is over before the operation is answered with an error, not with the operation.
        if (!(thrown instanceof IncusFailure) || !/deadline exceeded/.test(thrown.message)) throw thrown
        return (await client.get<Operation>(`/1.0/operations/${id}`, call)).value
      }
    },
    async run(method, path, body, call = {}) {
      const limit_s = call.operation_s ?? OPERATION_S
      const ends = Date.now() + limit_s * 1000
      let operation = await client.begin(method, path, body, call)
      try {
        while (operation.status_code < RUNNING_BELOW) {
          const left_s = Math.ceil((ends - Date.now()) / 1000)
          if (left_s <= 0) throw new IncusFailure(408, `${method} ${path} was not done within ${limit_s} s`)
          operation = await client.wait(operation.id, Math.min(left_s, WAIT_SLICE_S), call.signal)
        }
      } catch (thrown) {
        if (call.signal?.aborted || (thrown instanceof IncusFailure && thrown.status === 408))
          await client.cancel(operation.id)
        throw thrown
      }
      return succeeded(operation)
    },
    async cancel(id) {
      await json('DELETE', `/1.0/operations/${id}`, undefined, {}).catch(() => undefined)
    },
    async text(path, call = {}) {
      const response = await raw('GET', path, undefined, call)
      if (response.status >= 400) {
        const envelope = parse(response.text, response.status)
        throw new IncusFailure(response.status, envelope.error ?? response.text)
      }
      return response.text
    },
    close: () => agent.destroy(),
  }
  return client
}

/** The operation if it succeeded; its failure otherwise. */
export function succeeded(operation: Operation): Operation {
  if (operation.status_code === 200) return operation
  if (operation.status_code === 401) throw new IncusFailure(408, 'the operation was cancelled')
  throw new IncusFailure(500, operation.err || `the operation ended with status ${operation.status_code}`)
}

type Envelope = {
  readonly type?: string
  readonly error?: string
  readonly error_code?: number
  readonly metadata?: unknown
}

function parse(text: string, status: number): Envelope {
  try {
    return JSON.parse(text) as Envelope
  } catch {
    throw new IncusFailure(status >= 400 ? status : 502, `what answers is not Incus: ${text.slice(0, 120)}`)
  }
}

function agentOf(options: IncusOptions): Agent {
  // Deadlines are per request (see `raw`): undici's own timers would cut long polls.
  const limits = { headersTimeout: 0, bodyTimeout: 0, keepAliveTimeout: 30_000, connections: 32 }
  if (options.socket !== undefined)
    return new Agent({ ...limits, connect: { socketPath: options.socket, timeout: CONNECT_MS } })
  if (options.trouble !== undefined) return new Agent(limits)
  if (options.url === undefined) throw new Error(`site ${options.site}: neither url nor socket of its Incus is given`)
  if (options.serverCertificate === undefined)
    throw new Error(`site ${options.site}: the certificate of its Incus is needed to pin it`)
  const pin = new X509Certificate(options.serverCertificate).fingerprint256
  return new Agent({
    ...limits,
    connect: {
      ca: options.serverCertificate,
      ...(options.clientCertificate === undefined ? {} : { cert: options.clientCertificate }),
      ...(options.clientKey === undefined ? {} : { key: options.clientKey }),
      timeout: CONNECT_MS,
      // The certificate names no host that we call it by: what counts is that it is the pinned one.
      checkServerIdentity: (_host, certificate) =>
        certificate.fingerprint256 === pin
          ? undefined
          : Object.assign(new Error('the server shows another certificate than the pinned one'), {
              code: 'ERR_TLS_PIN_MISMATCH',
            }),
    },
  })
}
