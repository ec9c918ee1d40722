import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { call } from '../api/client.ts'
import { Failed } from '../parts/states.tsx'

/** My own; the other sessions of this account end with it. */
export function Password() {
  const [old, setOld] = useState('')
  const [password, setPassword] = useState('')
  const change = useMutation({
    mutationFn: () => call('changePassword', { body: { old, password } }),
    onSuccess: () => {
      setOld('')
      setPassword('')
    },
  })
  return (
    <section aria-labelledby="my-password">
      <h2 id="my-password">My password</h2>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault()
          change.mutate()
        }}
      >
        <label>
          The present one
          <input
            type="password"
            autoComplete="current-password"
            required
            value={old}
            onChange={(event) => setOld(event.target.value)}
          />
        </label>
        <label>
          The new one, at least 12 characters
          <input
            type="password"
            autoComplete="new-password"
            minLength={12}
            required
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        </label>
        <button type="submit" disabled={change.isPending}>
          Change it
        </button>
        {change.error !== null && <Failed error={change.error} />}
        {change.isSuccess && <p role="status">It is changed; other sessions of this account have ended.</p>}
      </form>
    </section>
  )
}
