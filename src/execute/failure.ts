import { EngineError } from '../engine/error.ts'

/** A failed step for journal and report: what happened, where, and whether trying again can help. */
export type Failure = {
  readonly what: string
  readonly code: string
  readonly site: string | undefined
  readonly call: string | undefined
  /** Further lines, such as the end of a console. */
  readonly detail: string | undefined
}

/** Something was observed that is not as it has to be: a machine not ready, a name not updated, a check not good. */
export class Unmet extends Error {
  readonly detail: string | undefined
  constructor(message: string, detail?: string) {
    super(message)
    this.name = 'Unmet'
    this.detail = detail
  }
}

/** Errors of the world become failures; anything else is a bug of this program and goes on as it is. */
export function failureOf(error: unknown): Failure {
  if (error instanceof EngineError) {
    return { what: error.message, code: error.code, site: error.site, call: error.call, detail: undefined }
  }
  if (error instanceof Unmet)
    return { what: error.message, code: 'unmet', site: undefined, call: undefined, detail: error.detail }
  if (error instanceof Error && error.name === 'OutsideError') {
    return { what: error.message, code: 'outside', site: undefined, call: undefined, detail: undefined }
  }
  throw error
}
