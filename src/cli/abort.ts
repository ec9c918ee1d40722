import type { Command } from 'commander'
import { unwindOperation } from '../lifeboat.ts'
import { unfinishedCommand } from './unfinished.ts'

export function abortCommand(): Command {
  const what = 'take back what an unfinished operation did, before its point of no return'
  return unfinishedCommand('abort', what, unwindOperation, true)
}
