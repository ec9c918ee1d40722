import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import process from 'node:process'
import { Command } from 'commander'
import { pino } from 'pino'
import { certificatesOf, peersOf } from '../server/certificates.ts'
import { type Config, defaults, parseConfig } from '../server/config.ts'
import { serve } from '../server/serve.ts'
import { fail } from './common.ts'
import { exit } from './exit-codes.ts'
import { openLifeboat } from './open.ts'
import { close } from './run.ts'
import { siteFile } from './sites.ts'

type Options = { readonly site?: string; readonly config?: string; readonly listen?: string; readonly data?: string }

const usual = '/etc/lifeboat/controller.yaml'
/** What runs when the controller is asked to end has so long; then it goes on with the next start. */
const grace_ms = 10_000

export function serveCommand(): Command {
  return new Command('serve')
    .description(
      'the controller of a site: API, page, events; loopback only, unless the controller file has a certificate',
    )
    .option('--site <name>', 'the site that it is at (default: as the controller file says)')
    .option('--config <file>', `controller file (default: ${usual}, where it is there)`)
    .option('--listen <host:port>', 'where it listens (default: 127.0.0.1:8480)')
    .option('--data <dir>', 'its own records (default: beside the journals)')
    .action(async (options: Options, command: Command) => {
      const file = options.config ?? (existsSync(usual) ? usual : undefined)
      const config = file === undefined ? defaults : readConfig(file)
      if (config === undefined) return
      const listen = listenOf(options, config)
      if (listen === undefined) return fail(exit.usage, `--listen takes HOST:PORT, not "${options.listen}"`)
      const lifeboat = openLifeboat(command)
      try {
        const site = options.site ?? config.site
        const names = lifeboat.sites.sites.map((each) => each.name)
        if (site === undefined || !names.includes(site))
          return fail(
            exit.usage,
            `--site has to be one of ${names.join(', ')}${site === undefined ? '' : `, not "${site}"`}`,
          )
        const beside = file === undefined ? process.cwd() : dirname(file)
        const data =
          options.data ??
          (config.data === undefined ? undefined : resolve(beside, config.data)) ??
          join(lifeboat.store.dir, 'controller')
        mkdirSync(data, { recursive: true, mode: 0o700 })
        const sites_dir = dirname(siteFile(command.optsWithGlobals<{ sites?: string }>().sites))
        const tls = config.tls && {
          cert: readFileSync(resolve(beside, config.tls.certificate), 'utf8'),
          key: readFileSync(resolve(beside, config.tls.key), 'utf8'),
        }
        const serving = await serve({
          lifeboat: { ...lifeboat, by: `controller@${site}` },
          site,
          config,
          listen,
          database: join(data, `${site}.sqlite`),
          stacks_dir: config.stacks === undefined ? undefined : resolve(beside, config.stacks),
          tls,
          peers: peersOf(lifeboat.sites, sites_dir),
          certificates: certificatesOf(lifeboat.sites, sites_dir, tls?.cert),
          readSecret: (name) => readFileSync(resolve(beside, name), 'utf8').trim(),
          version: versionOf(),
          logger: pino({ level: config.log, base: { site } }),
        })
        // For a person who looks; the log lines are for the journal of the system. The link is in none of them.
        console.error(`lifeboat: the controller of ${site} listens at ${serving.address}`)
        if (serving.link !== undefined)
          console.error(
            `lifeboat: there is no admin yet; make the first one here, once, within a day:\n  ${serving.link}`,
          )
        await told()
        console.error('lifeboat: ending; what still runs goes on with the next start')
        await serving.close(grace_ms)
      } catch (error) {
        if (!(error instanceof Error) || !['PlainOutside', 'ConfigMissing'].includes(error.name)) throw error
        fail(exit.problems, error.message)
      } finally {
        await close(lifeboat)
      }
      // What was left in mid-operation holds the process up; its journal is on the disk.
      process.exit()
    })
}

function readConfig(file: string): Config | undefined {
  const { config, problems } = parseConfig(readFileSync(file, 'utf8'), file)
  for (const problem of problems) console.error(problem)
  if (config === undefined) process.exitCode = exit.problems
  return config
}

function listenOf(options: Options, config: Config): { host: string; port: number } | undefined {
  if (options.listen === undefined) return config.listen ?? { host: '127.0.0.1', port: 8480 }
  const text = `lifeboat-controller: 1\nlisten: ${JSON.stringify(options.listen)}\n`
  return parseConfig(text, '--listen').config?.listen
}

/** The first SIGTERM or SIGINT; the second one is the system's and ends the process at once. */
function told(): Promise<void> {
  return new Promise((resolve) => {
    const stop = () => {
      process.off('SIGTERM', stop).off('SIGINT', stop)
      resolve()
    }
    process.on('SIGTERM', stop).on('SIGINT', stop)
  })
}

function versionOf(): string {
  const text = readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
