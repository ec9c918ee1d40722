import { EngineError } from '../engine/error.ts'
import { StackProblems } from '../lifeboat.ts'
import { certificateHint } from '../operations/situation.ts'
import { OutsideError } from '../outside/error.ts'
import { StoreError } from '../store/error.ts'
import { JournalLost } from '../store/operation.ts'
import { asksForJson, fail, printJson, tell } from './common.ts'
import { exit } from './exit-codes.ts'
import { SitesProblems } from './sites.ts'

export { exit }

/** Prints what a person can act on, as JSON too where that was asked for, and answers with the exit code. A bug shows its stack. */
export function reportError(error: unknown): number {
  if (error instanceof StackProblems) {
    console.error(error.message)
    if (asksForJson()) printJson({ problems: error.problems })
    return exit.problems
  }
  if (error instanceof SitesProblems) {
    console.error(error.message)
    if (asksForJson()) tell(exit.problems, error.message)
    return exit.problems
  }
  const known = wordsOf(error)
  if (known !== undefined) {
    fail(...known)
    return known[0]
  }
  console.error(error)
  console.error('lifeboat: this is a bug of Lifeboat. What it says above belongs into a report of it.')
  console.error('      `lifeboat history` shows whether an operation has not ended; `lifeboat resume` goes on with it')
  if (asksForJson()) printJson({ failed: { what: error instanceof Error ? error.message : String(error) } })
  return exit.failed
}

/** Exit code, what happened, and what to do; undefined for what nobody foresaw. */
function wordsOf(error: unknown): readonly [exit: number, what: string, hint: string | undefined] | undefined {
  if (!(error instanceof Error)) return undefined
  if (error instanceof JournalLost) return [error.begun ? exit.person : exit.problems, error.message, error.hint]
  if (error instanceof StoreError) return [exit.problems, error.message, error.hint]
  if (error.name === 'StackLocked') return [exit.person, error.message, undefined]
  if (error instanceof OutsideError) return [exit.problems, error.message, undefined]
  if (error instanceof EngineError)
    return [exit.problems, error.message, error.code === 'unauthorized' ? certificateHint : undefined]
  if (!('code' in error) || typeof error.code !== 'string') return undefined
  const path = 'path' in error ? String(error.path) : undefined
  const of_system = path === undefined ? undefined : SYSTEM[error.code]?.(path)
  return [exit.problems, of_system ?? error.message, undefined]
}

/** What the system says of a file that somebody named. */
const SYSTEM: Readonly<Record<string, (path: string) => string>> = {
  ENOENT: (path) => `there is no file ${path}`,
  ENOTDIR: (path) => `there is no file ${path}: a part of that path is a file itself`,
  EISDIR: (path) => `${path} is a directory, and a file is needed`,
  EACCES: (path) => `${path} is not open to this user (permission denied)`,
  EPERM: (path) => `${path} is not open to this user (operation not permitted)`,
  EROFS: (path) => `${path} cannot be written: its disk is read-only`,
  ENOSPC: (path) => `${path} cannot be written: no space is left on that disk`,
  ELOOP: (path) => `${path} is a link that leads to itself`,
}
