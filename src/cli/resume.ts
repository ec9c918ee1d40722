import type { Command } from 'commander'
import { resume } from '../lifeboat.ts'
import { unfinishedCommand } from './unfinished.ts'

export function resumeCommand(): Command {
  const what = 'go on with an operation whose controller died, or that is stuck'
  return unfinishedCommand('resume', what, resume, false)
}
