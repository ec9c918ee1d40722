import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Compiled, Leg } from '../src/compile/compiled.ts'

/** Text by path. */
export type Tree = Readonly<Record<string, string>>

/** Every configuration file under the name of its appliance, and the rest as two lists. */
export function renderedFiles(compiled: Compiled): Tree {
  const files = compiled.instances.flatMap((instance) =>
    instance.kind === 'appliance' ? instance.files.map(({ path, text }) => [`${instance.name}${path}`, text]) : [],
  )
  return Object.fromEntries([
    ...files,
    ['addresses', `${[...segmentLines(compiled), '', ...instanceLines(compiled)].join('\n')}\n`],
    ['flows', `${flowLines(compiled).join('\n')}\n`],
  ])
}

export function replaceTree(folder: string, tree: Tree): void {
  rmSync(folder, { recursive: true, force: true })
  for (const [path, text] of Object.entries(tree)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
}

export function treeOf(folder: string): Tree {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = entries.map((entry) => join(entry.parentPath, entry.name))
  return Object.fromEntries(paths.map((path) => [path.slice(folder.length + 1), readFileSync(path, 'utf8')]))
}

function segmentLines({ segments }: Compiled): string[] {
  return segments.flatMap(({ name, prefix, anchor, anchor_address, gateway, ipv6 }) => [
    `segment ${name} ${prefix} anchor ${anchor} ${anchor_address} gateway ${gateway ?? 'none'}`,
    ...(ipv6 === undefined
      ? []
      : [`segment ${name} ${ipv6.prefix} anchor ${anchor} ${ipv6.anchor_address} gateway ${ipv6.gateway ?? 'none'}`]),
  ])
}

function instanceLines({ instances }: Compiled): string[] {
  return instances.flatMap((instance) => {
    const needs = instance.kind === 'machine' ? ` needs ${instance.needs.join(' ') || 'nothing'}` : ` ${instance.role}`
    const ready = instance.kind === 'machine' ? ` ready ${JSON.stringify(instance.ready ?? 'unknown')}` : ''
    const secrets = instance.kind === 'appliance' ? instance.secrets.map(({ path }) => ` secret ${path}`).join('') : ''
    return [`${instance.kind} ${instance.name}${needs}${ready}${secrets}`, ...instance.legs.map(legLine)]
  })
}

function legLine(leg: Leg): string {
  const where =
    leg.to === 'segment'
      ? [leg.segment, leg.address, ...leg.also, ...(leg.address6 === undefined ? [] : [leg.address6])].join(' ')
      : `${leg.to} by DHCP${leg.ipv6 === true ? ' and router advertisement' : ''}`
  return `  ${leg.interface} ${leg.mac} ${where}`
}

function flowLines({ flows, flows6 }: Compiled): string[] {
  return [...linesOf(flows, ''), ...linesOf(flows6, ' over IPv6')]
}

function linesOf(flows: Compiled['flows'], over: string): string[] {
  const range = (ports: Compiled['flows'][number]['ports']) =>
    ports === undefined ? '' : `/${ports.first}${ports.last === ports.first ? '' : `-${ports.last}`}`
  return flows.map(({ from, to, protocol, ports, icmp, at, address, by, why, except = [] }) => {
    const denied = except.map(
      (each) => ` EXCEPT ${each.from.join(', ')} -> ${each.to.join(', ')} ${protocol}${range(each.ports)}: ${each.why}`,
    )
    return `${from} -> ${to} ${protocol}${icmp === undefined ? '' : `/${icmp}`}${range(ports)}${at === undefined ? '' : ` at ${at}`}${address === undefined ? '' : ` at ${address}`}${over} by ${by}: ${why}${denied.join('')}`
  })
}
