/** The user as which the check logs in; the guest lets it in from the load balancer without a password. */
const USER = 'lifeboat_check'
const DATABASE = 'postgres'

/**
 * PostgreSQL starts a process for every session, so a check is dear, and a replica that waits for its turn is asked for ever.
 * A server that begins to fail is asked again at once, as with other checks.
 */
const PACE = '  default-server inter 3s fastinter 500ms downinter 1s'

/**
 * A check by HAProxy that only a primary passes: log in, ask `pg_is_in_recovery()`, want `f`.
 *
 * Messages of the PostgreSQL frontend/backend protocol 3.0, in hex (PostgreSQL manual, "Message Formats"). A password
 * request, an error or a server that is still starting never answers ReadyForQuery, so the check fails there.
 */
export function isPostgresPrimary(): readonly string[] {
  return [
    PACE,
    '  option tcp-check',
    '  tcp-check connect',
    `  tcp-check send-binary ${startup()} comment "log in as ${USER}"`,
    `  tcp-check expect binary ${READY_IDLE} comment "ready for a query"`,
    `  tcp-check send-binary ${question()} comment "in recovery? and good bye"`,
    `  tcp-check expect binary ${ROW_FALSE} comment "no: the primary"`,
  ]
}

/** A check that any server passes which takes connections, primary or not. */
export function letsIn(): readonly string[] {
  return [
    PACE,
    '  option tcp-check',
    '  tcp-check connect',
    `  tcp-check send-binary ${startup()} comment "log in as ${USER}"`,
    `  tcp-check expect binary ${READY_IDLE} comment "ready for a query"`,
    `  tcp-check send-binary ${message('X', '')} comment "good bye"`,
  ]
}

/** With the question goes the good bye: a standby then closes after its `t`, and the check fails without waiting. */
function question(): string {
  return `${message('Q', `${hex('select pg_is_in_recovery()')}00`)}${message('X', '')}`
}

/** ReadyForQuery, 5 bytes, `I`: not in a transaction. */
const READY_IDLE = message('Z', hex('I'))

/** DataRow with one column of one byte, `f`. */
const ROW_FALSE = message('D', `${int16(1)}${int32(1)}${hex('f')}`)

/** StartupMessage has no type byte. 196608 is protocol 3.0. */
function startup(): string {
  const parameters = ['user', USER, 'database', DATABASE].map((text) => `${hex(text)}00`).join('')
  return withLength(`${int32(196608)}${parameters}00`)
}

function message(type: string, body: string): string {
  return `${hex(type)}${withLength(body)}`
}

/** The length counts itself. */
function withLength(body: string): string {
  return `${int32(4 + body.length / 2)}${body}`
}

function hex(text: string): string {
  return [...text].map((letter) => letter.charCodeAt(0).toString(16).padStart(2, '0')).join('')
}

function int16(value: number): string {
  return value.toString(16).padStart(4, '0')
}

function int32(value: number): string {
  return value.toString(16).padStart(8, '0')
}
