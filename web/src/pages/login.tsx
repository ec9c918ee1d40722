import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { type Answer, call, rememberCsrf } from '../api/client.ts'
import { keyOf, queries } from '../api/queries.ts'
import { useTitle } from '../lib/title.ts'
import { Failed } from '../parts/states.tsx'

export function Login({ door }: { readonly door: Answer<'door'> }) {
  useTitle('Sign in')
  const [user, setUser] = useState('')
  const [password, setPassword] = useState('')
  const login = useMutation({
    mutationFn: () => call('login', { body: { user, password } }),
    onSuccess: (me) => {
      rememberCsrf(me.csrf)
      queries.setQueryData(keyOf('me'), me)
    },
  })
  return (
    <main className="door">
      <h1>Lifeboat at {door.site}</h1>
      {door.setup && (
        <p className="note warn">
          Nobody has an account yet. Open the link that the controller printed when it started.
        </p>
      )}
      <form
        onSubmit={(event) => {
          event.preventDefault()
          login.mutate()
        }}
      >
        <label>
          Name
          <input
            name="user"
            autoComplete="username"
            autoCapitalize="off"
            required
            value={user}
            onChange={(event) => setUser(event.target.value)}
          />
        </label>
        <label>
          Password
          <input
            name="password"
            type="password"
            autoComplete="current-password"
            required
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        </label>
        <button type="submit" className="primary" disabled={login.isPending}>
          Sign in
        </button>
        {door.oidc && (
          <a className="button" href="/api/v1/oidc/start">
            Sign in at the provider
          </a>
        )}
        {login.error !== null && <Failed error={login.error} />}
      </form>
    </main>
  )
}
