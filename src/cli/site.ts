import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { Command, Option } from 'commander'
import { type Dialect, dialects, routeServerConf } from '../compile/route-server.ts'
import { fail, printJson } from './common.ts'
import { exit } from './exit-codes.ts'
import { readSites, siteFile } from './sites.ts'

export function siteCommand(): Command {
  const routes = new Command('routes')
    .description('what the route servers of a site have to be told, once: who may call, and what is taken from him')
    .argument('<site>', 'site of the site file')
    .addOption(new Option('--dialect <name>', 'whose configuration').choices(dialects).default('frr'))
    .option('--password', 'with the password of the sessions; without it that line is left out')
    .option('--json', 'as JSON')
    .action((name: string, options: Options, command: Command) => {
      const file = siteFile(command.optsWithGlobals<{ sites?: string }>().sites)
      const { sites } = readSites(file)
      const site = sites.find((each) => each.name === name)
      if (site?.bgp === undefined) {
        fail(
          exit.problems,
          site === undefined
            ? `there is no site "${name}" in ${file}; sites: ${sites.map((each) => each.name).join(', ')}`
            : `${name} has no bgp in ${file}: see docs/bgp.md`,
        )
        return
      }
      const { password_file } = site.bgp
      const password =
        options.password === true && password_file !== undefined
          ? readFileSync(resolve(dirname(file), password_file), 'utf8').trim()
          : undefined
      const facts = { ...site.bgp, password: password_file === undefined ? undefined : 'in the file' }
      const text = routeServerConf(name, facts, options.dialect, password)
      if (options.json === true) printJson({ site: name, dialect: options.dialect, text })
      else process.stdout.write(text)
    })
  return new Command('site').description('what a site has to be given').addCommand(routes)
}

type Options = { readonly dialect: Dialect; readonly password?: boolean; readonly json?: boolean }
