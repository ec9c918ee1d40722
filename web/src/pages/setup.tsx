import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { useLocation } from 'wouter'
import { call, rememberCsrf } from '../api/client.ts'
import { keyOf, queries } from '../api/queries.ts'
import { useTitle } from '../lib/title.ts'
import { Failed } from '../parts/states.tsx'

/** The link carries its secret behind the #, which no server log and no other page gets to see. */
export function Setup() {
  useTitle('First admin')
  const [, go] = useLocation()
  const [link] = useState(() => window.location.hash.slice(1))
  const [user, setUser] = useState('admin')
  const [password, setPassword] = useState('')
  const setup = useMutation({
    mutationFn: () => call('setup', { body: { link, user, password } }),
    onSuccess: (me) => {
      rememberCsrf(me.csrf)
      queries.setQueryData(keyOf('me'), me)
      void queries.invalidateQueries({ queryKey: keyOf('door') })
      go('/', { replace: true })
    },
  })
  return (
    <main className="door">
      <h1>The first admin</h1>
      {link === '' ? (
        <p className="note bad">The address is not whole: open the link as the controller printed it.</p>
      ) : (
        <form
          onSubmit={(event) => {
            event.preventDefault()
            setup.mutate()
          }}
        >
          <label>
            Name
            <input name="user" autoComplete="username" value={user} onChange={(event) => setUser(event.target.value)} />
          </label>
          <label>
            Password, at least 12 characters
            <input
              name="password"
              type="password"
              autoComplete="new-password"
              minLength={12}
              required
              value={password}
              onChange={(event) => setPassword(event.target.value)}
            />
          </label>
          <button type="submit" className="primary" disabled={setup.isPending}>
            Make this account
          </button>
          {setup.error !== null && <Failed error={setup.error} />}
        </form>
      )}
    </main>
  )
}
