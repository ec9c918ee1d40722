import type { Answer } from '../api/client.ts'
import { useAnswer } from '../api/queries.ts'
import { duration } from '../lib/words.ts'

/** What a person can say beside the verb. */
export type Wishes = {
  readonly point: string
  /** Of a drill: what becomes of its bubble, or of one that was left up. */
  readonly bubble: 'removed' | 'kept' | 'stop' | 'promote'
  /** A drill whose controller is gone, by a person's word. */
  readonly drill: string
  readonly down: readonly string[]
  readonly do: 'look' | 'stop' | 'discard'
  readonly file: string
  /** Names of instances, as they were typed. */
  readonly gone: string
  readonly overwrite: string
}

type Props = {
  readonly stack: Answer<'stack'>
  readonly verb: string
  readonly wishes: Wishes
  readonly change: (wishes: Wishes) => void
}

export function Choices(props: Props) {
  const { verb, wishes, change } = props
  switch (verb) {
    case 'drill':
      return (
        <fieldset className="form">
          <legend>What to drill</legend>
          {(
            [
              ['removed', 'Launch it in a bubble, see that it works, remove it'],
              ['kept', 'The same, and leave the bubble up, to look into it'],
              ['stop', 'Only remove a bubble that was left up'],
              ['promote', 'Make the bubble that was left up the stack: a failover with its data'],
            ] as const
          ).map(([value, words]) => (
            <label key={value} className="check">
              <input
                type="radio"
                name="drill"
                checked={wishes.bubble === value}
                onChange={() => change({ ...wishes, bubble: value })}
              />
              {words}
            </label>
          ))}
          {wishes.bubble === 'stop' ? (
            <label>
              A drill whose controller is gone, by my word
              <input
                value={wishes.drill}
                onChange={(event) => change({ ...wishes, drill: event.target.value.trim() })}
              />
            </label>
          ) : (
            <PointChoice {...props} />
          )}
          {wishes.bubble === 'promote' && <Down {...props} />}
        </fieldset>
      )
    case 'failover':
      return (
        <fieldset className="form">
          <legend>What to launch</legend>
          <PointChoice {...props} />
          <Down {...props} />
        </fieldset>
      )
    case 'rescue':
      return (
        <fieldset className="form">
          <legend>What to do with what was set aside</legend>
          {(
            [
              ['look', 'Start it isolated, to look into it'],
              ['stop', 'Stop looking; it stays set aside'],
              ['discard', 'Discard it for good'],
            ] as const
          ).map(([value, words]) => (
            <label key={value} className="check">
              <input
                type="radio"
                name="rescue"
                checked={wishes.do === value}
                onChange={() => change({ ...wishes, do: value })}
              />
              {words}
            </label>
          ))}
        </fieldset>
      )
    case 'deploy':
      return (
        <fieldset className="form">
          <legend>What to deploy</legend>
          <label>
            Stack file, below the stacks folder of the controller
            <input value={wishes.file} onChange={(event) => change({ ...wishes, file: event.target.value })} />
          </label>
          <label>
            Instances that may go, where the file has them no more
            <input value={wishes.gone} onChange={(event) => change({ ...wishes, gone: event.target.value })} />
          </label>
          <label>
            Instances whose changes by hand may go
            <input
              value={wishes.overwrite}
              onChange={(event) => change({ ...wishes, overwrite: event.target.value })}
            />
          </label>
        </fieldset>
      )
    default:
      return null
  }
}

/** A person's word, for each site that does not answer. */
function Down({ stack, wishes, change }: Props) {
  const silent = stack.places.filter((place) => !place.answers)
  return silent.map((place) => (
    <label key={place.site} className="check">
      <input
        type="checkbox"
        checked={wishes.down.includes(place.site)}
        onChange={(event) =>
          change({
            ...wishes,
            down: event.target.checked
              ? [...wishes.down, place.site]
              : wishes.down.filter((each) => each !== place.site),
          })
        }
      />
      I state that {place.site} is down. It does not answer, which alone does not mean that. My name is recorded.
    </label>
  ))
}

function PointChoice({ stack, wishes, change }: Props) {
  const places = useAnswer('points', { stack: stack.stack })
  const points = (places.data ?? []).flatMap((place) => place.points.map((point) => ({ ...point, site: place.site })))
  return (
    <label>
      Point
      <select value={wishes.point} onChange={(event) => change({ ...wishes, point: event.target.value })}>
        <option value="">the newest complete one</option>
        {points.map((point) => (
          <option key={`${point.site} ${point.name}`} value={point.name}>
            {point.name}, {duration(Math.max(0, Date.now() - Date.parse(point.taken_at)))} old, at {point.site}
          </option>
        ))}
      </select>
    </label>
  )
}
