import { Command, CommanderError } from 'commander'

/** Each command loads only what it needs: `check` opens no engine. In the order of the help. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  check: async () => (await import('./check.ts')).checkCommand(),
  show: async () => (await import('./show.ts')).showCommand(),
  render: async () => (await import('./render.ts')).renderCommand(),
  touchpoints: async () => (await import('./touchpoints.ts')).touchpointsCommand(),
  plan: async () => (await import('./plan.ts')).planCommand(),
  deploy: async () => (await import('./deploy.ts')).deployCommand(),
  replicate: async () => (await import('./replicate.ts')).replicateCommand(),
  drill: async () => (await import('./drill.ts')).drillCommand(),
  failover: async () => (await import('./failover.ts')).failoverCommand(),
  move: async () => (await import('./move.ts')).moveCommand(),
  failback: async () => (await import('./failback.ts')).failbackCommand(),
  reprotect: async () => (await import('./reprotect.ts')).reprotectCommand(),
  guard: async () => (await import('./guard.ts')).guardCommand(),
  rescue: async () => (await import('./rescue.ts')).rescueCommand(),
  destroy: async () => (await import('./destroy.ts')).destroyCommand(),
  diff: async () => (await import('./diff.ts')).diffCommand(),
  status: async () => (await import('./status.ts')).statusCommand(),
  points: async () => (await import('./points.ts')).pointsCommand(),
  report: async () => (await import('./report.ts')).reportCommand(),
  history: async () => (await import('./history.ts')).historyCommand(),
  resume: async () => (await import('./resume.ts')).resumeCommand(),
  abort: async () => (await import('./abort.ts')).abortCommand(),
  serve: async () => (await import('./serve.ts')).serveCommand(),
  audit: async () => (await import('./audit.ts')).auditCommand(),
  site: async () => (await import('./site.ts')).siteCommand(),
  lab: async () => (await import('./lab.ts')).labCommand(),
}

const end_within_ms = 2000

const program = new Command('lifeboat')
  .description('Brings a whole application stack up at another site, and drills that.')
  .option(
    '--sites <file>',
    'site file (default: $LIFEBOAT_SITES, ./sites.yaml, /etc/lifeboat/sites.yaml, or that of a running lab)',
  )
  .option('--state <dir>', 'where journals are kept (default: $LIFEBOAT_STATE, or the system state folder)')
  .showSuggestionAfterError()
  .enablePositionalOptions()
  .exitOverride()
  .addHelpText('after', '\nExit codes: 0 done, 1 problems, 2 failed and undone, 3 a person is needed, 64 usage\n')

/** These work with the sites, from the management namespace. */
const atSites = [
  'plan',
  'deploy',
  'replicate',
  'drill',
  'failover',
  'move',
  'failback',
  'reprotect',
  'guard',
  'rescue',
  'destroy',
  'diff',
  'status',
  'points',
  'resume',
  'abort',
  'serve',
]

// A reader that has seen enough, or a terminal that is gone, ends no operation.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

const named = commandIn(process.argv.slice(2))
const wanted = named === undefined ? Object.keys(commands) : [named]
try {
  if (
    named !== undefined &&
    atSites.includes(named) &&
    !process.argv.some((each) => each === '--help' || each === '-h')
  ) {
    const { enterManagement } = await import('./sites.ts')
    enterManagement(sitesOption(process.argv))
  }
  for (const name of wanted) {
    const command = await commands[name]?.()
    if (command !== undefined) program.addCommand(command.exitOverride())
  }
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 64
    const { asksForJson, tell } = await import('./common.ts')
    if (error.exitCode !== 0 && asksForJson()) tell(64, error.message.replace(/^error: /, ''))
  } else {
    const code = (await import('./exit.ts')).reportError(error)
    // 1 would say that something differs.
    process.exitCode = named === 'diff' && code === 1 ? 2 : code
  }
}

// What somebody left open does not keep a command that has ended.
setTimeout(() => process.exit(), end_within_ms).unref()

/** The first word that is no option of the program and no value of one: undefined where it is no command. */
function commandIn(argv: readonly string[]): string | undefined {
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? ''
    if (word === '--sites' || word === '--state') at++
    else if (!word.startsWith('-')) return Object.hasOwn(commands, word) ? word : undefined
  }
  return undefined
}

/** The value of `--sites`, before the command line is parsed as a whole. */
function sitesOption(argv: readonly string[]): string | undefined {
  const at = argv.findIndex((each) => each === '--sites' || each.startsWith('--sites='))
  const found = argv[at]
  return at < 0 || found === undefined ? undefined : found === '--sites' ? argv[at + 1] : found.slice('--sites='.length)
}
