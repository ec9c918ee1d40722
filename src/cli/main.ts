import { Command, CommanderError } from 'commander'
import { abortCommand } from './abort.ts'
import { checkCommand } from './check.ts'
import { deployCommand } from './deploy.ts'
import { destroyCommand } from './destroy.ts'
import { exitCodes, reportError } from './exit.ts'
import { failoverCommand } from './failover.ts'
import { labCommand } from './lab.ts'
import { planCommand } from './plan.ts'
import { pointsCommand } from './points.ts'
import { renderCommand } from './render.ts'
import { replicateCommand } from './replicate.ts'
import { reportCommand } from './report.ts'
import { resumeCommand } from './resume.ts'
import { showCommand } from './show.ts'
import { statusCommand } from './status.ts'

const program = new Command('lifeboat')
  .description('Brings a whole application stack up at another site, and drills that.')
  .option(
    '--sites <file>',
    'site file (default: $LIFEBOAT_SITES, ./sites.yaml, /etc/lifeboat/sites.yaml, or that of a running lab)',
  )
  .option('--state <dir>', 'where journals and reports are kept (default: $LIFEBOAT_STATE, or the system state folder)')
  .showSuggestionAfterError()
  .exitOverride()
  .addHelpText('after', `\nExit codes: ${exitCodes}\n`)

for (const command of [
  checkCommand(),
  showCommand(),
  renderCommand(),
  planCommand(),
  deployCommand(),
  replicateCommand(),
  failoverCommand(),
  destroyCommand(),
  statusCommand(),
  pointsCommand(),
  reportCommand(),
  resumeCommand(),
  abortCommand(),
  labCommand(),
]) {
  program.addCommand(command)
}

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 64
  else process.exitCode = reportError(error)
}
