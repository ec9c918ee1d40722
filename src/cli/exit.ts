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
    const path = 'path' in error ? String(error.path) : 'a file that was named'
    const text =
      error.code === 'ENOENT' && 'path' in error
        ? `there is no file ${path}`
        : error.code === 'EISDIR'
          ? `${path} is a directory, and a file is needed`
          : error.message
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
