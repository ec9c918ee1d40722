import type { Area, InstanceRef } from '../state/objects.ts'
import type { Engine } from './contract.ts'

/** The calls of the contract, by name. */
export type EngineCall = Exclude<keyof Engine, 'site' | 'facts'>

/** The object of a call as errors, logs and fault schedules name it: `keep:shop/db1 -> stack:shop/db1`. */
export function describeCall(call: EngineCall, args: readonly unknown[]): string {
  switch (call) {
    case 'stacks':
    case 'survey':
    case 'close':
      return ''
    case 'spaceOf':
      return (args[0] as readonly InstanceRef[]).map(refLabel).join(' ')
    case 'observe':
    case 'capacity':
    case 'readClaim':
    case 'swapClaim':
    case 'removeClaim':
      return String(args[0])
    case 'ensureArea':
    case 'removeArea':
      return areaLabel(args[0] as Area)
    case 'ensureNetwork':
    case 'removeNetwork': {
      const network = args[0] as Parameters<Engine['ensureNetwork']>[0]
      return `${areaLabel(network.area)}/${network.segment}`
    }
    case 'clone': {
      const [from, to] = args as Parameters<Engine['clone']>
      return `${refLabel(from)} -> ${refLabel(to)}`
    }
    case 'power': {
      const [ref, verb] = args as Parameters<Engine['power']>
      return `${refLabel(ref)} ${verb}`
    }
    case 'exec': {
      // Never more than the program's name: arguments may hold what nobody should read in a log.
      const [ref, argv] = args as Parameters<Engine['exec']>
      return `${refLabel(ref)} ${argv[0] ?? ''}`
    }
    case 'put': {
      const [ref, files] = args as Parameters<Engine['put']>
      return `${refLabel(ref)} ${files.map((file) => file.path).join(' ')}`
    }
    case 'checkpoint': {
      const [refs, name] = args as Parameters<Engine['checkpoint']>
      return `${refs.map(refLabel).join(' ')} @${name}`
    }
    case 'receive': {
      const [transfer] = args as Parameters<Engine['receive']>
      return `${transfer.source.site}:${refLabel({ ...transfer.from, snapshot: transfer.snapshot })} -> ${refLabel(transfer.to)}`
    }
    case 'rename': {
      const [ref, name] = args as Parameters<Engine['rename']>
      return `${refLabel(ref)} -> ${name}`
    }
    case 'removeSnapshot': {
      const [ref, snapshot] = args as Parameters<Engine['removeSnapshot']>
      return refLabel({ ...ref, snapshot })
    }
    case 'ensureInstance':
    case 'setDigest':
    case 'cutLegs':
    case 'leaseOf':
    case 'consoleTail':
    case 'removeInstance':
      return refLabel(args[0] as InstanceRef)
  }
}

export function refLabel(ref: InstanceRef & { readonly snapshot?: string }): string {
  return `${areaLabel(ref.area)}/${ref.name}${ref.snapshot === undefined ? '' : `@${ref.snapshot}`}`
}

/** `stack:shop`, `replica:shop`, `keep:shop`, `bubble:shop/d1`; equal labels mean equal areas. */
export function areaLabel(area: Area): string {
  return area.kind === 'bubble' ? `bubble:${area.stack}/${area.drill}` : `${area.kind}:${area.stack}`
}
