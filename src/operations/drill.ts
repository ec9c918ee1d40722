import { firewallOf } from '../compile/announced.ts'
import { type Border, compileBorder } from '../compile/border.ts'
import { digest } from '../lib/digest.ts'
import { looksLike6 } from '../lib/ip6.ts'
import { type DrilledProof, type Finding, type Plan, type Planned, refuse, type Step } from '../plan/plan.ts'
import { ids, step } from '../plan/step.ts'
import type { Area, Claim, ObservedArea, Point } from '../state/objects.ts'
import { clocks } from './clocks.ts'
import { borderObject, borderSteps, drilledServices, stubSteps } from './drill-border.ts'
import { matrixOfBoth } from './drill-matrix6.ts'
import { bubblesAt, occupied } from './drill-owner.ts'
import { partsOf } from './drill-parts.ts'
import { removed } from './drill-removal.ts'
import { trustSteps, verifySteps } from './drill-verify.ts'
import { announcers, outsideLegs } from './ingress.ts'
import { proxyOf } from './ipv6.ts'
import { launch, statefulOf, withoutMissing } from './launch.ts'
import { ageWords, originsOf, pointOf } from './origins.ts'
import { planPromote } from './promote.ts'
import { activeView, type SiteView, type Situation } from './situation.ts'
import { isError, lacks, rawFindings } from './survey.ts'
import { reachSteps } from './watch.ts'

export type DrillRequest = {
  /** A point of the standby; undefined: the newest complete one. */
  readonly point: string | undefined
  /** Leave the bubble up when all has been seen. */
  readonly keep: boolean
  /** Only remove a bubble that was kept. */
  readonly remove: boolean
  /** A drill whose controller is gone, by a person's word: its bubble may be removed. */
  readonly gone?: string | undefined
  /** Make a kept drill the stack, as a failover does. */
  readonly promote?: boolean
  /** For `promote`: sites that a person states to be down. */
  readonly down?: readonly string[]
}

/**
 * Launches the newest complete point at the standby, in a bubble that nothing leads out of but what the stack file allows,
 * sees that it works, writes down the proof and removes the bubble. Nothing of the active site is touched.
 */
export function planDrill(situation: Situation, request: DrillRequest): Planned {
  const { stack } = situation
  if (request.promote === true) return planPromote(situation, { point: request.point, down: request.down ?? [] })
  if (request.remove) return planRemoval(situation, request.gone)
  const view = situation.sites.find((each) => each.answer?.observed.claim?.claim.role === 'standby')
  const claim = view?.answer?.observed.claim?.claim
  if (view === undefined || claim === undefined) return noStandby(situation)
  const busy = occupied(situation, view, claim, undefined)
  if (busy !== undefined) return busy
  const bubbles = bubblesAt(view)
  const kept = bubbles.find((each) => each.area.kind === 'bubble' && isKept(claim, each.area))
  if (kept?.area.kind === 'bubble')
    return refuse(
      `drill ${kept.area.drill} of ${stack.name} is still up at ${view.site.name}`,
      `look at it, then: lifeboat drill ${stack.name} --remove`,
    )
  const point = pointOf(claim.points, request.point)
  if (point === undefined && (request.point !== undefined || statefulOf(view).length > 0)) {
    return refuse(
      request.point === undefined
        ? `${view.site.name} holds no complete point of ${stack.name}`
        : `${view.site.name} holds no complete point "${request.point}"`,
      claim.points.length === 0 ? 'run replicate first' : `points: ${claim.points.map((each) => each.name).join(', ')}`,
    )
  }
  const findings = [...lacksForDrill(situation, view), ...leftovers(bubbles)]
  if (findings.some(isError)) return { refused: findings }
  const drill = digest([stack.name, situation.now.toISOString()]).slice(0, 6)
  const area: Area = { kind: 'bubble', stack: stack.name, drill }
  const origins = originsOf(situation, view, area, point)
  if ('refused' in origins) return origins
  const { keep } = request
  return { plan: planOf({ situation, view, claim, area, drill, point, findings, bubbles, keep }, origins.make) }
}

type Drill = {
  readonly situation: Situation
  readonly view: SiteView
  readonly claim: Claim
  readonly area: Area
  readonly drill: string
  readonly point: Point | undefined
  readonly findings: readonly Finding[]
  readonly bubbles: readonly ObservedArea[]
  readonly keep: boolean
}

function planOf(drill: Drill, make: Parameters<typeof launch>[0]['make']): Plan {
  const { situation, view, claim, area, point, bubbles } = drill
  const { stack } = situation
  const site = view.site.name
  const border = borderOf(situation, view)
  const matrix = matrixOfBoth(view.compiled, border)
  const begin = beginStep(situation, site, claim, drill.drill)
  const earlier = bubbles.flatMap((each) => removed(site, each, [begin.id]))
  const around = [...borderSteps(view, area, border), ...stubSteps(view, area, border)]
  const brought = launch({ view, area, make, after: [begin.id, ...ids(earlier)] }).map((each) => inBubble(each, border))
  const trust = trustSteps(view, area, border)
  const seen = verifySteps(situation, view, area, border, matrix, ids(trust))
  const not_tested = notTested(situation, view, matrix.untested)
  const proof: DrilledProof = {
    drill: drill.drill,
    started_at: situation.now.toISOString(),
    point: point?.name,
    digest: situation.definition.digest,
    parts: partsOf(situation, view),
    not_tested,
    kept: drill.keep,
  }
  const asked = reachSteps(situation, view)
  const built = withoutMissing([begin, ...earlier, ...brought, ...around, ...trust, ...seen, ...asked])
  const prove = step(
    'verify',
    site,
    'proof',
    {
      do: 'prove',
      stack: stack.name,
      proof,
      check_steps: ids(seen.filter((each) => each.action.do === 'bubble-check')),
      matrix_step: 'reachability',
    },
    'what was seen, bound to what was drilled',
    { after: ids(built) },
  )
  const failed = { do: 'prove-failed' as const, stack: stack.name, proof }
  const first = built.map((each) => (each.id === 'area' ? { ...each, undo: [...each.undo, failed] } : each))
  const clear = drill.keep ? [] : removed(site, contents(view, area, border, make), [prove.id])
  const end = step(
    'clean',
    site,
    'drilled',
    { do: 'drilled', stack: stack.name, drill: drill.drill },
    'the next one may begin',
    { after: [prove.id, ...ids(clear)] },
  )
  return {
    verb: 'drill',
    stack: stack.name,
    made_at: situation.now.toISOString(),
    summary: `drill ${drill.drill}: launch ${stack.name} at ${site} in a bubble${point === undefined ? '' : ` from point ${point.name}, taken ${ageWords(situation.now, point)} ago`}${drill.keep ? ', and leave it up' : ''}`,
    steps: [...first, prove, ...clear, end],
    touches: border.site_leg
      ? [
          {
            kind: 'dhcp-lease',
            what: `${border.name} of the drill on the services network of ${site} (${border.macs.site})`,
          },
        ]
      : [],
    not_tested,
    point,
    undoable: true,
    findings: drill.findings,
  }
}

/** Of two controllers that begin at the same time the claim of the site lets one: see `drill-owner.ts`. */
function beginStep(situation: Situation, site: string, claim: Claim, drill: string): Step {
  const { stack, by, self, now } = situation
  const drilling = { drill, by, since: now.toISOString(), owner: self }
  return step(
    'build',
    site,
    'drilling',
    { do: 'drilling', stack: stack.name, drilling, instead: claim.drilling?.drill },
    'one drill at a time, whoever asks',
    { undo: [{ do: 'drilled', stack: stack.name, drill }] },
  )
}

/** Only the removal of bubbles: a kept one, or what a drill left whose controller died. */
function planRemoval(situation: Situation, gone: string | undefined): Planned {
  const { stack } = situation
  const view =
    situation.sites.find((each) => bubblesAt(each).length > 0) ??
    situation.sites.find((each) => each.answer?.observed.claim?.claim.drilling !== undefined)
  const claim = view?.answer?.observed.claim?.claim
  if (view === undefined || claim === undefined) {
    const silent = situation.sites.filter((each) => each.answer === undefined).map((each) => each.site.name)
    return refuse(
      `no drill of ${stack.name} is up at a site that answers`,
      silent.length === 0 ? undefined : `silent: ${silent.join(', ')}`,
    )
  }
  const busy = occupied(situation, view, claim, gone)
  if (busy !== undefined) return busy
  const bubbles = bubblesAt(view)
  const gones = bubbles.flatMap((each) => removed(view.site.name, each))
  const { proof, drilling } = claim
  const steps =
    drilling === undefined
      ? gones
      : [
          ...gones,
          step(
            'clean',
            view.site.name,
            'drilled',
            { do: 'drilled', stack: stack.name, drill: drilling.drill },
            'the next one may begin',
            { after: ids(gones) },
          ),
        ]
  const unkeep =
    proof?.kept === true
      ? [
          step(
            'clean',
            view.site.name,
            'proof',
            { do: 'prove-failed', stack: stack.name, proof },
            'the proof stays, the bubble does not',
            { after: ids(steps) },
          ),
        ]
      : []
  return {
    plan: {
      verb: 'drill',
      stack: stack.name,
      made_at: situation.now.toISOString(),
      summary: `remove ${bubbles.map((each) => (each.area.kind === 'bubble' ? `drill ${each.area.drill}` : '')).join(', ') || `the record of drill ${drilling?.drill}`} at ${view.site.name}`,
      steps: [...steps, ...unkeep],
      touches: [],
      not_tested: [],
      point: undefined,
      undoable: false,
      findings: rawFindings(situation),
    },
  }
}

function borderOf(situation: Situation, view: SiteView): Border {
  const { stack } = situation
  return compileBorder({
    compiled: view.compiled,
    services: drilledServices(situation, view),
    announced: announcers(stack).flatMap(({ appliance, prefixes }) =>
      prefixes.map((prefix) => ({ prefix, by: appliance })),
    ),
    names: stack.ingress.flatMap((entry) => {
      if (!entry.dns) return []
      const firewall = firewallOf(stack.firewalls, entry.to)
      return firewall === undefined
        ? []
        : [
            {
              name: entry.name,
              appliance: firewall.name,
              own: entry.own.map(({ address }) => address),
              ...(proxyOf(view, entry) === undefined ? {} : { ipv6: true as const }),
            },
          ]
    }),
  })
}

/** The outer legs ask for their addresses as soon as they are up: whoever answers is up before. */
function inBubble(each: Step, border: Border): Step {
  const outer = [...border.outside.leases, ...(border.services?.leases ?? [])]
  return outer.some((lease) => each.id === `start ${lease.instance}`)
    ? { ...each, after: [...each.after, `ready ${border.name}`] }
    : each
}

/** What a bubble holds when all of it was made. */
function contents(
  view: SiteView,
  area: Area,
  border: Border,
  make: Parameters<typeof launch>[0]['make'],
): Parameters<typeof removed>[1] {
  const legs = outsideLegs(view).map(({ leg }) => leg)
  const networks = [
    ...view.compiled.segments.map((each) => each.name),
    'outside',
    ...(legs.includes('services') ? ['services'] : []),
  ]
  const names = [
    ...make.keys(),
    borderObject(view, area, border).name,
    ...(border.services?.stubs ?? []).map((stub) => stub.instance),
  ]
  return {
    area,
    networks: networks.map((segment) => ({ type: 'network', area, segment })),
    instances: names.map((name) => ({ name, stopped: false })),
  }
}

function isKept(claim: Claim, area: Area): boolean {
  return area.kind === 'bubble' && claim.proof?.kept === true && claim.proof.drill === area.drill
}

function leftovers(bubbles: readonly ObservedArea[]): readonly Finding[] {
  return bubbles.map((each) => ({
    level: 'note',
    what: `drill ${each.area.kind === 'bubble' ? each.area.drill : ''} was not ended by whoever began it: what it left is removed first`,
    hint: undefined,
    needs: undefined,
  }))
}

/** A drill does without the DNS server and the outside network of the site, but not without images for stubs. */
function lacksForDrill(situation: Situation, view: SiteView): readonly Finding[] {
  const images = drilledServices(situation, view).flatMap(({ drill }) =>
    typeof drill === 'string' ? [] : [drill.stub],
  )
  return [
    ...lacks(situation, view),
    ...clocks(situation),
    ...images
      .filter((image) => view.answer?.survey.images[image] === undefined)
      .map(
        (image): Finding => ({
          level: 'error',
          what: `image "${image}" of a stub is not at ${view.site.name}`,
          hint: `import it there under the alias ${image}`,
          needs: 'change',
        }),
      ),
  ]
}

function noStandby(situation: Situation): Planned {
  const silent = situation.sites.filter((each) => each.answer === undefined)
  const active = activeView(situation)
  return refuse(
    `no site that answers is standby for ${situation.stack.name}`,
    silent.length > 0
      ? `silent: ${silent.map((each) => `${each.site.name} (${each.silence ?? 'no reason known'})`).join(', ')}`
      : active === undefined
        ? undefined
        : `it is active at ${active.site.name}; run replicate first`,
  )
}

function notTested(situation: Situation, view: SiteView, flows: readonly string[]): readonly string[] {
  const { stack } = situation
  const ingress = new Set(stack.ingress.filter((entry) => entry.dns).map((entry) => entry.name))
  const elsewhere = stack.checks.filter((check) => !ingress.has(new URL(check.url).hostname))
  const active = activeView(situation)
  return [
    `the real way in at ${view.site.name}: its DHCP server, DNS update, outside network, and what resolvers of clients hold`,
    ...announcers(stack).map(
      ({ prefixes }) =>
        `the BGP session with the real route servers of ${view.site.name}, and whether they take ${prefixes.join(' ')}`,
    ),
    'whether clients trust the issuer of the certificate: it was compared with the one that the stack holds',
    ...stack.services.flatMap((service) =>
      service.drill === 'allow'
        ? []
        : [`${service.name}: ${service.drill === 'deny' ? 'denied' : 'a stub'} in drills, as the stack file says`],
    ),
    ...stack.services.flatMap(({ name, drill }) =>
      drill === 'allow' && looksLike6(view.site.services[name] ?? '')
        ? [`whether ${name} answers: it is at an IPv6 address, and the proxy in front takes a connection before that`]
        : [],
    ),
    ...elsewhere.map((check) => `${check.words}: its name is not an ingress of the stack`),
    ...(stack.checks.length === 0 ? ['what the application answers: the stack file has no checks'] : []),
    ...(active === undefined ? ['that the active site was not touched: it does not answer'] : []),
    ...flows,
  ]
}
