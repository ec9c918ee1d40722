import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { type Answer, call } from '../api/client.ts'
import { queries, useAnswer } from '../api/queries.ts'
import { Ago, Moment } from '../parts/moment.tsx'
import { Empty, Failed, Shown } from '../parts/states.tsx'
import { Sure } from '../parts/sure.tsx'

const roles = ['viewer', 'operator', 'commander', 'admin'] as const

export function Tokens({ me }: { readonly me: Answer<'me'> }) {
  const tokens = useAnswer('tokens')
  const remove = useMutation({
    mutationFn: (id: string) => call('removeToken', { params: { id } }),
    onSettled: () => void queries.invalidateQueries({ queryKey: ['tokens'] }),
  })
  return (
    <section aria-labelledby="tokens">
      <h2 id="tokens">Tokens for automation</h2>
      <Shown of={tokens}>
        {(data) =>
          data.length === 0 ? (
            <Empty>No token.</Empty>
          ) : (
            <table className="rows">
              <thead>
                <tr>
                  <th scope="col">Token</th>
                  <th scope="col">Role</th>
                  <th scope="col">Of</th>
                  <th scope="col">Last used</th>
                  <th scope="col">Expires</th>
                  <th scope="col">Do</th>
                </tr>
              </thead>
              <tbody>
                {data.map((token) => (
                  <tr key={token.id}>
                    <th scope="row">{token.name}</th>
                    <td data-label="Role">{token.role}</td>
                    <td data-label="Of">{token.user}</td>
                    <td data-label="Last used">{token.seen_at === undefined ? 'never' : <Ago at={token.seen_at} />}</td>
                    <td data-label="Expires">
                      {token.expires_at === undefined ? 'never' : <Moment at={token.expires_at} />}
                    </td>
                    <td data-label="Do">
                      <Sure ask={`Take ${token.name} back for good?`} act={() => remove.mutate(token.id)}>
                        Take back<span className="sr"> {token.name}</span>
                      </Sure>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )
        }
      </Shown>
      {remove.error !== null && <Failed error={remove.error} />}
      <NewToken me={me} />
    </section>
  )
}

function NewToken({ me }: { readonly me: Answer<'me'> }) {
  const mine = roles.slice(0, roles.indexOf(me.role) + 1)
  const [name, setName] = useState('')
  const [role, setRole] = useState<(typeof roles)[number]>('viewer')
  const add = useMutation({
    mutationFn: () => call('addToken', { body: { name, role, days: 365 } }),
    onSuccess: () => {
      setName('')
      void queries.invalidateQueries({ queryKey: ['tokens'] })
    },
  })
  return (
    <details>
      <summary>Make a token</summary>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault()
          add.mutate()
        }}
      >
        <label>
          What for
          <input required maxLength={64} value={name} onChange={(event) => setName(event.target.value)} />
        </label>
        <label>
          Role
          <select value={role} onChange={(event) => setRole(event.target.value as typeof role)}>
            {mine.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
        <button type="submit" className="primary" disabled={add.isPending}>
          Make it, for a year
        </button>
        {add.error !== null && <Failed error={add.error} />}
        {add.data !== undefined && (
          <p className="note warn" role="status">
            Shown this once: <code>{add.data.token}</code>
          </p>
        )}
      </form>
    </details>
  )
}
