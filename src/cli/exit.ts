import { StackProblems } from '../lifeboat.ts'
import { exit } from './exit-codes.ts'
import { SitesProblems } from './sites.ts'

export { exit }

/** Prints what a person can act on, and answers with the exit code. A bug shows its stack. */
export function reportError(error: unknown): number {
  if (error instanceof StackProblems || error instanceof SitesProblems) {
    console.error(error.message)
    return exit.problems
  }
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    const text = error.code === 'ENOENT' && 'path' in error ? `there is no file ${String(error.path)}` : error.message
    console.error(`lifeboat: ${text}`)
    return exit.problems
  }
  if (error instanceof Error && error.name === 'StackLocked') {
    console.error(`lifeboat: ${error.message}`)
    return exit.person
  }
  console.error(error)
  return exit.failed
}
