import { useAnswer } from '../api/queries.ts'
import { Mark } from '../parts/marks.tsx'
import { Ago, Moment } from '../parts/moment.tsx'
import { Empty, Shown } from '../parts/states.tsx'

/** More than a person reads. */
const most_shown = 200

/** What runs by itself, and which of the controllers runs it. */
export function Schedules() {
  const schedules = useAnswer('schedules', {}, { every_ms: 15_000 })
  return (
    <section aria-labelledby="schedules">
      <h2 id="schedules">Schedules</h2>
      <Shown of={schedules}>
        {(all) => {
          // The guard of a stack is told once it had something to do; what fails comes first.
          const data = all
            .filter((each) => each.task !== 'guard' || each.last_at !== undefined)
            .sort((a, b) => b.failures - a.failures)
          return data.length === 0 ? (
            <Empty>Nothing runs by itself here.</Empty>
          ) : (
            <>
              <table className="rows">
                <thead>
                  <tr>
                    <th scope="col">Stack</th>
                    <th scope="col">Task</th>
                    <th scope="col">Every</th>
                    <th scope="col">Last</th>
                    <th scope="col">Next</th>
                    <th scope="col">Here</th>
                  </tr>
                </thead>
                <tbody>
                  {data.slice(0, most_shown).map((each) => (
                    <tr key={`${each.stack} ${each.task}`}>
                      <th scope="row">{each.stack}</th>
                      <td data-label="Task">{each.task}</td>
                      <td data-label="Every">{each.every}</td>
                      <td data-label="Last">
                        {each.last_at === undefined ? 'not yet' : <Ago at={each.last_at} />} {each.last}
                        {each.failures > 0 && <Mark tone="bad">failed {each.failures} times in a row</Mark>}
                      </td>
                      <td data-label="Next" className="short">
                        {each.next_at !== undefined && <Moment at={each.next_at} />}
                      </td>
                      <td data-label="Here">
                        {each.here ? 'yes' : 'no'} <span className="muted">{each.why}</span>
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
              {data.length > most_shown && <p className="muted">{data.length - most_shown} more run as they should.</p>}
            </>
          )
        }}
      </Shown>
    </section>
  )
}
