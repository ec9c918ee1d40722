import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { type Answer, call } from '../api/client.ts'
import { queries, useAnswer } from '../api/queries.ts'
import { useTitle } from '../lib/title.ts'
import { Mark } from '../parts/marks.tsx'
import { Ago, Moment } from '../parts/moment.tsx'
import { Failed, Shown } from '../parts/states.tsx'
import { Sure } from '../parts/sure.tsx'
import { Password } from './password.tsx'
import { Tokens } from './tokens.tsx'

type User = Answer<'users'>[number]
const roles = ['viewer', 'operator', 'commander', 'admin'] as const

export function Users({ me }: { readonly me: Answer<'me'> }) {
  useTitle('Users')
  return (
    <>
      <h1>{me.role === 'admin' ? 'Users and tokens' : 'Tokens'}</h1>
      <p className="muted">
        A viewer looks. An operator also drills and replicates. A commander also moves stacks. An admin also removes and
        grants.
      </p>
      {me.role === 'admin' && <Accounts me={me} />}
      <Tokens me={me} />
      {me.by === 'session' && <Password />}
    </>
  )
}

function Accounts({ me }: { readonly me: Answer<'me'> }) {
  const users = useAnswer('users')
  const change = useMutation({
    mutationFn: ({ user, to }: { user: string; to: { role?: User['role']; disabled?: boolean } }) =>
      call('changeUser', { params: { user }, body: to }),
    onSettled: () => void queries.invalidateQueries({ queryKey: ['users'] }),
  })
  const remove = useMutation({
    mutationFn: (user: string) => call('removeUser', { params: { user } }),
    onSettled: () => void queries.invalidateQueries({ queryKey: ['users'] }),
  })
  return (
    <section aria-labelledby="accounts">
      <h2 id="accounts">Accounts</h2>
      <Shown of={users}>
        {(data) => (
          <table className="rows">
            <thead>
              <tr>
                <th scope="col">User</th>
                <th scope="col">Role</th>
                <th scope="col">Signs in by</th>
                <th scope="col">Last seen</th>
                <th scope="col">Do</th>
              </tr>
            </thead>
            <tbody>
              {data.map((user) => (
                <tr key={user.user}>
                  <th scope="row">
                    {user.user} {user.disabled && <Mark tone="bad">disabled</Mark>}
                  </th>
                  <td data-label="Role">
                    <label>
                      <span className="sr">Role of {user.user}</span>
                      <select
                        value={user.role}
                        disabled={user.user === me.user}
                        onChange={(event) =>
                          change.mutate({ user: user.user, to: { role: event.target.value as User['role'] } })
                        }
                      >
                        {roles.map((role) => (
                          <option key={role}>{role}</option>
                        ))}
                      </select>
                    </label>
                  </td>
                  <td data-label="Signs in by">{user.by}</td>
                  <td data-label="Last seen">{user.seen_at === undefined ? 'never' : <Ago at={user.seen_at} />}</td>
                  <td data-label="Do">
                    {user.user === me.user ? (
                      <span className="muted">you</span>
                    ) : (
                      <>
                        <button
                          type="button"
                          onClick={() => change.mutate({ user: user.user, to: { disabled: !user.disabled } })}
                        >
                          {user.disabled ? 'Enable' : 'Disable'}
                          <span className="sr"> {user.user}</span>
                        </button>{' '}
                        <Sure ask={`Remove ${user.user} for good?`} act={() => remove.mutate(user.user)}>
                          Remove<span className="sr"> {user.user}</span>
                        </Sure>
                      </>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Shown>
      {change.error !== null && <Failed error={change.error} />}
      {remove.error !== null && <Failed error={remove.error} />}
      <NewUser />
    </section>
  )
}

function NewUser() {
  const [user, setUser] = useState('')
  const [password, setPassword] = useState('')
  const [role, setRole] = useState<User['role']>('viewer')
  const add = useMutation({
    mutationFn: () => call('addUser', { body: { user, role, password } }),
    onSuccess: () => {
      setUser('')
      setPassword('')
      void queries.invalidateQueries({ queryKey: ['users'] })
    },
  })
  return (
    <details>
      <summary>Make an account</summary>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault()
          add.mutate()
        }}
      >
        <label>
          Name
          <input required autoComplete="off" value={user} onChange={(event) => setUser(event.target.value)} />
        </label>
        <label>
          Role
          <select value={role} onChange={(event) => setRole(event.target.value as User['role'])}>
            {roles.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
        <label>
          First password, at least 12 characters
          <input
            type="password"
            autoComplete="new-password"
            minLength={12}
            required
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        </label>
        <button type="submit" className="primary" disabled={add.isPending}>
          Make it
        </button>
        {add.error !== null && <Failed error={add.error} />}
        {add.data !== undefined && (
          <p role="status">
            {add.data.user} was made <Moment at={add.data.made_at} />.
          </p>
        )}
      </form>
    </details>
  )
}
