import { isName } from './forms.ts'
import { memberOf } from './groups.ts'
import { clip } from './problems-of-schema.ts'
import type { Report, View } from './view.ts'

/** Words of the rules, which a group of that name would hide. */
const WORDS = new Set(['any', 'anyone', 'icmp', 'tcp', 'udp'])

/** Groups have names that mean nothing else in a rule, members of one kind, and are used. */
export function checkGroups(view: View, report: Report): void {
  for (const [name, members] of Object.entries(view.file.groups)) {
    const at = ['groups', name]
    if (!isName(name))
      report('error', at, `"${clip(name)}" is no name for a group`, 'lower case letters, digits and hyphens', 'key')
    else if (WORDS.has(name))
      report('error', at, `a group can not be called "${name}"`, 'rules have a meaning for that word', 'key')
    for (const kind of ['machine', 'balanced', 'segment'] as const) {
      if (!view.names[kind].declared.has(name)) continue
      const what = `duplicate name "${clip(name)}": a rule could mean the group or the ${KIND[kind]}`
      report('error', at, what, 'rename one of them', 'key')
    }
    checkMembers(name, members, report)
  }
  if (view.whole) checkUsed(view, report)
}

const KIND = { machine: 'machine', balanced: 'service', segment: 'segment' }

function checkMembers(name: string, members: readonly string[], report: Report): void {
  const first = memberOf(members[0] ?? '')
  const seen = new Set<string>()
  for (const [index, text] of members.entries()) {
    const at = ['groups', name, index]
    const member = memberOf(text)
    if (member.is === 'neither') {
      const what = member.why ?? `"${clip(text)}" is neither a prefix nor a port`
      report('error', at, what, 'such as 203.0.113.0/24, 203.0.113.7, 203.0.113.7-203.0.113.30, tcp/443, udp/5000-5010')
    } else if (first.is !== 'neither' && member.is !== first.is) {
      report('error', at, `group "${clip(name)}" mixes prefixes and ports`, 'make two groups of it')
    }
    if (seen.has(text)) report('error', at, `"${clip(text)}" is named twice`, 'remove one of them')
    seen.add(text)
  }
}

function checkUsed(view: View, report: Report): void {
  const used = new Set(
    Object.values(view.file.appliances)
      .flatMap(({ firewall }) => firewall?.rules ?? [])
      .flatMap(({ from, to, allow = [], deny = [] }) => [
        ...from,
        ...to,
        ...[...allow, ...deny].flatMap((each) => ('group' in each ? [each.group] : [])),
      ]),
  )
  for (const name of Object.keys(view.file.groups)) {
    if (!used.has(name))
      report(
        'warning',
        ['groups', name],
        `group "${clip(name)}" is never used`,
        'use it in a rule, or remove it',
        'key',
      )
  }
}
