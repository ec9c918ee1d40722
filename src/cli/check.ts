import { Command } from 'commander'
import { compile } from '../compile/compile.ts'
import type { Compiled, Flow } from '../compile/compiled.ts'
import { type Raw, rawOf } from '../compile/raw.ts'
import type { Stack } from '../stack/stack.ts'
import { counted, paint, printJson, printProblems, rawTable, readStackFile, table } from './common.ts'
import { exit } from './exit-codes.ts'
import { type Reach, reachOf } from './reach.ts'
import { readSites, siteFile } from './sites.ts'

export function checkCommand(): Command {
  return new Command('check')
    .description(
      'problems of a stack file, with --sites also what the sites lack for it; its addresses; who can reach whom',
    )
    .argument('<file>', 'stack file')
    .option('--json', 'as JSON')
    .action((file: string, options: { json?: boolean }, command: Command) => {
      const json = options.json === true
      // Only a site file that was named: what a stack file is worth does not depend on where somebody stands.
      const { sites } = command.optsWithGlobals<{ readonly sites?: string }>()
      const { stack, problems } = readStackFile(file, sites === undefined ? undefined : readSites(siteFile(sites)))
      if (stack === undefined) {
        printProblems(problems, json)
        process.exitCode = exit.problems
        return
      }
      const compiled = compile(stack)
      if (json) {
        printJson({ problems, ...checked(stack, compiled) })
        return
      }
      printProblems(problems, false)
      process.stdout.write(checkText(stack, compiled))
    })
}

type Checked = {
  readonly stack: string
  readonly segments: Compiled['segments']
  readonly addresses: readonly {
    readonly instance: string
    readonly segment: string
    readonly address: string
    readonly address6?: string
  }[]
  readonly flows: readonly Flow[]
  readonly flows6: readonly Flow[]
  readonly raw: readonly Raw[]
}

function checked(stack: Stack, compiled: Compiled): Checked {
  const { segments, flows, flows6 } = compiled
  return { stack: compiled.stack, segments, addresses: addressesOf(compiled), flows, flows6, raw: rawOf(stack) }
}

function checkText(stack: Stack, compiled: Compiled): string {
  const appliances = compiled.instances.filter(({ kind }) => kind === 'appliance').length
  const parts = [
    counted(compiled.segments.length, 'segment'),
    counted(compiled.instances.length - appliances, 'machine'),
    counted(appliances, 'appliance'),
  ]
  const reach = reachOf(stack, compiled)
  return [
    `${paint('green', 'good')}: stack ${stack.name}, ${parts.filter((part) => part !== '').join(', ')}\n`,
    table(['SEGMENT', 'PREFIX', 'SERVED BY', 'GATEWAY'], compiled.segments.flatMap(segmentRows)),
    table(
      ['INSTANCE', 'SEGMENT', 'ADDRESS'],
      addressesOf(compiled).map(({ instance, segment, address, address6 }) => [
        instance,
        segment,
        [address, ...(address6 === undefined ? [] : [address6])].join(' '),
      ]),
    ),
    table(['FROM', 'MAY REACH', 'AT', 'THROUGH', 'BECAUSE'], reach.map(reachRow)),
    rawTable(rawOf(stack)),
    'Machines of one segment reach each other freely. Everything else is denied.\n',
  ]
    .filter((part) => part !== '')
    .join('\n')
}

/** A line for each family of a segment. */
export function segmentRows({ name, prefix, anchor, anchor_address, gateway, ipv6 }: Compiled['segments'][number]) {
  const row = [name, prefix, `${anchor} ${anchor_address}`, gateway ?? '-']
  return ipv6 === undefined ? [row] : [row, ['', ipv6.prefix, `${anchor} ${ipv6.anchor_address}`, ipv6.gateway ?? '-']]
}

function addressesOf(compiled: Compiled): Checked['addresses'] {
  return compiled.instances.flatMap(({ name, legs }) =>
    legs.flatMap((leg) =>
      leg.to === 'segment'
        ? [
            {
              instance: name,
              segment: leg.segment,
              address: leg.address,
              ...(leg.address6 === undefined ? {} : { address6: leg.address6 }),
            },
          ]
        : [],
    ),
  )
}

function reachRow({ from, to, at, by, why, ipv6 }: Reach): readonly string[] {
  return [from, to, ipv6 === undefined ? at : `${at} (IPv6 ${ipv6})`, by, why]
}
