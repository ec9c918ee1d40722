import { type Finding, type Planned, refuse, type Step } from '../plan/plan.ts'
import { ids, step } from '../plan/step.ts'
import type { Area, ObservedArea } from '../state/objects.ts'
import { announcers, withdrawals } from './ingress.ts'
import { mayHaveAaaa } from './ipv6.ts'
import { stackArea } from './naming.ts'
import { instancesIn } from './reprotect.ts'
import { activeView, certificateHint, type SiteView, type Situation, unseen } from './situation.ts'
import { rawFindings } from './survey.ts'

export type DestroyRequest = {
  /** The stack's name, typed by a person. */
  readonly consent: string | undefined
  /** Only at this site; undefined: at every site that answers. */
  readonly site: string | undefined
}

/** Removes everything that carries the stack's mark: instances, replicas, points, networks, names, claims. */
export function planDestroy(situation: Situation, request: DestroyRequest): Planned {
  const { stack } = situation
  if (request.consent !== stack.name) {
    return refuse(
      `destroying ${stack.name} removes its machines, its points and its claims`,
      `type its name: --consent ${stack.name}`,
      'person',
    )
  }
  const views = situation.sites.filter((view) => request.site === undefined || view.site.name === request.site)
  if (views.length === 0) return refuse(`there is no site "${request.site ?? ''}" in the site file`)
  const findings: Finding[] = views
    .filter((view) => view.answer === undefined)
    .map((view) => ({
      level: 'warning',
      what: `${unseen(view)}; what is there stays`,
      hint: view.closed === true ? certificateHint : 'run destroy again when it answers',
      needs: undefined,
    }))
  const steps = views.filter((view) => view.answer !== undefined).flatMap((view) => atSite(situation, view))
  if (steps.length === 0 && findings.length > 0)
    return { refused: findings.map((finding) => ({ ...finding, level: 'error' })) }
  return {
    plan: {
      verb: 'destroy',
      stack: stack.name,
      made_at: situation.now.toISOString(),
      summary: `remove ${stack.name} at ${views.map((view) => view.site.name).join(' and ')}: ${steps.filter((each) => each.action.do === 'remove-instance').length} instances, with all points`,
      steps,
      touches: [
        ...stack.ingress
          .filter((entry) => entry.dns)
          .map((entry) => {
            const both = views.some((view) => view.answer !== undefined && mayHaveAaaa(view, entry))
            return { kind: 'dns-record' as const, what: `${entry.name} ${both ? 'A and AAAA' : 'A'}, removed` }
          }),
        ...announcers(stack)
          .flatMap((each) => each.prefixes)
          .map((prefix) => ({ kind: 'bgp-prefix' as const, what: `${prefix}, withdrawn` })),
      ],
      not_tested: [],
      point: undefined,
      undoable: false,
      findings: [...findings, ...rawFindings(situation)],
    },
  }
}

function atSite(situation: Situation, view: SiteView): readonly Step[] {
  const site = view.site.name
  const observed = view.answer?.observed
  const claim = observed?.claim
  const names =
    claim?.claim.role === 'active' && view === activeView(situation) && view.site.dns !== undefined
      ? situation.stack.ingress
          .filter((entry) => entry.dns)
          .map((entry) =>
            step(
              'clean',
              site,
              `dns ${entry.name}`,
              {
                do: 'dns-remove',
                name: entry.name,
                ...(mayHaveAaaa(view, entry) ? { ipv6: true as const } : {}),
              },
              'nothing answers there any more',
              { point_of_no_return: false },
            ),
          )
      : []
  const running = instancesIn(view, 'stack').flatMap((each) => (each.power === 'running' ? [each.object.name] : []))
  const routes = withdrawals(situation, view, stackArea(situation.stack.name), new Set(running), {
    phase: 'clean',
    after: [],
    undo: false,
  })
  const areas = (observed?.areas ?? [])
    .flatMap((area) => emptied(site, area))
    .map((each) => (each.id.startsWith('kill ') ? { ...each, after: [...each.after, ...ids(routes)] } : each))
  const release =
    claim === undefined
      ? []
      : [
          step(
            'clean',
            site,
            `claim of ${site}`,
            { do: 'release-claim', stack: situation.stack.name },
            'the site knows nothing of the stack any more',
            { after: [ids(names), ids(areas)] },
          ),
        ]
  const projects = (observed?.areas ?? []).map((each) => {
    const inside = areas.filter((one) => one.id.endsWith(` at ${site} ${areaWords(each.area)}`))
    return step(
      'clean',
      site,
      `area ${areaWords(each.area)} at ${site}`,
      { do: 'remove-area', area: each.area },
      'empty now',
      { after: [ids(inside), ids(release)] },
    )
  })
  return [...names, ...routes, ...areas, ...release, ...projects]
}

function emptied(site: string, observed: ObservedArea): readonly Step[] {
  const where = `at ${site} ${areaWords(observed.area)}`
  const steps: Step[] = []
  for (const each of observed.instances) {
    const instance = { area: observed.area, name: each.object.name }
    const kill = each.power === 'stopped' ? undefined : `kill ${instance.name} ${where}`
    if (kill !== undefined)
      steps.push(step('stop', site, kill, { do: 'power', instance, verb: 'kill', within_s: 20 }, 'it is removed'))
    steps.push(
      step(
        'clean',
        site,
        `remove ${instance.name} ${where}`,
        { do: 'remove-instance', instance, busy_within_s },
        'it carries the mark of the stack',
        { after: [kill] },
      ),
    )
  }
  const removed = ids(steps.filter((each) => each.action.do === 'remove-instance'))
  for (const network of observed.networks) {
    steps.push(
      step(
        'clean',
        site,
        `network ${network.segment} ${where}`,
        { do: 'remove-network', network },
        'it carries the mark of the stack',
        { after: removed },
      ),
    )
  }
  return steps
}

/** Incus gives up a transfer whose other end is gone after two to three minutes. */
const busy_within_s = 240

const areaWords = (area: Area): string => (area.kind === 'bubble' ? `bubble-${area.drill}` : area.kind)
