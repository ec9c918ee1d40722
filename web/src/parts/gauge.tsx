import { memo } from 'react'
import { useNow } from '../lib/now.ts'
import { duration } from '../lib/words.ts'

/** Age of the newest complete point against the target: the bar is full at twice the target, the line is the target. */
export function RpoGauge({
  at,
  rpo_ms,
  known,
}: {
  readonly at: string | undefined
  readonly rpo_ms: number | undefined
  /** Whether the site that holds the points answers. */
  readonly known: boolean
}) {
  const now = useNow()
  if (rpo_ms === undefined) return <span className="muted">not protected</span>
  if (at === undefined && !known)
    return (
      <span className="mark warn" title="The site that holds the points does not answer.">
        not known
      </span>
    )
  if (at === undefined) return <span className="mark bad">no complete point</span>
  const age_ms = Math.max(0, now - Date.parse(at))
  const tone = age_ms <= rpo_ms ? 'good' : 'bad'
  const words = `${duration(Math.floor(age_ms / 1000) * 1000)} of ${duration(rpo_ms)}`
  return (
    <span className={`gauge ${tone}`}>
      <span className="track" aria-hidden="true">
        <span className="fill" style={{ width: `${Math.min(100, (age_ms / (2 * rpo_ms)) * 100)}%` }} />
      </span>
      <span className="words">{words}</span>
    </span>
  )
}

const width = 96
const height = 20

/** The last day of that age; the line is the target. */
export const Spark = memo(function Spark({
  values,
  rpo_ms,
}: {
  readonly values: readonly (number | null)[]
  readonly rpo_ms: number | undefined
}) {
  const target_s = (rpo_ms ?? 0) / 1000
  const seen = values.filter((value) => value !== null)
  if (seen.length === 0) return <span className="muted">not seen</span>
  const top = Math.max(target_s * 1.25, ...seen) || 1
  const x = (index: number) => ((index + 0.5) / values.length) * width
  const y = (value: number) => height - 1 - (value / top) * (height - 2)
  // A gap where nobody looked: a line across it would claim something.
  const runs: string[] = []
  let run: string[] = []
  for (const [index, value] of [...values, null].entries()) {
    if (value !== null && value !== undefined) run.push(`${x(index).toFixed(1)},${y(value).toFixed(1)}`)
    else if (run.length > 0) {
      runs.push(run.length === 1 ? `${run[0]} ${run[0]}` : run.join(' '))
      run = []
    }
  }
  const worst = Math.max(...seen)
  return (
    <svg
      className="spark"
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
      role="img"
      aria-label={`oldest point of the last day: ${duration(worst * 1000)}`}
    >
      {target_s > 0 && <line x1="0" x2={width} y1={y(target_s)} y2={y(target_s)} className="target" />}
      {runs.map((points) => (
        <polyline key={points} points={points} className={worst > target_s && target_s > 0 ? 'over' : ''} />
      ))}
    </svg>
  )
})
