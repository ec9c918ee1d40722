import { closeSync, fsyncSync, openSync, readSync } from 'node:fs'

/** A name is durable only when its directory is. */
export function syncDirectory(path: string): void {
  const directory = openSync(path, 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}

/**
 * Text that a person wrote, such as a stack file. Of what is larger than any of those only so much is read that its parser
 * sees it: whatever is named by mistake, a disk or a pipe that never ends, costs no memory.
 */
export function readText(path: string): string {
  const file = openSync(path, 'r')
  try {
    const buffer = Buffer.alloc(MOST_BYTES)
    let size = 0
    for (let read = -1; read !== 0 && size < MOST_BYTES; size += read)
      read = readSync(file, buffer, size, MOST_BYTES - size, null)
    return buffer.toString('utf8', 0, size)
  } catch (error) {
    throw Object.assign(error as Error, { path })
  } finally {
    closeSync(file)
  }
}

/** The largest file that any parser takes is 1 MiB. */
const MOST_BYTES = 1024 * 1024 + 1
