import type { Estimate } from '../plan/plan.ts'
import type { Point } from '../state/objects.ts'
import type { SiteView, Situation } from './situation.ts'

/** How long the outage of a move would be, by phase, and from what that is known. What nobody has seen has no number. */
export function estimateMove(situation: Situation, source: SiteView, target: SiteView): Estimate {
  const { past } = situation
  const [from, to] = [source.site.name, target.site.name]
  const stop = past?.stops.find((each) => each.site === from) ?? past?.stops[0]
  const launch =
    past?.launches.find((each) => each.site === to && each.verb !== 'deploy') ??
    past?.launches.find((each) => each.site === to) ??
    past?.launches[0]
  const proof = target.answer?.observed.claim?.claim.proof
  const drilled =
    proof?.verdict === 'passed' ? (Date.parse(proof.ended_at) - Date.parse(proof.started_at)) / 1000 : undefined
  const points = target.answer?.observed.claim?.claim.points ?? []
  return {
    phases: [
      {
        phase: 'stop',
        s: stop?.s,
        from:
          stop === undefined
            ? 'no evidence: no move of this stack is recorded here'
            : `${stop.verb} ${stop.operation}, at ${stop.site}`,
      },
      { phase: 'last transfer', ...transfer(situation, points, from) },
      launch !== undefined
        ? { phase: 'launch', s: launch.s, from: `${launch.verb} ${launch.operation}, at ${launch.site}` }
        : drilled !== undefined
          ? { phase: 'launch', s: drilled, from: `drill ${proof?.drill} at ${to} as a whole: at most` }
          : {
              phase: 'launch',
              s: undefined,
              from: 'no evidence: no launch of this stack is recorded (lifeboat drill)',
            },
    ],
  }
}

/** What the cycles from a site have shown of the way to the standby. */
export type Way = {
  /** The least that a cycle took, however little there was to send. */
  readonly least_s: number
  /** The best that was seen: the link gives at least this. */
  readonly bytes_per_s: number
  /** What the stack writes. */
  readonly written_per_s: number
  readonly increments: number
}

/** Undefined where no increment was ever sent. Points are newest first. */
export function wayOf(points: readonly Point[]): Way | undefined {
  const recent = points.slice(0, considered + 1)
  const increments = recent.filter((each) => each.incremental)
  if (increments.length === 0) return undefined
  const speeds = recent.map((each) => each.sent_bytes / tookOf(each)).filter(Number.isFinite)
  const gaps = recent.flatMap((each, index) => {
    const before = recent[index + 1]
    return each.incremental && before !== undefined
      ? [{ bytes: each.sent_bytes, s: (Date.parse(each.taken_at) - Date.parse(before.taken_at)) / 1000 }]
      : []
  })
  const whole_s = sum(gaps.map((each) => each.s))
  return {
    least_s: Math.min(...increments.map(tookOf)),
    bytes_per_s: Math.max(...speeds),
    written_per_s: whole_s > 0 ? sum(gaps.map((each) => each.bytes)) / whole_s : 0,
    increments: increments.length,
  }
}

/** The last transfer of a move sends what was written while the one before it ran. */
function transfer(
  situation: Situation,
  points: readonly Point[],
  from: string,
): { s: number | undefined; from: string } {
  const way = wayOf(points)
  const [newest] = points
  if (way === undefined || newest === undefined)
    return { s: undefined, from: `no evidence: no increment was ever sent from ${from}` }
  const age_s = Math.max(0, (situation.now.getTime() - Date.parse(newest.taken_at)) / 1000)
  if (way.bytes_per_s === 0) return { s: undefined, from: `no evidence: what leaves ${from} is not counted` }
  const before_s = way.least_s + (way.written_per_s * age_s) / way.bytes_per_s
  return {
    s: way.least_s + (way.written_per_s * before_s) / way.bytes_per_s,
    from: `the last ${way.increments} increments from ${from}`,
  }
}

const tookOf = (point: Point): number => (Date.parse(point.complete_at) - Date.parse(point.taken_at)) / 1000
const sum = (values: readonly number[]): number => values.reduce((all, each) => all + each, 0)
const considered = 10
