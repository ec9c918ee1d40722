/** Journals cannot be read or written. What that means for an operation is told by whoever runs it. */
export class StoreError extends Error {
  readonly hint: string

  constructor(message: string, hint: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StoreError'
    this.hint = hint
  }
}

/** Runs what works on the disk; what the system says of it becomes a `StoreError` that names the place. */
export function onDisk<T>(dir: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw storeError(dir, error)
  }
}

/** What is no failure of the disk goes on as it is. */
export function storeError(dir: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) return error
  const [what, hint] = words[code] ?? [(error as Error).message, elsewhere]
  return new StoreError(`journals cannot be kept in ${dir}: ${what} (${code})`, hint, { cause: error })
}

const elsewhere = '--state DIR, or $LIFEBOAT_STATE, names another place'
const full = ['no space is left on that disk', `make room there; or ${elsewhere}`] as const
const words: Readonly<Record<string, readonly [string, string]>> = {
  ENOSPC: full,
  EDQUOT: full,
  EACCES: ['this user may not write there', elsewhere],
  EPERM: ['this user may not write there', elsewhere],
  EROFS: ['that disk is read-only', elsewhere],
  ENOTDIR: ['a part of that path is a file', elsewhere],
  EEXIST: ['a part of that path is a file', elsewhere],
}
