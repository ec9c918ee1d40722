import { randomUUID } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { StoreError } from './error.ts'
import { bootId, startOf } from './process.ts'

export type Lock = { release(): void }

export type Holder = {
  readonly pid: number
  /** Start of the process in clock ticks since boot: a pid alone comes back. */
  readonly start: string
  readonly boot: string
  readonly host: string
  readonly user: string
  readonly what: string
  readonly since: string
  readonly nonce: string
}

/** Another process works on the stack. */
export class StackLocked extends Error {
  readonly holder: Holder
  constructor(stack: string, holder: Holder, path: string) {
    super(
      `${stack}: ${holder.what} is running since ${holder.since} (process ${holder.pid} of ${holder.user} on ${holder.host}, lock ${path}); wait for it, or end that process and resume`,
    )
    this.name = 'StackLocked'
    this.holder = holder
  }
}

/** Times that somebody else's taking over is waited for, 20 ms each. */
const TRIES = 100

/**
 * One writer per stack on this machine. A lock of a process that is gone (pid, start time and boot are compared) is
 * taken over. It keeps two people from surprising each other; what keeps two sites from being active is the claim.
 */
export async function lockStack(dir: string, stack: string, what: string): Promise<Lock> {
  if (!/^[a-z0-9-]+$/.test(stack)) throw new Error(`${JSON.stringify(stack)} is no name of a stack`)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const path = join(dir, `${stack}.lock`)
  const mine = myself(what)
  for (let attempt = 0; attempt < TRIES; attempt++) {
    if (placeWhole(path, mine)) return { release: () => releaseOwn(path, mine) }
    const holder = read(path)
    if (holder === undefined) continue
    if (isAlive(holder)) throw new StackLocked(stack, holder, path)
    if (!retire(path, holder, mine)) await sleep(20)
  }
  throw new StoreError(
    `${path} was left by a process that is gone and cannot be taken over`,
    `remove it and ${path}.retiring`,
  )
}

/** Makes the file with its content in one instant: link(2) fails where the name is taken. */
function placeWhole(path: string, holder: Holder): boolean {
  const temporary = `${path}.${holder.nonce}`
  try {
    writeFileSync(temporary, `${JSON.stringify(holder)}\n`, { mode: 0o600, flag: 'wx' })
    linkSync(temporary, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(temporary, { force: true })
  }
}

/**
 * Removes the lock of a dead process. Only who holds the second file may do it, and only if the lock is still the dead
 * one's: otherwise two that found it dead could remove each other's new lock.
 */
function retire(path: string, dead: Holder, mine: Holder): boolean {
  const marker = `${path}.retiring`
  if (!placeWhole(marker, mine)) {
    return false
  }
  try {
    if (read(path)?.nonce === dead.nonce) unlinkSync(path)
    return true
  } finally {
    unlinkSync(marker)
  }
}

function releaseOwn(path: string, mine: Holder): void {
  if (read(path)?.nonce === mine.nonce) rmSync(path, { force: true })
}

function read(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new StoreError(`${path} is no lock of Lifeboat: ${(error as Error).message}`, 'remove it', { cause: error })
  }
}

function myself(what: string): Holder {
  return {
    pid: process.pid,
    start: startOf(process.pid) ?? '',
    boot: bootId(),
    host: hostname(),
    user: userInfo().username,
    what,
    since: new Date().toISOString(),
    nonce: randomUUID(),
  }
}

function isAlive(holder: Holder): boolean {
  // Nothing can be known about a process of another machine: a person has to decide.
  if (holder.host !== hostname()) return true
  return holder.boot === bootId() && startOf(holder.pid) === holder.start
}
