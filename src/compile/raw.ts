import type { Stack } from '../stack/stack.ts'
import { byName } from './appliances.ts'

/** Lines that the stack file brings in an appliance's own language: whatever is said of the stack may not hold for them. */
export type Raw = {
  readonly appliance: string
  /** `frontend of public`, `forward chain`. */
  readonly where: string
  readonly lines: readonly string[]
}

export function rawOf(stack: Stack): readonly Raw[] {
  const all: readonly Raw[] = [
    ...byName(stack.firewalls).flatMap(({ name, raw }) =>
      (['translate', 'forward'] as const).map((chain) => ({
        appliance: name,
        where: `${chain} chain`,
        lines: raw[chain],
      })),
    ),
    ...byName(stack.load_balancers).flatMap((balancer) =>
      byName(balancer.services).flatMap(({ name, raw }) =>
        (['frontend', 'backend'] as const).map((part) => ({
          appliance: balancer.name,
          where: `${part} of ${name}`,
          lines: raw[part],
        })),
      ),
    ),
  ]
  return all.filter(({ lines }) => lines.length > 0)
}

export function rawWords({ appliance, where, lines }: Raw): string {
  return `${appliance} has ${lines.length} raw line${lines.length === 1 ? '' : 's'} in the ${where}: ${lines.join('; ')}`
}
