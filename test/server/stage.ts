import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import type { Me } from '../../src/api/access.ts'
import type { Role } from '../../src/api/words.ts'
import type { VirtualClock } from '../../src/lib/clock.ts'
import { defaults } from '../../src/server/config.ts'
import { type ServeOptions, type Serving, serve } from '../../src/server/serve.ts'
import type { Rig } from '../every-step/rig.ts'
import { bubbly } from '../every-step/scenes.ts'
import { deploy, replicate } from './requests.ts'

/** A controller over two fake sites with a replicated stack `shop`, and people who call it. */
export type Stage = {
  readonly on: Rig
  readonly serving: Serving
  /** What the controller has logged so far. */
  log(): string
  caller(): Caller
  /** Signed in as a user of this role, who is made for it. */
  as(role: Role): Promise<Caller>
  close(): Promise<void>
}

export type Answer = { readonly status: number; readonly headers: Headers; readonly body: Body }
// What an answer holds is for the test to say.
type Body = { readonly [name: string]: unknown } & { readonly error?: string; readonly operation?: string }

export const password = 'a long password'

export async function stage(options: Partial<ServeOptions> & { readonly on?: Rig } = {}): Promise<Stage> {
  const on = options.on ?? (await bubbly(deploy, replicate))
  const clock = on.world.clock as VirtualClock
  const release = clock.hold()
  const over = new AbortController()
  // The sites live twenty times as quick as the test.
  const beat = (async () => {
    while (!over.signal.aborted) {
      await sleep(20)
      await clock.advance(400)
    }
  })()
  const lines: string[] = []
  const serving = await serve({
    lifeboat: on.controller(),
    site: 'west',
    config: defaults,
    listen: { host: '127.0.0.1', port: 0 },
    database: ':memory:',
    stacks_dir: undefined,
    tls: undefined,
    version: 'test',
    peers: [],
    certificates: [],
    readSecret: () => 'a secret',
    logger: pino({ level: 'info' }, { write: (line) => void lines.push(line) }),
    ...options,
  })
  const caller = () => new Caller(serving.address)
  let first: Caller | undefined
  const admin = async () => {
    first ??= caller()
    if (first.me !== undefined) return first
    const link = serving.link?.split('#')[1]
    await first.enter('/setup', { link, user: 'root', password })
    return first
  }
  return {
    on,
    serving,
    log: () => lines.join(''),
    caller,
    async as(role) {
      const root = await admin()
      if (role === 'admin') return root
      await root.post('/users', { user: `a-${role}`, role, password })
      const found = caller()
      await found.enter('/session', { user: `a-${role}`, password })
      return found
    },
    async close() {
      await serving.close(2000)
      over.abort()
      await beat
      release()
    },
  }
}

/** A browser as far as the API is concerned: cookies and the CSRF token. */
export class Caller {
  readonly address: string
  cookie: string | undefined
  me: Me | undefined
  constructor(address: string) {
    this.address = address
  }

  async enter(path: string, body: unknown): Promise<Answer> {
    const answer = await this.post(path, body)
    if (answer.status === 200) this.me = answer.body as unknown as Me
    return answer
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send('GET', path, undefined, headers)
  }

  post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send('POST', path, body, headers)
  }

  async send(method: string, path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const answer = await fetch(/^\/(api|metrics)/.test(path) ? this.address + path : `${this.address}/api/v1${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(this.cookie === undefined ? {} : { cookie: this.cookie }),
        ...(this.me?.csrf === undefined ? {} : { 'x-csrf-token': this.me.csrf }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const set = answer.headers.getSetCookie()[0]
    if (set !== undefined) this.cookie = set.split(';')[0]
    const text = await answer.text()
    const json =
      answer.headers.get('content-type')?.includes('json') === true &&
      !answer.headers.get('content-type')?.includes('nd')
    return { status: answer.status, headers: answer.headers, body: (json ? JSON.parse(text) : { text }) as Body }
  }
}
