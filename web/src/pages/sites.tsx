import { useAnswer } from '../api/queries.ts'
import { useTitle } from '../lib/title.ts'
import { SiteCard } from '../parts/site-card.tsx'
import { Shown } from '../parts/states.tsx'
import { Schedules } from './schedules.tsx'

export function Sites() {
  useTitle('Sites')
  const sites = useAnswer('sites', {}, { every_ms: 30_000 })
  return (
    <>
      <h1>Sites</h1>
      <Shown of={sites}>
        {(data) => (
          <>
            <div className="cards">
              {data.map((site) => (
                <SiteCard key={site.site} site={site} />
              ))}
            </div>
            <h2>Central services</h2>
            <table className="rows">
              <thead>
                <tr>
                  <th scope="col">Service</th>
                  {data.map((site) => (
                    <th key={site.site} scope="col">
                      At {site.site}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {[...new Set(data.flatMap((site) => site.services.map((each) => each.name)))].sort().map((name) => (
                  <tr key={name}>
                    <th scope="row">{name}</th>
                    {data.map((site) => (
                      <td key={site.site} data-label={site.site}>
                        <code>{site.services.find((each) => each.name === name)?.address ?? 'none'}</code>
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </>
        )}
      </Shown>
      <Schedules />
    </>
  )
}
