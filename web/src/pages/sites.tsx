import { Link } from 'wouter'
import type { Answer } from '../api/client.ts'
import { useAnswer } from '../api/queries.ts'
import { useTitle } from '../lib/title.ts'
import { Mark } from '../parts/marks.tsx'
import { Ago } from '../parts/moment.tsx'
import { SiteCard } from '../parts/site-card.tsx'
import { Shown } from '../parts/states.tsx'
import { Schedules } from './schedules.tsx'

/** What each controller sees of each site: where the two do not agree, something between them is broken. */
function Views({ sites }: { readonly sites: Answer<'sites'> }) {
  const others = sites.filter(({ controller }) => controller.sees !== undefined)
  return (
    <>
      <h2>Who sees whom</h2>
      <table className="rows">
        <thead>
          <tr>
            <th scope="col">Site</th>
            <th scope="col">This controller</th>
            {others.map(({ site, controller }) => (
              <th key={site} scope="col">
                Controller of {site}
                {controller.state === 'silent' && controller.seen_at !== undefined && (
                  <>
                    , <Ago at={controller.seen_at} />
                  </>
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sites.map((site) => (
            <tr key={site.site}>
              <th scope="row">
                <Link href={`/?q=${site.site}`}>
                  {site.site}
                  <span className="sr">: its stacks</span>
                </Link>
              </th>
              <td data-label="This controller">
                <Answers answers={site.answers} silence={site.silence} />
              </td>
              {others.map(({ site: by, controller }) => {
                const seen = controller.sees?.find((each) => each.site === site.site)
                return (
                  <td key={by} data-label={`Of ${by}`}>
                    {seen === undefined ? 'not told' : <Answers answers={seen.answers} silence={seen.silence} />}
                  </td>
                )
              })}
            </tr>
          ))}
        </tbody>
      </table>
      {others.length === 0 && <p className="muted">No other controller has told what it sees.</p>}
    </>
  )
}

function Answers({ answers, silence }: { readonly answers: boolean; readonly silence: string | undefined }) {
  return (
    <>
      <Mark tone={answers ? 'good' : 'bad'}>{answers ? 'answers' : 'no answer'}</Mark> {silence}
    </>
  )
}

/** Whom firewalls announce to; what those have to be told is for the network team, once. */
function RouteServers({ sites }: { readonly sites: Answer<'sites'> }) {
  const some = sites.flatMap(({ site, bgp }) => (bgp === undefined ? [] : [{ site, ...bgp }]))
  if (some.length === 0) return null
  return (
    <>
      <h2>Route servers</h2>
      <table className="rows">
        <thead>
          <tr>
            <th scope="col">Site</th>
            <th scope="col">AS</th>
            <th scope="col">Addresses</th>
            <th scope="col">For the network team</th>
          </tr>
        </thead>
        <tbody>
          {some.map(({ site, as, route_servers }) => (
            <tr key={site}>
              <th scope="row">{site}</th>
              <td data-label="AS">{as}</td>
              <td data-label="Addresses">
                <code>{route_servers.join(', ')}</code>
              </td>
              <td data-label="For the network team">
                <a href={`/api/v1/sites/${site}/routes`}>
                  Sessions and filters<span className="sr"> at {site}, as FRR takes them</span>
                </a>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  )
}

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
            <Views sites={data} />
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
            <RouteServers sites={data} />
          </>
        )}
      </Shown>
      <Schedules />
    </>
  )
}
