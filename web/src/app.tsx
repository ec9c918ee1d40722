import { useEffect } from 'react'
import { Redirect, Route, Switch, useLocation } from 'wouter'
import { listen } from './api/live.ts'
import { useAnswer, useMe } from './api/queries.ts'
import { Frame } from './frame.tsx'
import { Alarms } from './pages/alarms.tsx'
import { Ask } from './pages/ask.tsx'
import { Audit } from './pages/audit.tsx'
import { History } from './pages/history.tsx'
import { Login } from './pages/login.tsx'
import { Missing } from './pages/missing.tsx'
import { Operation } from './pages/operation.tsx'
import { Overview } from './pages/overview.tsx'
import { Setup } from './pages/setup.tsx'
import { Sites } from './pages/sites.tsx'
import { Stack } from './pages/stack.tsx'
import { Users } from './pages/users.tsx'
import { Failed, Waiting } from './parts/states.tsx'

export function App() {
  const door = useAnswer('door')
  const me = useMe()
  const signedIn = me.data !== undefined && me.data !== null
  useEffect(() => (signedIn ? listen() : undefined), [signedIn])
  const [path] = useLocation()

  if (path.startsWith('/setup')) return <Setup />
  const error = door.error ?? me.error
  if (error !== null && (door.data === undefined || me.data === undefined))
    return (
      <main className="door">
        <h1>Lifeboat</h1>
        <Failed error={error} again={() => void Promise.all([door.refetch(), me.refetch()])} />
      </main>
    )
  if (door.data === undefined || me.data === undefined)
    return (
      <main className="door">
        <h1>Lifeboat</h1>
        <Waiting />
      </main>
    )
  if (me.data === null) return <Login door={door.data} />
  return (
    <Frame me={me.data} door={door.data}>
      <Switch>
        <Route path="/" component={Overview} />
        <Route path="/stacks">
          <Redirect to="/" />
        </Route>
        <Route path="/stacks/:stack/ask/:verb">{({ stack, verb }) => <Ask stack={stack} verb={verb} />}</Route>
        <Route path="/stacks/:stack/:tab?">{({ stack, tab }) => <Stack stack={stack} tab={tab ?? 'picture'} />}</Route>
        <Route path="/operations" component={History} />
        <Route path="/operations/:operation">{({ operation }) => <Operation operation={operation} />}</Route>
        <Route path="/sites" component={Sites} />
        <Route path="/alarms" component={Alarms} />
        <Route path="/audit" component={Audit} />
        <Route path="/users">{() => <Users me={me.data!} />}</Route>
        <Route component={Missing} />
      </Switch>
    </Frame>
  )
}
