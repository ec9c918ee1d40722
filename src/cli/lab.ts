import { Argument, Command, Option } from 'commander'
import type { LabStatus } from '../../lab/lab.ts'
import type { SiteName } from '../../lab/topology.ts'

type Json = { readonly json?: boolean }

/** `lifeboat lab ...`: two real sites on this machine, to try everything on. */
export function labCommand(): Command {
  const command = new Command('lab').description(
    'two real sites on this machine, with a WAN, a client, DNS, LDAP and faults (root)',
  )
  const json = '--json'
  const jsonHelp = 'as JSON'

  command
    .command('up')
    .description('make the lab, or what is missing of it')
    .addOption(new Option('--with <example>', 'also the images of another example than the shop').choices(['wiki']))
    .option(json, jsonHelp)
    .action(async (options: Json & { readonly with?: 'wiki' }) => {
      const { up, labPaths } = await lab()
      const started_ms = performance.now()
      const examples = options.with === undefined ? [] : [options.with]
      const state = await up({ log: (line) => console.error(line), examples })
      const took_s = (performance.now() - started_ms) / 1000
      if (options.json === true) print({ took_s, sites: labPaths.sites, state })
      else console.log(`The lab is up (${took_s.toFixed(1)} s). Its site file: ${labPaths.sites}`)
    })

  command
    .command('down')
    .description('remove everything of the lab; built images are kept')
    .option(json, jsonHelp)
    .action(async (options: Json) => {
      const { down } = await lab()
      const { leftovers } = await import('../../lab/leftovers.ts')
      await down()
      const left = await leftovers()
      if (options.json === true) print({ left })
      else
        console.log(
          left.length === 0 ? 'The lab is gone, nothing is left.' : `The lab is gone, except:\n${left.join('\n')}`,
        )
      if (left.length > 0) process.exitCode = 2
    })

  command
    .command('status')
    .description('what runs: 0 when all of the lab is up, else 1')
    .option(json, jsonHelp)
    .action(async (options: Json) => {
      const { status } = await lab()
      const now = await status()
      if (options.json === true) print(now)
      else console.log(statusLines(now).join('\n'))
      if (!now.up) process.exitCode = 1
    })

  command
    .command('exec')
    .description('run a command in a node (its exit status is passed on); in a site, incus speaks to that site')
    .argument('<node>', 'such as client, dns, east-billing, east')
    .argument('<command...>', 'command and its arguments')
    .allowUnknownOption()
    .helpOption(false)
    .action(async (node: string) => {
      const { exec } = await lab()
      process.exitCode = (await exec(node, commandFor(node), { inherit: true })).exit
    })

  command
    .command('cut')
    .description('cut the link between the sites')
    .addArgument(new Argument('<link>').choices(['wan']))
    .action(async () => {
      await (await lab()).cutWan()
      console.log('The WAN is cut.')
    })

  command
    .command('heal')
    .description('undo the cut')
    .addArgument(new Argument('<link>').choices(['wan']))
    .action(async () => {
      await (await lab()).healWan()
      console.log('The WAN is healed.')
    })

  command
    .command('slow')
    .description('shape the link between the sites')
    .addArgument(new Argument('<link>').choices(['wan']))
    .argument('<rate>', 'such as 300mbit')
    .action(async (_link: string, rate: string) => {
      await (await lab()).slowWan(rate)
      console.log(`The WAN carries ${rate} in each direction.`)
    })

  command
    .command('kill')
    .description('cut the power of a site: its Incus, its containers and its links, at once')
    .addArgument(siteArgument())
    .action(async (site: SiteName) => {
      await (await lab()).killSite(site)
      console.log(`Site ${site} is dead.`)
    })

  command
    .command('return')
    .description('give a killed site its power back; containers stay stopped')
    .addArgument(siteArgument())
    .action(async (site: SiteName) => {
      await (await lab()).returnSite(site)
      console.log(`Site ${site} is back.`)
    })

  command
    .command('trust')
    .description('make the client trust these CAs, and no others')
    .argument('<file...>', 'certificates in PEM, such as examples/shop/secrets/ca.crt')
    .action(async (files: readonly string[]) => {
      await (await lab()).trust(...files)
      console.log(`The client trusts ${files.join(', ')}.`)
    })

  command
    .command('page')
    .description("start a site's controller with its page, on this machine's loopback; lab down ends it")
    .addArgument(siteArgument().argOptional().default('west'))
    .option('--port <number>', 'of the loopback', '8480')
    .action(async (site: SiteName, options: { readonly port: string }) => {
      const { openPage } = await import('../../lab/page.ts')
      const page = await openPage(site, Number(options.port))
      console.log(`The controller of ${site} is at ${page.address}`)
      if (page.link !== undefined) console.log(`Nobody has an account yet; this makes the first admin: ${page.link}`)
    })

  return command
}

/** Loaded when needed: the other commands run where there is no lab. */
function lab(): Promise<typeof import('../../lab/lab.ts')> {
  return import('../../lab/lab.ts')
}

/** What comes after the node's name, untouched: its options are not ours, also where we know one of that name. */
function commandFor(node: string): readonly string[] {
  const exec = process.argv.indexOf('exec', process.argv.indexOf('lab'))
  const argv = process.argv.slice(process.argv.indexOf(node, exec) + 1)
  return argv[0] === '--' ? argv.slice(1) : argv
}

function siteArgument(): Argument {
  return new Argument('<site>').choices(['east', 'west'])
}

function print(value: unknown): void {
  console.log(JSON.stringify(value, undefined, 2))
}

function statusLines(status: LabStatus): readonly string[] {
  const wide = Math.max(...status.nodes.map(({ node }) => node.length))
  const nodes = status.nodes.map(({ node, kind, running, addresses, daemons }) => {
    const state = running ? 'up' : status.killed.some((site) => site === node) ? 'killed' : 'down'
    return `${node.padEnd(wide)}  ${kind.padEnd(6)}  ${state.padEnd(6)}  ${[...daemons, ...addresses].join(' ')}`.trimEnd()
  })
  return [...nodes, `wan: ${status.wan.cut ? 'cut' : 'up'}, ${status.wan.rate}`]
}
