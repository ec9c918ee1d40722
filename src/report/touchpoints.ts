import type { Assumptions } from '../operations/assumptions.ts'
import { type Physical, type PhysicalTouch, physicalMove } from '../operations/physical.ts'
import type { TouchPoint } from '../plan/plan.ts'
import type { Stack } from '../stack/stack.ts'
import { touchWords } from './text.ts'

/** What a move of a stack touches outside it: by Lifeboat, and with VLANs and contexts on physical gear. */
export type Touchpoints = {
  readonly stack: string
  readonly lifeboat: readonly TouchPoint[]
  readonly physical: Physical
}

/** Sites have no part in it: what a leg is connected to is the same at each. */
export function touchpointsOf(stack: Stack, assumptions: Assumptions): Touchpoints {
  return {
    stack: stack.name,
    lifeboat: [
      ...stack.ingress.map((entry) => ({ kind: 'dns-record' as const, what: `${entry.name}, TTL ${entry.ttl_s} s` })),
      ...stack.firewalls.map(({ name }) => ({
        kind: 'dhcp-lease' as const,
        what: `${name} on the outside network of the new site`,
      })),
      ...stack.nats.map(({ name, internet }) => ({
        kind: 'dhcp-lease' as const,
        what: `${name} on the ${internet.length > 0 ? 'outside' : 'services'} network of the new site`,
      })),
    ],
    physical: physicalMove(stack, assumptions),
  }
}

export function touchpointsText({ stack, lifeboat, physical }: Touchpoints): string {
  const { touches, devices, assumptions } = physical
  const parts = [...new Set(touches.map((each) => each.of))]
  return [
    `A move of ${stack} touches outside of it`,
    '',
    `  with Lifeboat: ${lifeboat.length}, none on a physical device`,
    ...lifeboat.map((each) => `    ${touchWords[each.kind]}  ${each.what}`),
    '',
    `  with VLANs and contexts on physical gear: ${touches.length} on ${devices} devices`,
    ...(['new site', 'old site'] as const).flatMap((at) => atSite(at, touches, parts)),
    '',
    '  by device',
    ...byDevice(touches),
    '',
    '  assumed at each site (--assume FILE)',
    ...assumptionLines(assumptions),
    '',
  ].join('\n')
}

function atSite(
  at: PhysicalTouch['at'],
  touches: readonly PhysicalTouch[],
  parts: readonly string[],
): readonly string[] {
  return parts.flatMap((part) => {
    const own = touches.filter((each) => each.at === at && each.of === part)
    if (own.length === 0) return []
    const what = [...new Set(own.map((each) => each.what))]
    const devices = new Set(own.map((each) => each.device)).size
    const on = devices === 1 ? (own[0]?.device ?? '') : `${devices} devices`
    return [
      `    ${at}  ${part.padEnd(width)} ${String(own.length).padStart(3)} on ${on}: ${what[0]}`,
      ...what.slice(1).map((each) => `${' '.repeat(17 + width + on.length + 8)}${each}`.trimEnd()),
    ]
  })
}

function byDevice(touches: readonly PhysicalTouch[]): readonly string[] {
  const devices = [...new Set(touches.map((each) => `${each.at}  ${each.device}`))]
  return devices.map((device) => {
    const count = touches.filter((each) => `${each.at}  ${each.device}` === device).length
    return `    ${device.padEnd(36)} ${String(count).padStart(3)}`
  })
}

function assumptionLines(assumed: Assumptions): readonly string[] {
  const word = (value: boolean) => String(value)
  return [
    `access-pairs: ${assumed.access_pairs}        pairs of access switches that the stack's hypervisors are on`,
    `core-pairs: ${assumed.core_pairs}          pairs of core switches between these and the firewalls`,
    `switches-per-pair: ${assumed.switches_per_pair}   configured each for itself; 1: the pair is configured as one`,
    `firewalls: ${assumed.firewalls}           configured each for itself; 1: a cluster that keeps itself equal`,
    `load-balancers: ${assumed.load_balancers}      as firewalls`,
    `vlans-ready: ${word(assumed.vlans_ready).padEnd(5)}     the VLANs are on every switch and trunk of the new site already`,
    `clean-up: ${word(assumed.clean_up).padEnd(5)}        VLANs are also taken away at the old site`,
  ].map((line) => `    ${line}`)
}

const width = 18
