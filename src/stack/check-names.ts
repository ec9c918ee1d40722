import { isFullName, isName } from './forms.ts'
import { clip } from './problems-of-schema.ts'
import type { Path } from './source.ts'
import { instancesOf, MAX_INSTANCES, type Report, type View } from './view.ts'

const RULE = 'lower case letters, digits and hyphens, starting with a letter, 63 characters at most'
/** Linux takes no longer name for an interface (IFNAMSIZ), and appliances call their legs after the segments. */
const MAX_SEGMENT_NAME = 15
/** Leaves room in the 63 characters of an Incus project for what goes before and after it. */
const MAX_STACK_NAME = 40
/** Other legs of the appliances have these names. */
const INTERFACES = new Set(['outside', 'services', 'lo', 'all', 'default'])
/** Words of the rules, and what every resolver answers by itself (RFC 6761 section 6.3). */
const WORDS = new Set(['anyone', 'localhost'])

/** Names are DNS labels, and names that share the stack's DNS are given once. */
export function checkNames(view: View, report: Report): void {
  const { file } = view
  if (!isName(file.stack)) report('error', ['stack'], `"${clip(file.stack)}" is not a DNS label`, RULE)
  else if (file.stack.length > MAX_STACK_NAME) {
    report('error', ['stack'], `the stack's name is longer than ${MAX_STACK_NAME} characters`, 'choose a shorter one')
  }
  for (const name of Object.keys(file.segments)) checkSegmentName(name, report)
  for (const name of Object.keys(file.secrets)) checkLabel(name, ['secrets', name], report)
  for (const [name, { by }] of Object.entries(file.ingress)) {
    if (!isFullName(name) && (by.includes('dns') || !isName(name))) {
      report(
        'error',
        ['ingress', name],
        `"${clip(name)}" is not a full DNS name`,
        'such as shop.example.com, without a final dot',
        'key',
      )
    }
  }
  checkShared(view, report)
}

function checkSegmentName(name: string, report: Report): void {
  const at = ['segments', name]
  if (!checkLabel(name, at, report)) return
  if (name.length > MAX_SEGMENT_NAME) {
    const what = `segment name "${clip(name)}" is longer than ${MAX_SEGMENT_NAME} characters`
    report('error', at, what, 'the interfaces of the appliances are named after it', 'key')
  }
  if (INTERFACES.has(name)) {
    report('error', at, `a segment can not be called "${name}"`, 'interfaces of the appliances have that name', 'key')
  }
}

function checkLabel(name: string, at: Path, report: Report): boolean {
  if (!isName(name)) report('error', at, `"${clip(name)}" is not a DNS label`, RULE, 'key')
  return isName(name)
}

/** Machines, their instances, appliances, services of load balancers and central services: one name space. */
function checkShared(view: View, report: Report): void {
  const taken = new Map<string, string>()
  const take = (name: string, owner: string, at: Path, hint: string): boolean => {
    const other = taken.get(name)
    if (other !== undefined) report('error', at, `duplicate name "${clip(name)}": it is also ${other}`, hint, 'key')
    else taken.set(name, owner)
    return other === undefined
  }
  const declare = (name: string, owner: string, at: Path) => {
    if (!checkLabel(name, at, report)) return
    if (WORDS.has(name))
      report('error', at, `"${name}" can not be used as a name`, 'it has a meaning of its own', 'key')
    else take(name, owner, at, 'they share the DNS of the stack: rename one of them')
  }
  const { machines, appliances, services } = view.file
  for (const name of Object.keys(machines)) declare(name, `machine ${name}`, ['machines', name])
  for (const name of Object.keys(appliances)) declare(name, `appliance ${name}`, ['appliances', name])
  for (const [appliance, { 'load-balancer': balancer }] of Object.entries(appliances)) {
    for (const name of Object.keys(balancer?.services ?? {})) {
      declare(name, `service ${name} of ${appliance}`, ['appliances', appliance, 'load-balancer', 'services', name])
    }
  }
  for (const name of Object.keys(services)) declare(name, `central service ${name}`, ['services', name])

  let instances = 0
  for (const [group, { count }] of Object.entries(machines)) {
    if (count === undefined) continue
    instances += count
    if (instances > MAX_INSTANCES) {
      report('error', ['machines', group, 'count'], `more than ${MAX_INSTANCES} machines in all`, 'split the stack')
      return
    }
    if (isName(group) && !isName(`${group}${count}`)) {
      report(
        'error',
        ['machines', group],
        `the machines of "${clip(group)}" get names of more than 63 characters`,
        'choose a shorter one',
        'key',
      )
      continue
    }
    for (const name of instancesOf(group, count)) {
      if (
        !take(
          name,
          `one of the machines ${group}`,
          ['machines', group],
          `with count ${count} its machines are called ${group}1, ${group}2, ...`,
        )
      )
        break
    }
  }
}
