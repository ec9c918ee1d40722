import { ownOf } from '../compile/announced.ts'
import type { Border } from '../compile/border.ts'
import type { Step } from '../plan/plan.ts'
import { step } from '../plan/step.ts'
import type { Area } from '../state/objects.ts'
import type { Matrix } from './drill-matrix.ts'
import { announcers, leaseSteps } from './ingress.ts'
import { mayHaveAaaa } from './ipv6.ts'
import { appliancesOf, groupsOf } from './launch.ts'
import { activeView, type SiteView, type Situation } from './situation.ts'

/** Where the border keeps the certificates that it verifies against. */
const TRUSTED = '/etc/lifeboat/trusted.pem'

/** The client in the bubble verifies against the certificates that the stack holds itself. */
export function trustSteps(view: SiteView, area: Area, border: Border): readonly Step[] {
  const from = appliancesOf(view).flatMap((appliance) =>
    appliance.secrets.map(({ path }) => ({ instance: { area, name: appliance.name }, path })),
  )
  if (from.length === 0) return []
  return [
    step(
      'verify',
      view.site.name,
      'trust',
      { do: 'trust', from, instance: { area, name: border.name }, path: TRUSTED },
      'the certificates of the stack, without their keys',
      { after: [`ready ${border.name}`, from.map(({ instance }) => `start ${instance.name}`)] },
    ),
  ]
}

/** Leases, checks, the matrix, then what crossed the border and whether the active site is as it was. */
export function verifySteps(
  situation: Situation,
  view: SiteView,
  area: Area,
  border: Border,
  matrix: Matrix,
  trust: readonly string[],
): readonly Step[] {
  const { stack } = situation
  const site = view.site.name
  const ref = { area, name: border.name }
  const leases = leaseSteps(situation, view, area, true, 'the LEG network of the bubble gives the address')
  const up = [
    ...leases.map((each) => each.id),
    ...groupsOf(view).map(([group]) => `ready ${group}`),
    ...view.compiled.instances.map((instance) => `start ${instance.name}`),
  ]
  // A check that goes through a stub is tried again until that answers: only the packets sent to it have to wait.
  const stubs = (border.services?.stubs ?? []).map((stub) => `ready ${stub.instance}`)
  const undo = [{ do: 'clear' as const, area }]
  const ingress = new Set(stack.ingress.filter((entry) => entry.dns).map((entry) => entry.name))
  const checks = stack.checks.flatMap((check, index) =>
    ingress.has(new URL(check.url).hostname)
      ? familiesOf(view, situation, check.url).map(({ family, words }) =>
          step(
            'verify',
            site,
            `check ${index + 1}${words}`,
            {
              do: 'bubble-check',
              instance: ref,
              check: { method: check.method, url: check.url, status: check.status, ...family },
              trusted: trust.length > 0 ? TRUSTED : undefined,
              within_s: 60,
            },
            `${check.words}${words}`,
            { after: [trust, up], undo },
          ),
        )
      : [],
  )
  const offers = announcers(stack).map(({ appliance, prefixes }) =>
    step(
      'verify',
      site,
      `${appliance} offers ${prefixes.join(' ')}`,
      { do: 'offered', instance: { area, name: appliance }, prefixes, within_s: 30 },
      'it would announce: what is behind it is served',
      { after: [up], undo },
    ),
  )
  const reachability = step(
    'verify',
    site,
    'reachability',
    { do: 'matrix', area, probes: matrix.probes },
    `${matrix.probes.filter((probe) => probe.expect !== 'blocked').length} declared flows, ${matrix.probes.filter((probe) => probe.expect === 'blocked').length} that are not`,
    { after: [up, stubs, [...checks, ...offers].map((each) => each.id)], undo },
  )
  const crossed = step(
    'verify',
    site,
    'counters',
    { do: 'border-counters', instance: ref, site_leg: border.site_leg },
    'what left the bubble',
    { after: [reachability.id] },
  )
  return [...leases, ...checks, ...offers, reachability, crossed, ...untouched(situation, crossed.id)]
}

/** The bubble has IPv6 where the stack has it, whatever the site gives: what is proved is the stack. */
function familiesOf(view: SiteView, { stack }: Situation, url: string) {
  const entry = stack.ingress.find(({ name }) => name === new URL(url).hostname)
  const over4 = { family: { family: 4 as const }, words: '' }
  const over6 = { family: { family: 6 as const }, words: ' over IPv6' }
  if (entry === undefined || !mayHaveAaaa(view, entry)) return [{ family: {}, words: '' }]
  return entry.own.length > 0 && ownOf(entry, 4) === undefined ? [over6] : [over4, over6]
}

/** The drill has no step at the active site; that nobody else had one either is seen, and told if not. */
function untouched(situation: Situation, after: string): readonly Step[] {
  const active = activeView(situation)
  const observed = active?.answer?.observed
  if (active === undefined || observed?.claim === undefined) return []
  const instances = observed.areas.find((each) => each.area.kind === 'stack')?.instances ?? []
  return [
    step(
      'verify',
      active.site.name,
      `${active.site.name} untouched`,
      {
        do: 'untouched',
        stack: situation.stack.name,
        epoch: observed.claim.claim.epoch,
        instances: instances
          .filter((each) => each.power === 'running')
          .map((each) => ({ name: each.object.name, started_at: each.started_at })),
      },
      'the same instances have run all the time',
      { after: [after], optional: true },
    ),
  ]
}
