import { EngineError, type EngineErrorCode } from '../error.ts'

/** An answer of Incus that is an error: its HTTP status (or the status of a failed operation) and its text. */
export class IncusFailure extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'IncusFailure'
    this.status = status
  }
}

/** Sorts whatever was thrown on the way to or in Incus by its remedy. Bugs of this program pass through unchanged. */
export function engineError(site: string, call: string, thrown: unknown): unknown {
  if (thrown instanceof EngineError) return thrown
  if (thrown instanceof IncusFailure)
    return new EngineError(codeOf(thrown), site, call, told(site, thrown), { cause: thrown })
  const code = transportCode(thrown)
  if (code === undefined) return thrown
  return new EngineError(code, site, call, transportText(site, code, thrown), { cause: thrown })
}

export function isStatus(thrown: unknown, status: number): boolean {
  return thrown instanceof IncusFailure && thrown.status === status
}

/** Texts of Incus 6.0 that say more than the status: most failures of an operation arrive as 400 or 500. */
const texts: readonly (readonly [RegExp, EngineErrorCode])[] = [
  [/no space left|disk quota exceeded|not enough (disk )?space|EDQUOT/i, 'no-space'],
  [
    /already exists|UNIQUE constraint failed|already in use|precondition|ETag|currently in use|only empty projects/i,
    'conflict',
  ],
  [/not found|no such (object|file)|doesn't exist|does not exist/i, 'not-found'],
  [/is busy|busy running|daemon is shutting down|shutting down|daemon not ready|database is locked/i, 'busy'],
  [/not authorized|forbidden|not trusted/i, 'unauthorized'],
  [/websocket: (close|bad handshake)|connection reset|broken pipe|unexpected EOF|i\/o timeout/i, 'unreachable'],
  [/no route to host|connection refused|network is unreachable/i, 'unreachable'],
]

/** What a full pool does is told by whatever program met it first. */
function told(site: string, failure: IncusFailure): string {
  if (failure.status === 401 || failure.status === 403)
    return `Incus of ${site} does not trust this client's certificate for that (${failure.message})`
  return codeOf(failure) === 'no-space' ? `the pool of ${site} is full: ${failure.message}` : failure.message
}

function codeOf(failure: IncusFailure): EngineErrorCode {
  switch (failure.status) {
    case 401:
    case 403:
      return 'unauthorized'
    case 404:
      return 'not-found'
    case 409:
    case 412:
    case 423:
      return 'conflict'
    case 429:
    case 503:
      return 'busy'
    case 408:
    case 504:
      return 'timed-out'
    case 507:
      return 'no-space'
  }
  return texts.find(([text]) => text.test(failure.message))?.[1] ?? 'rejected'
}

const unreachable = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
  'EPIPE',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_SOCKET',
  'ETIMEDOUT',
])

function transportCode(thrown: unknown): EngineErrorCode | undefined {
  if (!(thrown instanceof Error)) return undefined
  if (thrown.name === 'TimeoutError' || thrown.name === 'AbortError') return 'timed-out'
  const code = (thrown as { code?: unknown }).code
  if (typeof code === 'string') {
    if (unreachable.has(code)) return 'unreachable'
    if (code === 'EACCES' || code === 'EPERM' || /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_|SELF_SIGNED|UNABLE_TO)/.test(code))
      return 'unauthorized'
    if (/^UND_ERR_(HEADERS|BODY)_TIMEOUT$/.test(code)) return 'timed-out'
  }
  return thrown.cause === undefined ? undefined : transportCode(thrown.cause)
}

/** What the system, or OpenSSL, found: each has another remedy. */
function closedText(site: string, code: string | undefined, detail: string): string {
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return `the certificate of Incus of ${site} has expired, by the clock of this machine (${detail})`
    case 'CERT_NOT_YET_VALID':
      return `the certificate of Incus of ${site} is not valid yet, by the clock of this machine (${detail})`
    case 'ERR_TLS_PIN_MISMATCH':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return `what answers as Incus of ${site} shows another certificate than incus.server-certificate of the site file: it was made anew, or this is not ${site}`
    case 'EACCES':
    case 'EPERM':
      return `this user may not open the socket of Incus of ${site} (${detail})`
    default:
      return `Incus of ${site} and this client do not accept each other: ${detail}`
  }
}

function codeIn(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error)) return undefined
  const { code } = thrown as { readonly code?: unknown }
  return typeof code === 'string' ? code : codeIn(thrown.cause)
}

function transportText(site: string, code: EngineErrorCode, thrown: unknown): string {
  const detail = thrown instanceof Error ? thrown.message : String(thrown)
  if (code === 'unauthorized') return closedText(site, codeIn(thrown), detail)
  if (thrown instanceof Error && thrown.name === 'AbortError') return `the call to Incus of ${site} was cancelled`
  if (code === 'timed-out') return `Incus of ${site} did not answer in time: ${detail}`
  return `Incus of ${site} cannot be reached (which does not mean that it is down): ${detail}`
}
