import type { UseQueryResult } from '@tanstack/react-query'
import { type ReactNode, useEffect, useState } from 'react'
import { CallError, limit_ms } from '../api/client.ts'

/** What a part of the page shows while it has nothing, and what it shows when there will be nothing. */
export function Shown<T>({
  of,
  children,
}: {
  readonly of: UseQueryResult<T, Error>
  readonly children: (data: T) => ReactNode
}) {
  if (of.data !== undefined) {
    return (
      <>
        {of.error !== null && <Stale error={of.error} again={() => void of.refetch()} />}
        {children(of.data)}
      </>
    )
  }
  if (of.error !== null) return <Failed error={of.error} again={() => void of.refetch()} />
  return <Waiting />
}

/** Says how long it will wait at most, after the moment in which most answers come. */
export function Waiting({ limit = limit_ms }: { readonly limit?: number }) {
  const [late, setLate] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 400)
    return () => clearTimeout(timer)
  }, [])
  return (
    <p className="waiting" role="status">
      {late ? `Asking the controller; this gives up after ${limit / 1000} s.` : ''}
    </p>
  )
}

export function Failed({ error, again }: { readonly error: Error; readonly again?: () => void }) {
  const body = error instanceof CallError ? error.body : undefined
  return (
    <div className="note bad" role="alert">
      <p>
        <strong>{error.message}</strong>
      </p>
      {body?.hint !== undefined && <p>{body.hint}</p>}
      {body?.findings?.map((finding) => (
        <p key={finding.what}>
          {finding.what}
          {finding.hint !== undefined && <span className="hint"> {finding.hint}</span>}
        </p>
      ))}
      {body?.fields?.map((field) => (
        <p key={field.path}>
          <code>{field.path}</code> {field.what}
        </p>
      ))}
      {again !== undefined && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  )
}

function Stale({ error, again }: { readonly error: Error; readonly again: () => void }) {
  return (
    <div className="note warn" role="alert">
      <p>What is shown is from before: {error.message}.</p>
      <button type="button" onClick={again}>
        Try again
      </button>
    </div>
  )
}

export function Empty({ children }: { readonly children: ReactNode }) {
  return <p className="empty">{children}</p>
}
