import { suggest } from './nearest.ts'
import { clip } from './problems-of-schema.ts'
import type { Path } from './source.ts'
import { type Kind, poolsOf, type Report, type View } from './view.ts'

const WORDS: Readonly<Record<Kind, { a: string; one: string; many: string }>> = {
  segment: { a: 'a segment', one: 'segment', many: 'segments' },
  machine: { a: 'a machine', one: 'machine', many: 'machines' },
  appliance: { a: 'an appliance', one: 'appliance', many: 'appliances' },
  balanced: { a: 'a service of a load balancer', one: 'service', many: 'services of load balancers' },
  central: { a: 'a central service', one: 'central service', many: 'central services' },
  secret: { a: 'a secret', one: 'secret', many: 'secrets' },
  group: { a: 'a group', one: 'group', many: 'groups' },
}

/**
 * Every name that something is referred to by has been declared, and lists name a thing once. Rules: `check-rules.ts`.
 * False where a name is unknown: then what seems to be unused may have been meant.
 */
export function checkReferences(view: View, report: Report): boolean {
  let complete = true
  const refer = (kind: Kind, name: string, at: Path) => {
    const { declared, any } = view.names[kind]
    if (any || declared.has(name)) return
    complete = false
    report('error', at, `unknown ${WORDS[kind].one} "${clip(name)}"`, unknownHint(view, [kind], name))
  }
  const referAll = (kind: Kind, list: readonly string[], at: Path) => {
    const seen = new Set<string>()
    for (const [index, name] of list.entries()) {
      if (seen.has(name)) report('error', [...at, index], `"${clip(name)}" is named twice`, 'remove one of them')
      seen.add(name)
      refer(kind, name, [...at, index])
    }
  }

  for (const [name, machine] of Object.entries(view.file.machines)) {
    refer('segment', machine.segment, ['machines', name, 'segment'])
    referAll('machine', machine.needs, ['machines', name, 'needs'])
  }
  const tls = new Set<string>()
  for (const [name, { firewall, nat, 'load-balancer': balancer }] of Object.entries(view.file.appliances)) {
    const at = ['appliances', name]
    if (firewall !== undefined) referAll('segment', firewall.inside, [...at, 'firewall', 'inside'])
    if (nat !== undefined) {
      referAll('segment', nat.inside, [...at, 'nat', 'inside'])
      referAll('central', nat.reaches, [...at, 'nat', 'reaches'])
    }
    for (const [name, service] of Object.entries(balancer?.services ?? {})) {
      const here = [...at, 'load-balancer', 'services', name]
      refer('segment', service.listen.segment, [...here, 'listen'])
      for (const { pool, at: spot } of poolsOf(service)) refer('machine', pool.machine, [...here, ...spot])
      const secrets = service.tls ?? []
      if (secrets.length === 1) refer('secret', secrets[0] ?? '', [...here, 'tls'])
      else referAll('secret', secrets, [...here, 'tls'])
      for (const secret of secrets) tls.add(secret)
    }
  }
  for (const [name, { to }] of Object.entries(view.file.ingress)) refer('balanced', to, ['ingress', name, 'to'])
  if (!view.whole || !complete) return complete
  for (const name of Object.keys(view.file.secrets)) {
    if (!tls.has(name))
      report(
        'warning',
        ['secrets', name],
        `secret "${clip(name)}" is never used`,
        'use it as `tls:` of a service, or remove it',
        'key',
      )
  }
  return complete
}

/** A suggestion; or what else has that name, as words of different kinds are easily mixed up. */
export function unknownHint(view: View, kinds: readonly Kind[], name: string): string | undefined {
  const known = [...new Set(kinds.flatMap((kind) => [...view.names[kind].declared]))]
  const noun = kinds.map((kind) => WORDS[kind].many).join(', ')
  const suggestion = suggest(name, known, noun)
  for (const other of ['machine', 'balanced', 'central', 'segment', 'appliance', 'group'] as const) {
    if (!kinds.includes(other) && view.names[other].declared.has(name)) {
      return [`${name} is ${WORDS[other].a}`, suggestion].join('; ')
    }
  }
  const group = view.instances.get(name)
  if (group !== undefined && kinds.includes('machine'))
    return `${name} is one of the machines "${group}": name the machines together`
  return suggestion
}
