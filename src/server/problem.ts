import type { ErrorBody, ErrorCode } from '../api/errors.ts'
import type { Finding } from '../plan/plan.ts'

/** An answer that is no: thrown by handlers, and written as `ErrorBody` with the status of its code. */
export class ApiProblem extends Error {
  readonly code: ErrorCode
  readonly body: ErrorBody
  constructor(code: ErrorCode, what: string, more: Omit<ErrorBody, 'error' | 'what'> = {}) {
    super(what)
    this.name = 'ApiProblem'
    this.code = code
    this.body = { error: code, what, ...more }
  }
}

export function notFound(what: string): ApiProblem {
  return new ApiProblem('not-found', what)
}

/** Planning said no: every reason with its hint. */
export function refused(findings: readonly Finding[]): ApiProblem {
  return new ApiProblem('refused', findings[0]?.what ?? 'planning refused', {
    findings: findings.map(({ level, what, hint, needs }) => ({ level, what, hint, needs })),
  })
}
