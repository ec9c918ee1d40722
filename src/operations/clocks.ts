import { formatDuration } from '../lib/duration.ts'
import type { Finding } from '../plan/plan.ts'
import type { SiteView, Situation } from './situation.ts'

/** A Date header is cut to the second, and an answer takes its time: below this nothing can be told. */
const apart_ms = 10_000

/**
 * Clocks that do not agree, as far as can be seen from here: those of the sites with each other and with this machine, and
 * this machine's with what other controllers wrote down. No order of points or claims comes from clocks (a claim lists its
 * points in the order in which they came to be); ages do, and signatures of DNS updates.
 */
export function clocks(situation: Situation): readonly Finding[] {
  const ticking = situation.sites.flatMap((view) =>
    view.answer === undefined ? [] : [{ name: view.site.name, ahead_ms: view.answer.survey.clock_ahead_ms }],
  )
  const sorted = [...ticking].sort((a, b) => a.ahead_ms - b.ahead_ms)
  const [behind, ahead] = [sorted[0], sorted.at(-1)]
  if (behind === undefined || ahead === undefined) return []
  if (ahead.ahead_ms - behind.ahead_ms > apart_ms)
    return [
      apart(`${ahead.name} is ${seconds(ahead.ahead_ms - behind.ahead_ms)} ahead of ${behind.name}`, hintFor(sorted)),
    ]
  const middle = (ahead.ahead_ms + behind.ahead_ms) / 2
  if (Math.abs(middle) > apart_ms) {
    const names = ticking.map((each) => each.name).join(' and ')
    return [
      apart(
        `${names} ${ticking.length === 1 ? 'is' : 'are'} ${seconds(Math.abs(middle))} ${middle > 0 ? 'ahead of' : 'behind'} this machine`,
        `ages and loss windows told here are wrong by as much; set the clock of this machine, or of ${names}`,
      ),
    ]
  }
  return situation.sites.flatMap((view) => fromTheFuture(situation, view))
}

/** Which of them is wrong shows where one agrees with this machine. */
function hintFor(sorted: readonly { readonly name: string; readonly ahead_ms: number }[]): string {
  const wrong = sorted.filter((each) => Math.abs(each.ahead_ms) > apart_ms)
  const whose =
    wrong.length === 1 ? `set the clock of ${wrong[0]?.name}: this machine agrees with the other` : 'set them'
  return `${whose}; until then the times in logs and certificates of the two sites do not fit each other`
}

/** Another controller, whose clock was ahead of this one, took the newest point. */
function fromTheFuture(situation: Situation, view: SiteView): readonly Finding[] {
  const newest = view.answer?.observed.claim?.claim.points[0]
  if (newest === undefined) return []
  const early_ms = Date.parse(newest.taken_at) - situation.now.getTime()
  if (early_ms <= apart_ms) return []
  return [
    apart(
      `the newest point of ${view.site.name} was taken ${seconds(early_ms)} from now, by this machine's clock`,
      'another machine with another clock took it: its age is not known; set the clock that is wrong',
    ),
  ]
}

const seconds = (ms: number): string =>
  ms < 60_000 ? formatDuration(ms) : `${Math.round(ms / 1000)} s (${formatDuration(ms)})`

function apart(what: string, hint: string): Finding {
  return { level: 'warning', what: `clocks apart: ${what}`, hint, needs: undefined }
}
