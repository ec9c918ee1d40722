import { contains, formatPrefix, lastOf, parseAddress } from '../lib/ip.ts'
import { looksLike6 } from '../lib/ip6.ts'
import { suggest } from './nearest.ts'
import { clip, clipTo } from './problems-of-schema.ts'
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
    if (looksLike6(text)) {
      const hint = `write the IPv4 address: the IPv6 address has the same number in its segment (10.10.2.50 and fd00:10:2::50)`
      report('error', at, `${clip(text)} is an IPv6 address, which is not set by itself`, hint)
      continue
    }
    const parsed = parseAddress(text)
    if (!parsed.ok) {
      report('error', at, clipTo(160, parsed.why), 'such as 10.10.2.50')
      continue
    }
    const address = parsed.value
    const other = taken.get(address)
    if (other !== undefined)
      report('error', at, `address ${text} is taken twice: ${clip(other)} has it`, 'choose another one')
    else taken.set(address, place)
    const prefix = view.prefixes.get(segment)
    if (prefix === undefined) continue
    const name = `${formatPrefix(prefix)} of segment "${segment}"`
    const last = lastOf(prefix)
    if (!contains(prefix, address)) {
      report('error', at, `address ${text} is outside ${name}`, 'choose one inside')
    } else if (address === prefix.network || address === last) {
      const kind = address === prefix.network ? 'network' : 'broadcast'
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
  const legs = placesOf(view, instance)
  if (legs === undefined) {
    // Where something was left out the instance may be among it.
    if (!view.whole) return
    const known = [...view.instances.keys(), ...names.appliance.declared, ...names.central.declared]
    if (own(view.file.services, instance) !== undefined) {
      report('error', at, `"${clip(instance)}" is in the Internet: the stack has no address for it`, undefined, 'key')
      return
    }
    report(
      'error',
      at,
      `unknown machine, appliance or central service "${clip(instance)}"`,
      instanceHint(view, instance, known),
      'key',
    )
  } else if (!legs.includes(segment)) {
    report(
      'error',
      at,
      `${clip(instance)} is not in segment "${clip(segment)}"`,
      legs.length === 0 ? undefined : `it is in ${legs.slice(0, 8).map(clip).join(', ')}`,
      'key',
    )
  }
}

/** Segments in which something has an address; a central service has one wherever a NAT box reaches it from. */
function placesOf(view: View, name: string): readonly string[] | undefined {
  const group = view.instances.get(name)
  if (group !== undefined) return [view.file.machines[group]!.segment]
  if (own(view.file.appliances, name) !== undefined) return legsOf(view, name)
  const service = own(view.file.services, name)
  if (service === undefined || service.to === 'internet') return undefined
  return Object.values(view.file.appliances).flatMap(({ nat }) => (nat?.reaches.includes(name) ? nat.inside : []))
}

function instanceHint(view: View, instance: string, known: readonly string[]): string | undefined {
  const count = own(view.file.machines, instance)?.count
  if (count !== undefined) return `there are ${count} machines "${instance}": name one of them, such as ${instance}1`
  return suggest(instance, known, 'machines, appliances and central services')
}
