import { Buffer } from 'node:buffer'
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { StoreError } from './error.ts'
import { syncDirectory } from './files.ts'

/** Appends one event as a line of JSON; on the disk when it returns. One writer at a time: see `lock.ts`. */
export function appendEvent(path: string, event: unknown): void {
  const line = Buffer.from(`${JSON.stringify(event)}\n`)
  const isNew = !existsSync(path)
  const file = openSync(path, 'a+', 0o600)
  try {
    // A writer that was killed in the middle leaves half a line. Nobody was told that it is durable, so it goes.
    const whole_bytes = endOfWholeLines(file)
    if (whole_bytes < fstatSync(file).size) ftruncateSync(file, whole_bytes)
    for (let written = 0; written < line.length; ) written += writeSync(file, line, written)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  if (isNew) syncDirectory(dirname(path))
}

export function readEvents(path: string): unknown[] {
  if (!existsSync(path)) return []
  const text = readFileSync(path, 'utf8')
  const lines = text.split('\n')
  // What follows the last line end is either nothing or torn.
  lines.pop()
  return lines.map((line, index) => {
    try {
      return JSON.parse(line) as unknown
    } catch (cause) {
      throw new StoreError(
        `${path}:${index + 1}: not an event of a journal: something else than Lifeboat wrote to it, or the disk lost data`,
        'lifeboat status shows what the sites have; the same verb again goes on from that',
        { cause },
      )
    }
  })
}

function endOfWholeLines(file: number): number {
  const size = fstatSync(file).size
  const chunk = Buffer.alloc(4_096)
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - chunk.length)
    const read = readSync(file, chunk, 0, end - start, start)
    const at = chunk.subarray(0, read).lastIndexOf(0x0a)
    if (at >= 0) return start + at + 1
    end = start
  }
  return 0
}
