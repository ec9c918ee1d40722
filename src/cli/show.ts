import { Command } from 'commander'
import { appliancesOf } from '../compile/appliances.ts'
import { compile } from '../compile/compile.ts'
import type { Compiled } from '../compile/compiled.ts'
import { digestOf, digestOfStack } from '../compile/digest-of.ts'
import { layOut } from '../compile/layout.ts'
import { type NamedAddress, namesOf } from '../compile/names.ts'
import { type Raw, rawOf } from '../compile/raw.ts'
import type { Stack } from '../stack/stack.ts'
import { segmentRows } from './check.ts'
import { printJson, printProblems, rawTable, readStackFile, secretDigests, table } from './common.ts'
import { exit } from './exit-codes.ts'

export function showCommand(): Command {
  return new Command('show')
    .description('addresses, MACs, names and digests of a stack')
    .argument('<file>', 'stack file')
    .option('--json', 'as JSON')
    .action((file: string, options: { json?: boolean }) => {
      const json = options.json === true
      const { stack, problems } = readStackFile(file)
      if (stack === undefined) {
        printProblems(problems, json)
        process.exitCode = exit.problems
        return
      }
      const shown = showStack(stack, secretDigests(file, stack))
      if (json) printJson({ problems, ...shown })
      else {
        printProblems(problems, false)
        process.stdout.write(showText(shown))
      }
    })
}

type Shown = {
  readonly stack: string
  readonly domain: string
  readonly digest: string
  readonly segments: Compiled['segments']
  readonly instances: readonly {
    readonly name: string
    readonly kind: string
    readonly digest: string
    readonly legs: Compiled['instances'][number]['legs']
  }[]
  readonly names: readonly NamedAddress[]
  readonly ingress: Stack['ingress']
  readonly protect: Stack['protect']
  readonly raw: readonly Raw[]
}

function showStack(stack: Stack, secrets: Readonly<Record<string, string>>): Shown {
  const compiled = compile(stack)
  return {
    stack: stack.name,
    domain: compiled.domain,
    digest: digestOfStack(compiled, secrets),
    segments: compiled.segments,
    instances: compiled.instances.map((instance) => ({
      name: instance.name,
      kind: instance.kind === 'machine' ? instance.group : instance.role,
      digest: digestOf(instance, secrets),
      legs: instance.legs,
    })),
    names: namesOf(layOut(stack, appliancesOf(stack), undefined)),
    ingress: stack.ingress,
    protect: stack.protect,
    raw: rawOf(stack),
  }
}

/** Digests are long; this much tells two of them apart. */
const SHOWN_DIGEST = 12

function showText(shown: Shown): string {
  const legs = shown.instances.flatMap(({ name, kind, digest, legs }) =>
    legs.map((leg, index) => [
      index === 0 ? name : '',
      index === 0 ? kind : '',
      leg.to === 'segment' ? leg.segment : leg.to,
      leg.interface,
      leg.mac,
      leg.to === 'segment'
        ? [leg.address, ...leg.also, ...(leg.address6 === undefined ? [] : [leg.address6])].join(' ')
        : `by DHCP${leg.ipv6 === true ? ' and router advertisement' : ''} of the site`,
      index === 0 ? digest.slice(0, SHOWN_DIGEST) : '',
    ]),
  )
  return [
    `stack ${shown.stack}, domain ${shown.domain}, digest ${shown.digest}\n`,
    table(['SEGMENT', 'PREFIX', 'SERVED BY', 'GATEWAY'], shown.segments.flatMap(segmentRows)),
    table(['INSTANCE', 'KIND', 'NETWORK', 'INTERFACE', 'MAC', 'ADDRESS', 'DIGEST'], legs),
    table(
      ['NAME', 'ADDRESS'],
      shown.names.map(({ name, address, address6 }) => [
        `${name}.${shown.domain}`,
        address6 === undefined ? address : `${address} ${address6}`,
      ]),
    ),
    table(
      ['INGRESS', 'LEADS TO', 'BY', 'TTL'],
      shown.ingress.map(({ name, to, dns, ttl_s, own }) => [
        name,
        to,
        dns ? `dns, ${ttl_s} s` : '',
        own.map(({ prefix, address }) => `bgp ${prefix}, ${address}`).join('; '),
      ]),
    ),
    rawTable(shown.raw),
  ]
    .filter((part) => part !== '')
    .join('\n')
}
