import { useAnswer } from '../api/queries.ts'
import { Mark } from '../parts/marks.tsx'
import { Ago, Moment } from '../parts/moment.tsx'
import { Empty, Shown } from '../parts/states.tsx'

/** What runs by itself, and which of the controllers runs it. */
export function Schedules() {
  const schedules = useAnswer('schedules', {}, { every_ms: 15_000 })
  return (
    <section aria-labelledby="schedules">
      <h2 id="schedules">Schedules</h2>
      <Shown of={schedules}>
        {(data) =>
          data.length === 0 ? (
            <Empty>Nothing runs by itself here.</Empty>
          ) : (
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
                {data.map((each) => (
                  <tr key={`${each.stack} ${each.task}`}>
                    <th scope="row">{each.stack}</th>
                    <td data-label="Task">{each.task}</td>
                    <td data-label="Every">{each.every}</td>
                    <td data-label="Last">
                      {each.last_at === undefined ? 'not yet' : <Ago at={each.last_at} />} {each.last}
                      {each.failures > 0 && <Mark tone="bad">failed {each.failures} times in a row</Mark>}
                    </td>
                    <td data-label="Next">{each.next_at !== undefined && <Moment at={each.next_at} />}</td>
                    <td data-label="Here">
                      {each.here ? 'yes' : 'no'} <span className="muted">{each.why}</span>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )
        }
      </Shown>
    </section>
  )
}
