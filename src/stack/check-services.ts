import { checkBalanced } from './check-balanced.ts'
import { suggest } from './nearest.ts'
import { clip } from './problems-of-schema.ts'
import type { Path } from './source.ts'
import { own, poolsOf, type Report, type View } from './view.ts'

/** Services of load balancers and central services; and that what is stateful is protected. */
export function checkServices(view: View, report: Report): void {
  const reached = new Map<string, string>()
  for (const [name, { 'load-balancer': balancer, nat, firewall }] of Object.entries(view.file.appliances)) {
    const at = ['appliances', name]
    const kinds = [balancer, nat, firewall].filter((kind) => kind !== undefined)
    if (kinds.length !== 1) {
      const what =
        kinds.length === 0
          ? `appliance "${clip(name)}" has no kind`
          : `appliance "${clip(name)}" has ${kinds.length} kinds`
      report('error', at, what, 'give exactly one of firewall, load-balancer and nat', 'key')
    }
    if (balancer !== undefined) checkBalancer(view, [...at, 'load-balancer', 'services'], balancer.services, report)
    for (const [index, service] of (nat?.reaches ?? []).entries()) {
      for (const segment of nat?.inside ?? []) {
        const place = `${segment} ${service}`
        const other = reached.get(place)
        if (other !== undefined && other !== name) {
          const what = `${clip(other)} and ${clip(name)} both reach "${clip(service)}" from segment "${clip(segment)}"`
          report(
            'error',
            [...at, 'nat', 'reaches', index],
            what,
            'its name could have one address only: remove it from one of them',
          )
        }
        reached.set(place, name)
      }
    }
  }
  checkInternet(view, report)
  checkRecords(view, report)
  if (view.whole) checkAbsence(view, report)
}

/** What goes to the Internet has a NAT box of its own, which is the way out of its segments. */
function checkInternet(view: View, report: Report): void {
  const { appliances, services } = view.file
  for (const [name, { to, drill }] of Object.entries(services))
    if (to === 'internet' && drill !== 'deny')
      report(
        'error',
        ['services', name, 'drill'],
        `a drill lets nothing out to the Internet, and nobody can stand for all of it`,
        'leave `drill` out: it is denied',
      )
  const ways = new Map<string, string>()
  for (const [name, { firewall }] of Object.entries(appliances))
    for (const segment of firewall?.inside ?? []) ways.set(segment, `firewall "${clip(name)}"`)
  for (const [name, { nat }] of Object.entries(appliances)) {
    const away = (nat?.reaches ?? []).filter((service) => own(services, service)?.to === 'internet')
    if (nat === undefined || away.length === 0) continue
    const at = ['appliances', name, 'nat']
    if (away.length < nat.reaches.length)
      report(
        'error',
        [...at, 'reaches'],
        `NAT box "${clip(name)}" reaches ${clip(away[0] ?? '')} in the Internet and services of the site`,
        'its outer leg is on one network: make another NAT box for what is in the Internet',
      )
    for (const [index, segment] of nat.inside.entries()) {
      const other = ways.get(segment)
      if (other !== undefined)
        report(
          'error',
          [...at, 'inside', index],
          `segment "${clip(segment)}" has two ways out: ${other} and NAT box "${clip(name)}"`,
          'a machine has one default route: allow it in the rules of the firewall, or use another segment',
        )
      ways.set(segment, `NAT box "${clip(name)}"`)
    }
  }
}

type Balanced = NonNullable<View['file']['appliances'][string]['load-balancer']>['services']

function checkBalancer(view: View, at: Path, services: Balanced, report: Report): void {
  const listening = new Map<string, string>()
  if (Object.keys(services).length === 0)
    report('error', at, 'a load balancer without services', 'such as public: { listen: front:443, pool: web:80 }')
  for (const [name, service] of Object.entries(services)) {
    const { listen } = service
    const place = `${listen.segment}:${listen.port}`
    const other = listening.get(place)
    if (other !== undefined) {
      report(
        'error',
        [...at, name, 'listen'],
        `two services listen on ${clip(place)}: ${clip(other)} and ${clip(name)}`,
        'choose another port or segment for one of them',
      )
    } else listening.set(place, name)
    checkBalanced(name, service, [...at, name], report)
    for (const { pool, at: spot } of poolsOf(service)) {
      if (own(view.file.machines, pool.machine)?.count !== 0) continue
      report(
        'error',
        [...at, name, ...spot],
        `the pool of "${clip(name)}" has no machines: count of "${clip(pool.machine)}" is 0`,
        'raise the count',
      )
    }
  }
}

/** The loss of a failover is measured in a machine whose data is replicated. */
function checkRecords({ file, instances, whole }: View, report: Report): void {
  const machine = file.protect?.records?.in
  if (machine === undefined) return
  const at = ['protect', 'records', 'in']
  const group = instances.get(machine)
  if (group === undefined) {
    if (whole) report('error', at, `unknown machine "${clip(machine)}"`, suggest(machine, instances.keys(), 'machines'))
  } else if (own(file.machines, group)?.stateful !== true) {
    report('error', at, `machine "${clip(machine)}" is not stateful: no point holds its records`, 'name one that is')
  }
}

function checkAbsence(view: View, report: Report): void {
  const { file } = view
  const reached = new Set(Object.values(file.appliances).flatMap(({ nat }) => nat?.reaches ?? []))
  for (const name of Object.keys(file.services)) {
    if (reached.has(name)) continue
    report(
      'warning',
      ['services', name],
      `no NAT box reaches central service "${clip(name)}"`,
      'add it to `reaches` of one, or remove it',
      'key',
    )
  }
  const stateful = Object.entries(file.machines).find(([, machine]) => machine.stateful)
  if (stateful !== undefined && file.protect === undefined) {
    const what = `machine "${clip(stateful[0])}" is stateful, but the stack has no "protect"`
    report(
      'warning',
      ['machines', stateful[0], 'stateful'],
      what,
      'its data would be lost with the site: add protect: { standby: SITE }',
    )
  }
}
