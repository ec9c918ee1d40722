import { formatPrefix, parseAddress } from './ipv4.ts'
import { suggest } from './nearest.ts'
import { clip } from './problems-of-schema.ts'
import { splitAddress } from './resolve.ts'
import { legsOf, own, type Report, type View } from './view.ts'

/** Addresses set by hand belong to a leg that exists, lie in its segment, and are given once. */
export function checkAddresses(view: View, report: Report): void {
  const taken = new Map<number, string>()
  for (const [place, text] of Object.entries(view.file.addresses)) {
    const at = ['addresses', place]
    const { instance, segment } = splitAddress(place)
    if (!/^[^.]+\.[^.]+$/.test(place)) {
      report(
        'error',
        at,
        `"${clip(place)}" does not say whose address it is`,
        'write INSTANCE.SEGMENT, such as web1.web',
        'key',
      )
      continue
    }
    checkLeg(view, place, instance, segment, report)
    const address = parseAddress(text)
    if (address === undefined) {
      report('error', at, `"${clip(text)}" is not an IPv4 address`, 'such as 10.10.2.50')
      continue
    }
    const other = taken.get(address)
    if (other !== undefined)
      report('error', at, `address ${text} is taken twice: ${clip(other)} has it`, 'choose another one')
    else taken.set(address, place)
    const prefix = view.prefixes.get(segment)
    if (prefix === undefined) continue
    const name = `${formatPrefix(prefix)} of segment "${segment}"`
    if (address < prefix.first || address > prefix.last) {
      report('error', at, `address ${text} is outside ${name}`, undefined)
    } else if (prefix.length < 31 && (address === prefix.first || address === prefix.last)) {
      const kind = address === prefix.first ? 'network' : 'broadcast'
      report('error', at, `${text} is the ${kind} address of ${name}`, 'choose another one')
    }
  }
}

function checkLeg(view: View, place: string, instance: string, segment: string, report: Report): void {
  const at = ['addresses', place]
  const { names } = view
  if (!names.segment.any && !names.segment.declared.has(segment)) {
    report(
      'error',
      at,
      `unknown segment "${clip(segment)}"`,
      suggest(segment, names.segment.declared, 'segments'),
      'key',
    )
    return
  }
  const group = view.instances.get(instance)
  const legs = group !== undefined ? [view.file.machines[group]!.segment] : legsOf(view, instance)
  if (group === undefined && own(view.file.appliances, instance) === undefined) {
    // Where something was left out the instance may be among it.
    if (!view.whole) return
    const known = [...view.instances.keys(), ...names.appliance.declared]
    report('error', at, `unknown machine or appliance "${clip(instance)}"`, instanceHint(view, instance, known), 'key')
  } else if (!legs.includes(segment)) {
    report('error', at, `${clip(instance)} is not in segment "${clip(segment)}"`, `it is in ${legs.join(', ')}`, 'key')
  }
}

function instanceHint(view: View, instance: string, known: readonly string[]): string | undefined {
  const count = own(view.file.machines, instance)?.count
  if (count !== undefined) return `there are ${count} machines "${instance}": name one of them, such as ${instance}1`
  return suggest(instance, known, 'machines and appliances')
}
