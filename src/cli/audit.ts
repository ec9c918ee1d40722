import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import type { AuditEntry } from '../api/access.ts'
import { systemClock } from '../lib/clock.ts'
import { type Audit, openAudit, verifyAudit } from '../server/audit.ts'
import { openDatabase } from '../server/database.ts'
import { fail, printJson } from './common.ts'
import { exit } from './exit-codes.ts'
import { openState } from './open.ts'

type Options = { readonly site?: string; readonly data?: string; readonly json?: boolean }

export function auditCommand(): Command {
  const audit = new Command('audit').description('the audit log of a controller: verify it, or write it out')
  audit
    .command('verify')
    .description('follow the chain of hashes from the first entry to the last')
    .argument('[file]', 'a log that was exported (default: that of the controller here)')
    .option('--site <name>', 'the controller of this site')
    .option('--data <dir>', 'where its records are (default: beside the journals)')
    .option('--json', 'as JSON')
    .action((file: string | undefined, options: Options, command: Command) => {
      const verdict = file === undefined ? ofController(options, command)?.verify() : verifyAudit(linesOf(file))
      if (verdict === undefined) return
      if (options.json === true) printJson(verdict)
      else if (verdict.good)
        console.log(`${verdict.entries} entries, whole; the newest has the hash\n  ${verdict.head}`)
      else
        console.error(`lifeboat: entry ${verdict.broken_at} does not fit: the ${verdict.entries} before it are whole`)
      if (!verdict.good) process.exitCode = exit.problems
    })
  audit
    .command('export')
    .description('all entries, one JSON object a line, oldest first')
    .option('--site <name>', 'the controller of this site')
    .option('--data <dir>', 'where its records are (default: beside the journals)')
    .action((options: Options, command: Command) => {
      for (const entry of ofController(options, command)?.all() ?? [])
        process.stdout.write(`${JSON.stringify(entry)}\n`)
    })
  return audit
}

function ofController(options: Options, command: Command): Audit | undefined {
  const data = options.data ?? join(openState(command).dir, 'controller')
  const path = join(data, `${options.site ?? ''}.sqlite`)
  if (options.site === undefined || !existsSync(path)) {
    fail(
      exit.usage,
      options.site === undefined ? '--site says whose log' : `there are no records of a controller at ${path}`,
    )
    return undefined
  }
  return openAudit(openDatabase(path), systemClock)
}

/** A line that is no JSON is an entry that fits nowhere. */
function* linesOf(file: string): Generator<AuditEntry> {
  for (const line of readFileSync(file, 'utf8').split('\n')) if (line !== '') yield entryOf(line)
}

function entryOf(line: string): AuditEntry {
  try {
    return { ...(JSON.parse(line) as AuditEntry) }
  } catch {
    return {} as AuditEntry
  }
}
