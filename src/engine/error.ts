/** What to do about a failure of an engine; the reader acts on this, not on the text. */
export type Remedy =
  /** The same call may work later: `unreachable` says nothing about whether the site is down. */
  | { readonly again: 'later'; readonly code: 'unreachable' | 'timed-out' | 'busy' }
  /** The world is not as it was when the plan was made. */
  | { readonly again: 'replan'; readonly code: 'conflict' }
  | { readonly again: 'never'; readonly code: 'unauthorized' | 'not-found' | 'rejected' | 'unsupported' | 'no-space' }

export type EngineErrorCode = Remedy['code']

/** A failure outside this program, at one site. `message` says what happened; `site` and `call` where. */
export class EngineError extends Error {
  readonly code: EngineErrorCode
  readonly site: string
  /** The contract's call and its object: `clone lb-shop-keep/db1-p-2026 -> lb-shop/db1`. */
  readonly call: string

  constructor(code: EngineErrorCode, site: string, call: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'EngineError'
    this.code = code
    this.site = site
    this.call = call
  }
}

/** Nobody could ask the site: what this machine has to show, or to know it by, is not in order. That says nothing of the site. */
export class NotAsked extends EngineError {
  constructor(site: string, why: string) {
    super('unauthorized', site, '', `nobody could ask Incus of ${site}: ${why}`)
    this.name = 'NotAsked'
  }
}

export function remedyOf(code: EngineErrorCode): Remedy {
  switch (code) {
    case 'unreachable':
    case 'timed-out':
    case 'busy':
      return { again: 'later', code }
    case 'conflict':
      return { again: 'replan', code }
    case 'unauthorized':
    case 'not-found':
    case 'rejected':
    case 'unsupported':
    case 'no-space':
      return { again: 'never', code }
  }
}
