import type { Answer } from '../api/client.ts'
import { bytes, count, duration } from '../lib/words.ts'
import { Mark } from './marks.tsx'
import { Moment } from './moment.tsx'

type Site = Answer<'sites'>[number]

export function SiteCard({ site }: { readonly site: Site }) {
  const { pool, stacks, controller } = site
  const apart = Math.abs(site.clock_ahead_ms ?? 0)
  return (
    <section className="card" aria-label={`site ${site.site}`}>
      <div className="head">
        <h2>{site.site}</h2>
        {site.answers ? <Mark tone="good">answers</Mark> : <Mark tone="bad">no answer</Mark>}
        {apart >= 2_000 && <Mark tone="bad">clock {duration(apart)} apart</Mark>}
      </div>
      {!site.answers && <p className="hint">{site.silence ?? 'It is not known why. No answer does not mean down.'}</p>}
      <p>
        {count(stacks.active, 'stack')} active, {stacks.standby} standby
        {stacks.stale > 0 && (
          <>
            , <strong>{stacks.stale} stale</strong>
          </>
        )}
      </p>
      {pool !== undefined && <Pool pool={pool} />}
      <p className="muted">
        Controller:{' '}
        {controller.state === 'here'
          ? 'this one'
          : controller.state === 'none'
            ? 'none in the site file'
            : controller.state === 'answers'
              ? 'answers'
              : 'silent'}
        {controller.state === 'silent' && controller.seen_at !== undefined && (
          <>
            {' '}
            since <Moment at={controller.seen_at} />
          </>
        )}
        {controller.state === 'silent' && controller.why !== undefined && `: ${controller.why}`}
      </p>
    </section>
  )
}

function Pool({ pool }: { readonly pool: NonNullable<Site['pool']> }) {
  const used = pool.total_bytes - pool.free_bytes
  const share = pool.total_bytes === 0 ? 0 : used / pool.total_bytes
  return (
    <p>
      <span className={`gauge ${share > 0.9 ? 'bad' : 'good'}`}>
        <span className="track" aria-hidden="true">
          <span className="fill" style={{ width: `${share * 100}%` }} />
        </span>
        <span className="words">
          pool {pool.name}: {bytes(pool.free_bytes)} free of {bytes(pool.total_bytes)}
        </span>
      </span>
      {pool.full_on !== undefined && (
        <>
          {' '}
          full on <Moment at={pool.full_on} />
        </>
      )}
    </p>
  )
}
