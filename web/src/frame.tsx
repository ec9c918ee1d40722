import { type ReactNode, useEffect, useRef, useState } from 'react'
import { Link, useLocation } from 'wouter'
import { type Answer, call } from './api/client.ts'
import { useConnection } from './api/live.ts'
import { queries, useAnswer } from './api/queries.ts'
import { nextTheme, theme } from './lib/theme.ts'
import { Moment } from './parts/moment.tsx'
import { PlayBar } from './parts/play.tsx'

const places = [
  ['/', 'Overview'],
  ['/operations', 'History'],
  ['/sites', 'Sites'],
  ['/alarms', 'Alarms'],
] as const
const admins = [
  ['/audit', 'Audit'],
  ['/users', 'Users'],
] as const

/** What is around every page: where one can go, who one is, whether what is shown is the present. */
export function Frame({
  me,
  door,
  children,
}: {
  readonly me: Answer<'me'>
  readonly door: Answer<'door'>
  readonly children: ReactNode
}) {
  const [path] = useLocation()
  const overview = useAnswer('overview')
  const alarms = overview.data?.alarms.length ?? 0
  const main = useRef<HTMLElement>(null)
  const first = useRef(true)
  // A page that changed without a load is told to a screen reader by where the focus goes.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the path is what changes
  useEffect(() => {
    if (first.current) first.current = false
    else main.current?.focus({ preventScroll: true })
    window.scrollTo(0, 0)
  }, [path])
  const links = me.role === 'admin' ? [...places, ...admins] : [...places, ['/users', 'Tokens'] as const]
  return (
    <>
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <header className="top">
        <Link href="/" className="brand">
          <img src="/icon.svg" alt="" width="22" height="22" /> Lifeboat
        </Link>
        <nav aria-label="Main">
          {links.map(([to, words]) => (
            <Link key={to} href={to} aria-current={path === to ? 'page' : within(path, to) ? 'true' : undefined}>
              {words}
              {to === '/alarms' && alarms > 0 && (
                <span className="bubble">
                  {alarms}
                  <span className="sr"> open</span>
                </span>
              )}
            </Link>
          ))}
        </nav>
        <Who me={me} door={door} />
      </header>
      <ConnectionBar />
      {door.tour && <PlayBar />}
      <main id="main" ref={main} tabIndex={-1}>
        {children}
      </main>
    </>
  )
}

/** A stack is found by the overview, an operation by the history. */
const within = (path: string, to: string): boolean =>
  to === '/' ? path.startsWith('/stacks/') : path.startsWith(`${to}/`)

function Who({ me, door }: { readonly me: Answer<'me'>; readonly door: Answer<'door'> }) {
  const [shown, setShown] = useState(theme())
  return (
    <div className="who">
      <span>
        {me.user}{' '}
        <span className="muted">
          {me.role} at {door.site}
        </span>
      </span>
      {door.tour && <span className="mark busy">tour</span>}
      <button type="button" className="quiet" onClick={() => setShown(nextTheme())}>
        <span className="sr">Colours: </span>
        {shown}
      </button>
      {me.by === 'session' && (
        <button
          type="button"
          className="quiet"
          onClick={() => void call('logout').finally(() => void queries.resetQueries())}
        >
          Sign out
        </button>
      )}
    </div>
  )
}

function ConnectionBar() {
  const { state, since } = useConnection()
  if (state !== 'lost') return null
  return (
    <div className="bar bad" role="alert">
      The controller has not been heard since <Moment at={new Date(since).toISOString()} />. What is shown is from
      before. Trying again every second.
    </div>
  )
}
