import type { Stack } from '../stack/stack.ts'
import { byName } from './appliances.ts'

/** Lines that the stack file brings in the load balancer's own language: whatever is said of the stack may not hold for them. */
export type Raw = {
  readonly balancer: string
  readonly service: string
  readonly part: 'frontend' | 'backend'
  readonly lines: readonly string[]
}

export function rawOf(stack: Stack): readonly Raw[] {
  return byName(stack.load_balancers).flatMap((balancer) =>
    byName(balancer.services).flatMap(({ name, raw }) =>
      (['frontend', 'backend'] as const).flatMap((part) =>
        raw[part].length === 0 ? [] : [{ balancer: balancer.name, service: name, part, lines: raw[part] }],
      ),
    ),
  )
}

export function rawWords({ balancer, service, part, lines }: Raw): string {
  return `${balancer} has ${lines.length} raw line${lines.length === 1 ? '' : 's'} in the ${part} of ${service}: ${lines.join('; ')}`
}
