import { useSearch } from 'wouter'
import type { Answer } from '../api/client.ts'
import { useAnswer } from '../api/queries.ts'
import { useParam } from '../lib/search.ts'
import { count, touchWord } from '../lib/words.ts'
import { Shown } from '../parts/states.tsx'

type Physical = Answer<'touchpoints'>['physical']
type Touch = Physical['touches'][number]
type Name = keyof Physical['assumptions']

const numbers: readonly (readonly [Name, string, number, number])[] = [
  ['access_pairs', 'Pairs of access switches that its hypervisors are on', 1, 64],
  ['core_pairs', 'Pairs of core switches between these and the firewalls', 0, 64],
  ['switches_per_pair', 'Switches of a pair that are configured each for itself', 1, 2],
  ['firewalls', 'Firewalls that are configured each for itself', 1, 64],
  ['load_balancers', 'Load balancers that are configured each for itself', 1, 64],
]
const yesNo: readonly (readonly [Name, string])[] = [
  ['vlans_ready', 'Its VLANs are on every switch and trunk of the new site already'],
  ['clean_up', 'VLANs are also taken away at the old site'],
]

/** What a move touches outside the stack, beside what it would touch with VLANs and contexts on physical gear. */
export function Touchpoints({ stack }: { readonly stack: string }) {
  const search = new URLSearchParams(useSearch())
  const names = [...numbers.map(([name]) => name), ...yesNo.map(([name]) => name)]
  const said = Object.fromEntries(names.flatMap((name) => (search.has(name) ? [[name, search.get(name) ?? '']] : [])))
  const found = useAnswer('touchpoints', { stack }, { query: said, keep: true })
  return (
    <Shown of={found}>
      {({ lifeboat, physical }) => (
        <>
          <p className="muted">
            What a move to the other site has to change outside the stack, counted from its stack file. One touch is one
            thing that somebody configures on one device, or on one cluster that keeps its devices equal by itself.
          </p>
          <div className="facts" role="status">
            <div className="fact">
              <span className="label">With Lifeboat</span>
              <span className="big">{count(lifeboat.length, 'touch', 'touches')}</span>
              <span className="muted">none on a physical device</span>
            </div>
            <div className="fact">
              <span className="label">With VLANs and contexts on physical gear</span>
              <span className="big">{count(physical.touches.length, 'touch', 'touches')}</span>
              <span className="muted">on {count(physical.devices, 'device')}</span>
            </div>
          </div>
          <div className="columns">
            <section aria-labelledby="with-lifeboat">
              <h2 id="with-lifeboat">With Lifeboat</h2>
              <ul>
                {lifeboat.map((touch) => (
                  <li key={touch.what}>
                    <strong>{touchWord(touch.kind)}</strong> {touch.what}
                  </li>
                ))}
              </ul>
              <h2>Devices, and touches on each</h2>
              <Devices touches={physical.touches} />
            </section>
            <Assumed assumptions={physical.assumptions} />
          </div>
          <h2>With VLANs and contexts on physical gear</h2>
          <Parts touches={physical.touches} />
        </>
      )}
    </Shown>
  )
}

function Assumed({ assumptions }: { readonly assumptions: Physical['assumptions'] }) {
  return (
    <fieldset className="form assumed">
      <legend>What is assumed of the gear, at each site</legend>
      {numbers.map(([name, words, min, max]) => (
        <Amount key={name} name={name} words={words} min={min} max={max} assumed={Number(assumptions[name])} />
      ))}
      {yesNo.map(([name, words]) => (
        <Yes key={name} name={name} words={words} assumed={assumptions[name] === true} />
      ))}
    </fieldset>
  )
}

function Amount({
  name,
  words,
  min,
  max,
  assumed,
}: {
  readonly name: string
  readonly words: string
  readonly min: number
  readonly max: number
  readonly assumed: number
}) {
  const [, say] = useParam(name)
  return (
    <label className="amount">
      <input
        type="number"
        min={min}
        max={max}
        defaultValue={assumed}
        onChange={(event) => {
          // Half of a number, or one that cannot be, is not asked for.
          if (event.target.value === '') say('')
          else if (event.target.validity.valid) say(event.target.value)
        }}
      />
      {words}
    </label>
  )
}

function Yes({ name, words, assumed }: { readonly name: string; readonly words: string; readonly assumed: boolean }) {
  const [, say] = useParam(name)
  return (
    <label className="check">
      <input type="checkbox" checked={assumed} onChange={(event) => say(event.target.checked ? 'true' : '')} />
      {words}
    </label>
  )
}

/** One bar for each device: where the work would be. */
function Devices({ touches }: { readonly touches: readonly Touch[] }) {
  const counts = new Map<string, number>()
  for (const each of touches) {
    const device = `${each.device}, ${each.at}`
    counts.set(device, (counts.get(device) ?? 0) + 1)
  }
  const most = Math.max(1, ...counts.values())
  return (
    <dl className="bars">
      {[...counts].map(([device, number]) => (
        <div key={device}>
          <dt>{device}</dt>
          <dd>
            <span className="bar-of" aria-hidden="true" style={{ width: `${(number / most) * 100}%` }} />
            {number}
          </dd>
        </div>
      ))}
    </dl>
  )
}

function Parts({ touches }: { readonly touches: readonly Touch[] }) {
  const keys = [...new Set(touches.map((each) => `${each.at}\n${each.of}`))].sort((a, b) => a.localeCompare(b))
  return (
    <table className="rows">
      <thead>
        <tr>
          <th scope="col">Part of the stack</th>
          <th scope="col">Where</th>
          <th scope="col">Touches</th>
          <th scope="col">On</th>
          <th scope="col">What has to be configured</th>
        </tr>
      </thead>
      <tbody>
        {keys.map((key) => {
          const own = touches.filter((each) => `${each.at}\n${each.of}` === key)
          const devices = [...new Set(own.map((each) => each.device))]
          return (
            <tr key={key}>
              <th scope="row" className="short">
                {own[0]!.of}
              </th>
              <td data-label="Where" className="short">
                {own[0]!.at}
              </td>
              <td data-label="Touches" className="number">
                {own.length}
              </td>
              <td data-label="On" className="short">
                {devices.length === 1 ? devices[0] : count(devices.length, 'device')}
              </td>
              <td data-label="What">{[...new Set(own.map((each) => each.what))].join('; ')}</td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}
