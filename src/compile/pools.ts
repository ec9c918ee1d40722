import type { BalancedService, Pool } from '../stack/stack.ts'
import type { Layout } from './layout.ts'

/** A pool of a service, called as its backend is: the service's own as the service, that of its second route `NAME.2`. */
export type NamedPool = { readonly name: string; readonly pool: Pool }

export function poolsOf({ name, target, routes }: BalancedService): readonly NamedPool[] {
  return [
    ...(target.do === 'pass' ? [{ name, pool: target.pool }] : []),
    ...routes.flatMap((route, index) =>
      route.target.do === 'pass' ? [{ name: routeName(name, index), pool: route.target.pool }] : [],
    ),
  ]
}

export function routeName(service: string, index: number): string {
  return `${service}.${index + 1}`
}

/** Groups of machines that serve, each with its port, and whether only while the others can not. */
export function membersOf({ machine, port, backups }: Pool) {
  return [{ machine, port, backup: false }, ...backups.map((each) => ({ ...each, backup: true }))]
}

/** Each group of machines and port once, however many pools name it. */
export function servedBy(layout: Layout, service: BalancedService) {
  const found = new Map(
    poolsOf(service)
      .flatMap(({ pool }) => membersOf(pool))
      .map(({ machine, port }) => [`${machine}:${port}`, { machine, port }]),
  )
  return [...found.values()].flatMap(({ machine, port }) =>
    layout.stack.machines.filter(({ name }) => name === machine).map((group) => ({ group, port })),
  )
}
